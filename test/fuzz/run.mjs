// Mutated requests against a server in a process of its own: it must not end, not hang, and use no more memory at the end than after
// the first part.
//   npm run fuzz -- kafka [--requests N] [--seed S] [--from BURST]
import { parseArgs } from "node:util";
import { fuzzKafka } from "./kafka.mjs";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    requests: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    from: { type: "string", default: "0" },
  },
});
if (positionals[0] !== "kafka") {
  console.error("usage: npm run fuzz -- kafka [--requests N] [--seed S] [--from BURST]");
  process.exit(2);
}
const found = await fuzzKafka({
  requests: Number(values.requests),
  seed: Number(values.seed),
  from: Number(values.from),
  say: console.log,
});
console.log(
  `${found.requests} requests, ${found.connections} connections, ${found.answers} answers, ${found.lines} log lines, ${Math.round(found.requests / found.seconds)} requests/s`,
);
for (const why of found.failures) console.error(`FAILED: ${why}`);
process.exit(found.failures.length ? 1 : 0);

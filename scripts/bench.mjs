// Runs every bench (or those named, by whole names or by a part) one after the other and prints their table. BENCH_SCALE shrinks the data for a smoke run.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../bench", import.meta.url));
const wanted = process.argv.slice(2);
const shared = new Set([
  "support.mjs",
  "copy.mjs",
  "pipeline.mjs",
  "query-support.mjs",
  "spawned.mjs",
  "sink-support.mjs",
  "sink-turns.mjs",
  "latency-support.mjs",
  "latency-writer.mjs",
  "sql/server.mjs",
  "sql/workload.mjs",
]);
const all = readdirSync(folder, { recursive: true })
  .sort()
  .filter((name) => name.endsWith(".mjs") && !shared.has(name) && !name.startsWith("_"));
const files = all.filter(
  (name) => wanted.length === 0 || wanted.some((w) => (all.includes(`${w}.mjs`) ? name === `${w}.mjs` : name.includes(w))),
);
const rows = [];
let failed = 0;
for (const file of files) {
  console.log(`\n# ${file}`);
  const run = spawnSync(process.execPath, ["--expose-gc", `${folder}/${file}`], {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
    env: { ...process.env, BENCH_JSON: "1" },
    maxBuffer: 1 << 26,
  });
  for (const line of run.stdout.split("\n")) {
    if (line.startsWith("BENCH ")) rows.push(JSON.parse(line.slice(6)));
    else if (line) console.log(line);
  }
  if (run.status !== 0) failed++;
}
console.log(`\n${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.version}\n`);
console.log(
  "| bench | rate /s | limit /s | ratio | must reach | CPU s per million | peak MB |\n| --- | --- | --- | --- | --- | --- | --- |",
);
for (const r of rows)
  console.log(
    `| ${r.name} | ${r.rate} | ${r.limitRate ?? ""} | ${r.ratio ?? ""} | ${r.mustReach ?? ""} | ${r.cpuSecondsPerMillion ?? ""} | ${r.peakMB ?? ""} |`,
  );
if (failed) {
  console.error(`${failed} of ${files.length} benches ended with an error`);
  process.exit(1);
}

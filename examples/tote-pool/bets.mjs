// Random bets into the topic, through the REST Proxy.
//   REST_PROXY=http://127.0.0.1:8082 node examples/tote-pool/bets.mjs [--rate 100] [--seconds 60]
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

export const races = [0, 1, 2];
/** A race has four runners. */
export const runners = races.flatMap((race) => [0, 1, 2, 3].map((n) => ({ runner: race * 10 + n, race })));

/** Posts bets `{ runner, race, amount }` in one request. @throws Error with the proxy's message, or where a bet was not taken */
export async function post(url, bets) {
  const response = await fetch(`${url}/topics/bets`, {
    method: "POST",
    headers: { "content-type": "application/vnd.kafka.avro.v2+json", accept: "application/vnd.kafka.v2+json" },
    body: JSON.stringify({
      value_schema_id: 1,
      records: bets.map(({ runner, race, amount }) => ({
        value: { RUNNER_ID: { int: runner }, RACE_ID: { int: race }, AMOUNT: { double: amount } },
      })),
    }),
  });
  const answer = await response.json();
  const refused = answer.message ?? answer.offsets.find((o) => o.error)?.error;
  if (refused) throw new Error(`the REST Proxy refused bets: ${refused}`);
}

/** Posts `rate` bets a second, ten a request, until `stop()`; every amount is another one, and all sums of them are exact. */
export function generate(url, rate) {
  let running = true;
  const bets = [];
  const done = (async () => {
    for (const begun = performance.now(); running; ) {
      const some = Array.from({ length: 10 }, (_, i) => ({
        ...runners[Math.floor(Math.random() * runners.length)],
        amount: 2 + (bets.length + i) * 0.25,
      }));
      await post(url, some);
      bets.push(...some);
      const wait = begun + (bets.length / rate) * 1000 - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    }
  })();
  return {
    bets,
    async stop() {
      running = false;
      await done;
    },
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { values } = parseArgs({ options: { rate: { type: "string", default: "100" }, seconds: { type: "string", default: "60" } } });
  const generator = generate(process.env.REST_PROXY ?? "http://127.0.0.1:8082", Number(values.rate));
  await new Promise((resolve) => setTimeout(resolve, Number(values.seconds) * 1000));
  await generator.stop();
  console.log(`${generator.bets.length} bets`);
}

// npm run test:crash -- [PIPELINE] --kills N --seed S [--chaos KIND,…] [--patience SECONDS] [--verbose]
// PIPELINE: a file of pipelines/; admissions where none is named. A random write load at its sources, a `kill -9` or another disaster
// at random moments; after each, the target equals a recomputation from the sources: nothing lost, nothing doubled.
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { difference } from "./difference.mjs";
import { kindsOf, strike } from "./disasters.mjs";
import { Load } from "./load.mjs";
import { MillraceProcess } from "./millrace.mjs";
import { generator } from "./random.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
    chaos: { type: "string" }, // kill, source-kill and target-kill, as far as the pipeline has them
    patience: { type: "string", default: "120" },
    verbose: { type: "boolean" },
  },
});
const name = positionals[0] ?? "admissions";
const names = readdirSync(new URL("pipelines/", import.meta.url)).map((file) => file.replace(".mjs", ""));
if (!names.includes(name)) {
  console.error(`no such pipeline: ${name}; there are ${names.join(", ")}`);
  process.exit(2);
}
const rounds = Number(options.kills);
let kinds = options.chaos?.split(",");
const deck = [];
// Of its own: the writers' draws come in an order that no seed fixes, and would change the disasters.
const random = generator(Number(options.seed));
const between = (low, high) => low + Math.floor(random() * (high - low));

const folder = mkdtempSync(join(tmpdir(), "millrace-crash-"));
chmodSync(folder, 0o755); // a database runs as an account of its own when this runs as root
const output = [];
const say = (line) => {
  output.push(line);
  console.log(line);
};

let pipeline;
let millrace;
let load;
try {
  const { open } = await import(`./pipelines/${name}.mjs`);
  pipeline = await open({ folder, random: generator(Number(options.seed) + 1), kinds: kinds ?? [] });
  kinds ??= ["kill", "source-kill", "target-kill"].filter((kind) => kindsOf(pipeline).includes(kind));
  load = new Load(pipeline.writers);
  millrace = new MillraceProcess(folder, pipeline, options.verbose);
  await millrace.start();
  await pipeline.create(millrace);
  await equals("before the first disaster");
  const counts = {};
  for (let round = 1; round <= rounds; round++) {
    const kind = next();
    load.start();
    await sleep(between(20, 1200));
    await strike(kind, pipeline, millrace, random);
    await sleep(between(0, 300));
    await load.stop();
    const waited = await equals(`after disaster ${round} (${kind})`);
    counts[kind] = (counts[kind] ?? 0) + 1;
    say(`${round}/${rounds} ${kind}: ${load.writes} writes so far, the target equals the source ${waited} ms after the load ended`);
  }
  const struck = Object.entries(counts).map(([kind, n]) => `${n} × ${kind}`);
  say(`${rounds} passed, 0 failed (${struck.join(", ")}; ${name}, seed ${options.seed}, ${load.writes} writes)`);
} catch (error) {
  await keep(error);
  process.exitCode = 1;
} finally {
  await load?.stop().catch(() => {});
  await millrace?.kill();
  await pipeline?.stop().catch((error) => console.error(error));
  if (!process.exitCode) rmSync(folder, { recursive: true, force: true });
}
process.exit();

/** Every kind comes once before one comes again. */
function next() {
  if (deck.length === 0) deck.push(...kinds);
  return deck.splice(between(0, deck.length), 1)[0];
}

/**
 * Waits until the target is what the sources say: for as long as it changes, as a busy machine's target is only slow.
 * @throws Error with the difference where it has not changed for the patience, or still does after ten times as long
 */
async function equals(when) {
  const begun = Date.now();
  const patience = Number(options.patience) * 1000;
  let expected;
  let last = "";
  let found = "";
  for (let changed = begun; Date.now() < Math.min(changed + patience, begun + 10 * patience); await sleep(25)) {
    try {
      expected ??= await pipeline.expected();
      last = difference(expected, await pipeline.actual());
      if (last === undefined) return Date.now() - begun;
      if (last !== found) changed = Date.now();
      found = last;
    } catch (error) {
      last = error.message; // a server that still recovers, a table that the sink has not made yet
    }
  }
  throw new Error(`${when}, the target is not the sources' recomputation:\n${last}`);
}

/** Everything that tells why, in a folder of its own below .crash: a terminal's scrollback is soon gone. */
async function keep(error) {
  console.error(error.stack ?? error);
  const time = new Date().toISOString().slice(0, 19).replace(/\D/g, "");
  const kept = join(fileURLToPath(new URL("../../.crash/", import.meta.url)), `${name}-seed${options.seed}-${time}`);
  mkdirSync(kept, { recursive: true });
  const state = await Promise.race([millrace?.state(), sleep(10_000, "it did not answer within 10 s", { ref: false })]).catch(String);
  writeFileSync(join(kept, "state.json"), JSON.stringify(state ?? "it never started", null, 2));
  for (const { status } of Object.values(state?.connectors ?? {}))
    for (const task of status?.tasks ?? [])
      if (task.trace) say(`${status.name} task ${task.id} is ${task.state}: ${task.trace.split("\n")[0]}`);
  await load?.stop().catch(() => {});
  await millrace?.kill(); // its log is whole only then
  say("0 passed, 1 failed");
  writeFileSync(
    join(kept, "run.log"),
    `node test/crash/run.mjs ${process.argv.slice(2).join(" ")}\n${output.join("\n")}\n${error.stack ?? error}\n`,
  );
  for (const file of ["millrace.log", "millrace"])
    if (existsSync(join(folder, file))) cpSync(join(folder, file), join(kept, file), { recursive: true });
  console.error(`
Kept in ${kept}:
  run.log       this run, with what is missing and what is too much
  state.json    connectors, queries and what was set aside, as they were at the end
  millrace.log  everything that the process logged, over all its starts
  millrace      its data folder: npx millrace start --dir ${join(kept, "millrace")}
The databases are in ${folder}. The same run again: npm run test:crash -- ${process.argv.slice(2).join(" ")}`);
}

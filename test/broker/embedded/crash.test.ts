import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { EmbeddedBroker } from "../../../src/broker/embedded/embedded-broker.js";
import { readAll } from "../../contract/broker.js";

const writer = fileURLToPath(new URL("./crash-writer.mjs", import.meta.url));
const built = existsSync(fileURLToPath(new URL("../../../dist/broker/embedded/embedded-broker.js", import.meta.url)));
const writers = 4;
const partitions = 5;
const kills = Number(process.env["MILLRACE_BROKER_KILLS"] ?? 8);

async function runAndKill(dir: string, acks: string, ms: number): Promise<string> {
  const child = spawn(process.execPath, [writer, dir, acks, String(writers), String(partitions)], { stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (d) => (errors += d));
  const gone = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  await Promise.race([new Promise<void>((resolve) => child.stdout.once("data", () => resolve())), gone]);
  await new Promise((resolve) => setTimeout(resolve, ms));
  child.kill("SIGKILL");
  await gone;
  return errors;
}

/** Every transaction whole, every confirmed one there, offsets equal to the data, nothing left open. */
async function check(broker: EmbeddedBroker, acks: string): Promise<number> {
  const seen = new Map<string, { total: number; parts: Set<number> }>();
  for (let p = 0; p < partitions; p++)
    for (const value of await readAll(broker, "data", "read_committed", p)) {
      const [k, n, i, total, kind] = value.trim().split(":");
      expect(kind).toBe("commit");
      const key = `${k}:${n}`;
      const entry = seen.get(key) ?? { total: Number(total), parts: new Set<number>() };
      expect(entry.parts.has(Number(i)), `${value} twice`).toBe(false);
      entry.parts.add(Number(i));
      seen.set(key, entry);
    }
  for (const [key, { total, parts }] of seen) expect(parts.size, `transaction ${key} is not whole`).toBe(total);
  const text = existsSync(acks) ? await readFile(acks, "utf8") : "";
  for (const key of text.split("\n").filter((l) => l !== "")) expect(seen.has(key), `confirmed transaction ${key} is lost`).toBe(true);
  for (let k = 0; k < writers; k++) {
    const last = Math.max(-1, ...[...seen.keys()].filter((key) => key.startsWith(`${k}:`)).map((key) => Number(key.split(":")[1])));
    expect((await broker.offsetFetch(`g${k}`, [{ topic: "in", partition: 0 }]))[0]!.offset, `offset of writer ${k}`).toBe(last);
  }
  for (let p = 0; p < partitions; p++) {
    const ask = { partitions: [{ topic: "data", partition: p, timestamp: "latest" as const }] };
    const [[stable], [end]] = await Promise.all([broker.listOffsets({ ...ask, isolation: "read_committed" }), broker.listOffsets(ask)]);
    expect(stable!.offset, `a transaction is left open in partition ${p}`).toBe(end!.offset);
  }
  return seen.size;
}

it.skipIf(!built)(`keeps whole transactions through ${kills} kills${built ? "" : " (not run: dist/ is not built)"}`, async () => {
  const dir = await mkdtemp(join(tmpdir(), "millrace-crash-"));
  const acks = join(dir, "acks");
  const data = join(dir, "data");
  let committed = 0;
  for (let round = 0; round < kills; round++) {
    // One kill in three comes during start-up and recovery.
    const errors = await runAndKill(data, acks, round % 3 === 2 ? Math.random() * 40 : 50 + Math.random() * 250);
    expect(errors).toBe("");
    if (round % 2 === 0) continue;
    const broker = await EmbeddedBroker.open({ dir: data });
    committed = await check(broker, acks);
    await broker.close();
  }
  const broker = await EmbeddedBroker.open({ dir: data });
  committed = await check(broker, acks);
  await broker.close();
  expect(committed).toBeGreaterThan(kills);
  await rm(dir, { recursive: true, force: true });
});

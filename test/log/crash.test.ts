import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PartitionLog } from "../../src/log/partition-log.js";
import { config, readAll, tempDir } from "./support.js";

const kills = Number(process.env["LOG_KILLS"] ?? 8);
const built = existsSync(join(import.meta.dirname, "../../dist/log/partition-log.js"));

/** Runs until it is killed after a random time; returns the last offset that it had confirmed. */
function runAndKill(dir: string, policy: string, seed: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, "crash-child.mjs"), dir, policy, String(seed)], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let out = "";
    let errors = "";
    child.stdout.on("data", (data) => {
      // the clock starts with the first confirmation: starting takes its time on a busy machine
      if (out === "") setTimeout(() => child.kill("SIGKILL"), Math.random() * 250);
      out += data;
    });
    child.stderr.on("data", (data) => {
      errors += data;
    });
    child.on("close", (code, signal) => {
      if (signal !== "SIGKILL") return reject(new Error(`the child ended with ${code}: ${errors}`));
      const whole = out.slice(0, out.lastIndexOf("\n")).split("\n");
      resolve(Math.max(...whole.map(Number)));
    });
  });
}

for (const policy of ["delete", "compact"])
  test.skipIf(!built)(
    `everything confirmed is there after ${kills} kills, cleanup.policy=${policy}${built ? "" : " (not run: dist is not built)"}`,
    async () => {
      const dir = tempDir();
      const options = { config: config({ "cleanup.policy": policy, "segment.bytes": "60000", "index.interval.bytes": "500" }) };
      let least = 0;
      for (let kill = 0; kill < kills; kill++) {
        const confirmed = await runAndKill(dir, policy, kill + 1);
        expect(confirmed).toBeGreaterThan(least);
        least = confirmed;
        // every second time the child itself recovers what the kill left
        if (kill % 2 === 1) continue;
        const log = await PartitionLog.open(dir, options);
        expect(log.logEndOffset).toBeGreaterThanOrEqual(confirmed);
        const end = (least = log.logEndOffset);
        const seen = readAll(log, 0, 200_000);
        for (const r of seen) expect(`${r.key} ${r.value!.split(":")[0]} ${r.timestamp}`).toBe(`k${r.offset % 50} ${r.offset} ${r.offset}`);
        if (policy === "delete") expect(seen.map((r) => r.offset)).toEqual(Array.from({ length: end }, (_, i) => i));
        else {
          const offsets = new Set(seen.map((r) => r.offset));
          for (let offset = Math.max(0, end - 50); offset < end; offset++) expect(offsets.has(offset)).toBe(true);
        }
        await log.close();
      }
      expect(least).toBeGreaterThan(100);
    },
  );

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { temporaryFolder } from "./on-broker.js";

const program = fileURLToPath(new URL("./crash-pipeline.mjs", import.meta.url));
const built = existsSync(fileURLToPath(new URL("../../dist/engine/physical/build-topology.js", import.meta.url)));
const kills = Number(process.env["MILLRACE_QUERY_KILLS"] ?? 6);

async function runAndKill(dir: string, seed: number, ms: number): Promise<string> {
  const child = spawn(process.execPath, [program, dir, String(seed)], { stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (d) => (errors += d));
  const gone = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  await Promise.race([new Promise<void>((resolve) => child.stdout.once("data", () => resolve())), gone]);
  await new Promise((resolve) => setTimeout(resolve, ms));
  child.kill("SIGKILL");
  await gone;
  return errors;
}

it.skipIf(!built)(`a join and a count are exact after ${kills} kills${built ? "" : " (not run: dist/ is not built)"}`, async () => {
  const folder = await temporaryFolder();
  // Through a variable, so that the type checker does not look for types of the built program.
  const { check } = (await import(/* @vite-ignore */ program)) as { check(dir: string): Promise<{ records: number; wrong: string[] }> };
  let before = 0;
  for (let i = 0; i < kills; i++) {
    // Odd times, so that kills fall into restores and commits as well as between them.
    expect(await runAndKill(folder.path, i + 1, (i * 137) % 611)).toBe("");
    if (i % 2 === 0 && i + 1 < kills) continue;
    const { records, wrong } = await check(folder.path);
    expect(wrong).toEqual([]);
    expect(records).toBeGreaterThan(before);
    before = records;
  }
  await folder.remove();
});

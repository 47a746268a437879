import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { MillraceError } from "../../src/common/errors.js";
import { openDataFolder } from "../../src/embed/data-folder.js";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "millrace-folder-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const codeOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return (error as MillraceError).code;
  }
  return undefined;
};

test("one holder at a time; a release lets the next one in", () => {
  const path = join(dir, "one");
  const folder = openDataFolder(path);
  expect(codeOf(() => openDataFolder(path))).toBe("DATA_FOLDER_LOCKED");
  folder.release();
  openDataFolder(path).release();
});

test("the lock of a process that was killed is taken over, that of a living one is not", async () => {
  const path = join(dir, "two");
  openDataFolder(path).release();
  const child = spawn("sleep", ["60"]);
  await new Promise((resolve) => child.once("spawn", resolve));
  const started = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]!.split(" ")[19];
  writeFileSync(join(path, "lock"), `${child.pid} ${started}`);
  expect(codeOf(() => openDataFolder(path))).toBe("DATA_FOLDER_LOCKED");
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
  openDataFolder(path).release();
  // the pid lives again as somebody else's
  writeFileSync(join(path, "lock"), `${process.ppid} 1`);
  openDataFolder(path).release();
});

test("a folder of a newer version is refused and left as it is", () => {
  const path = join(dir, "three");
  openDataFolder(path).release();
  writeFileSync(join(path, "millrace.json"), '{"version": 99}');
  expect(codeOf(() => openDataFolder(path))).toBe("DATA_FOLDER_VERSION");
  expect(codeOf(() => openDataFolder(path))).toBe("DATA_FOLDER_VERSION");
});

test("a path that cannot be a folder says so", () => {
  const file = join(dir, "file");
  writeFileSync(file, "");
  expect(() => openDataFolder(join(file, "below"))).toThrow(/cannot be made/);
});

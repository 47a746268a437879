import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it("mutated Kafka requests neither end nor stop the server, and its memory stays flat", async () => {
  const run = promisify(execFile)(process.execPath, [join(import.meta.dirname, "run.mjs"), "kafka", "--requests", "12000", "--seed", "1"]);
  // a failure's reason is on stderr, which rejects the run
  expect((await run).stdout).toMatch(/12\d\d\d requests/);
});

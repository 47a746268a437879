import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it("the example tote-pool takes bets over HTTP into odds in Postgres, and checks them", async () => {
  const run = fileURLToPath(new URL("../../examples/tote-pool/run", import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(run, ["--free-ports", "--seconds", "2"]);
  expect(stderr).toBe("");
  expect(stdout).toMatch(/[1-9]\d* bets: the sums of 12 runners and 3 races and all odds are in Postgres, equal to a recomputation/);
  expect(stdout).toContain("What to do next");
}, 120_000);

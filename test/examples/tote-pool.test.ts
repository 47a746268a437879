import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

it("the example tote-pool takes bets over HTTP into odds in Postgres, and checks them", async () => {
  const { stdout, stderr } = await promisify(execFile)(path("examples/tote-pool/run"), ["--free-ports", "--seconds", "2"]);
  expect(stderr).toBe("");
  expect(stdout).toMatch(/[1-9]\d* bets: the sums of 12 runners and 3 races and all odds are in Postgres, equal to a recomputation/);
  expect(stdout).toContain("What to do next");
}, 120_000);

it.each([
  ["tests", "output-bets-by-race.json"],
  ["tests", "output-bets-by-runner.json"],
  ["tests", "output-races.json"],
  ["tests", "output-runners.json"],
  ["tests/odds", "output-odds.json"],
])(
  "its files for ksql-test-runner pass: %s/%s",
  async (folder, output) => {
    const args = ["test", "-s", "statements.sql", "-i", "input.json", "-o", output];
    const { stdout } = await promisify(execFile)(process.execPath, [path("dist/main.js"), ...args], {
      cwd: path(`examples/tote-pool/${folder}`),
    });
    expect(stdout).toContain("Test passed!");
  },
  60_000,
);

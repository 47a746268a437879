import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const shared = join(root, "../shared/ksql-conformance");
const able = existsSync(join(shared, "judge.mjs")) && existsSync(join(root, "dist/testing/run-case.js"));

/** What has passed once passes for good: raise a figure with the change that raises it. */
const floors = JSON.parse(readFileSync(new URL("floors.json", import.meta.url), "utf8")) as Record<string, Score>;
interface Score {
  readonly positive: number;
  readonly error: number;
  readonly message: number;
}

function score(suite: "qtt" | "rqtt", folder: string): Score {
  const out = mkdtempSync(join(tmpdir(), "conformance-"));
  try {
    const report = join(out, "report.jsonl");
    execFileSync(process.execPath, ["scripts/conformance.mjs", suite, join(shared, folder), report], { cwd: root, stdio: "ignore" });
    const judged = execFileSync(process.execPath, [join(shared, "judge.mjs"), suite, join(shared, folder), report, "--json"], {
      maxBuffer: 64 * 1024 * 1024,
    });
    const { score: s } = JSON.parse(judged.toString()) as { score: Record<keyof Score, [passed: number, failed: number]> };
    return { positive: s.positive[0], error: s.error[0], message: s.message[0] };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

describe.skipIf(!able)("ksqlDB's own test cases (needs ../shared/ksql-conformance and a build)", () => {
  test.each([
    ["qtt", "query-validation-tests"],
    ["rqtt", "rest-query-validation-tests"],
  ] as const)(
    "no fewer %s cases pass than before",
    (suite, folder) => {
      const got = score(suite, folder);
      const floor = floors[suite]!;
      expect(got.positive, "positive").toBeGreaterThanOrEqual(floor.positive);
      expect(got.error, "errors").toBeGreaterThanOrEqual(floor.error);
      expect(got.message, "error texts").toBeGreaterThanOrEqual(floor.message);
    },
    300_000,
  );
});

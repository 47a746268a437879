import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installed } from "../../support/mysql.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const golden = join(root, "../shared/debezium-golden");
const dir = join(golden, "mysql");
const has = (command: string) => spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
const able = existsSync(join(dir, "events")) && installed("mysql") && has("python3");
const names = able ? readdirSync(join(dir, "configs")).map((f) => f.slice(0, -5)) : ["(recorded events)"];

describe.skipIf(!able)("recorded events of the MySQL connector (needs ../shared/debezium-golden, python3, .services/mysql)", () => {
  let out: string;
  beforeAll(() => {
    out = mkdtempSync(join(tmpdir(), "millrace-golden-test-"));
    const projects = ["connect/runtime", "connectors/postgres", "connectors/mysql", "broker/embedded"].map((p) => `src/${p}`);
    execFileSync("npx", ["tsc", "-b", ...projects], { cwd: root, stdio: "ignore" });
    execFileSync(process.execPath, [join(root, "scripts/golden.mjs"), "mysql", dir, "--out", out], {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }, 300_000);
  afterAll(() => rmSync(out, { recursive: true, force: true }));

  test.each(names)("%s", (name) => {
    const compared = spawnSync("python3", [join(golden, "compare.py"), join(dir, "events", `${name}.jsonl`), join(out, `${name}.jsonl`)], {
      encoding: "utf8",
    });
    expect(compared.stdout.trim()).toMatch(/^[1-9]\d* passed, 0 failed$/);
  });
});

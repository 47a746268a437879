// Installs the real servers that are missing (a run of all tests only), runs the tests and closes with `N passed, N failed, N skipped`.
// What was not run is named, with the reason where a server could not be had; in CI that fails.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { install, installed } from "../examples/common/services.mjs";

const missing = [];
if (process.argv.slice(2).every((argument) => argument.startsWith("-")))
  for (const name of ["postgres", "kafka", "mysql", "mariadb", "cassandra", "mongodb", "kafka-clients", "kcat"]) {
    if (installed(name)) continue;
    const begun = performance.now();
    process.stdout.write(`installing ${name} into .services … `);
    try {
      await install(name);
      console.log(`${Math.round((performance.now() - begun) / 1000)} s`);
    } catch (error) {
      console.log("not possible here");
      missing.push(`not run: what needs ${name} (${error.message})`);
    }
  }

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "millrace-test-"));
const results = join(folder, "results.json");
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const run = spawnSync(
  process.execPath,
  [vitest, "run", "--reporter=default", "--reporter=json", `--outputFile.json=${results}`, ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
let report;
try {
  report = JSON.parse(readFileSync(results, "utf8"));
} catch {
  console.error("the test runner ended without a report");
  process.exit(run.status || 1);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const skipped = report.testResults.flatMap((file) =>
  file.assertionResults.filter((t) => ["skipped", "pending", "todo", "disabled"].includes(t.status)).map((t) => t.fullName),
);
for (const name of skipped) console.log(`not run: ${name}`);
for (const reason of missing) console.log(reason);
const files = report.testResults.filter(
  (file) => file.status === "failed" && file.assertionResults.every((t) => t.status !== "failed"),
).length;
const failed = report.numFailedTests + files;
console.log(`${report.numPassedTests} passed, ${failed} failed, ${skipped.length} skipped`);
if (report.numPassedTests === 0) process.exit(1);
// The cases and recorded events of others are not part of a checkout: what needs them is named and nothing more.
if (process.env.CI && skipped.some((name) => !name.includes("needs ../shared"))) {
  console.error("in CI every test must run, but for those that need ../shared");
  process.exit(1);
}
process.exit(failed ? 1 : (run.status ?? 1));

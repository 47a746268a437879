import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { asError, MillraceError } from "../common/errors.js";

export interface TestActions {
  /** What differs, in words; undefined where nothing does. */
  files(files: { statements: string; input?: string; output: string }): Promise<string | undefined>;
  sql(text: string): Promise<readonly { name: string; line: number; failure?: { message: string; line: number } }[]>;
}

interface Options {
  sqlFile?: string;
  inputFile?: string;
  outputFile?: string;
  testDirectory?: string;
}

/** `millrace test`: statements tried in this process, without a server, with the files of ksqlDB's two test tools. */
export function testCommand(actions: () => Promise<TestActions>, say: (line: string) => void = console.log): Command {
  return new Command("test")
    .description("Test SQL statements in this process, without a server: with records as JSON (-s -i -o), or all in SQL (file.sql).")
    .argument("[files...]", "SQL files whose tests begin with --@test:, or folders with such files")
    .option("-s, --sql-file <file>", "the statements to test")
    .option("-i, --input-file <file>", "the input records, as JSON")
    .option("-o, --output-file <file>", "the records that are expected, as JSON")
    .option("--test-directory <folder>", "a folder, as run-ksql-test names it")
    .addHelpText(
      "after",
      `
Examples:
  millrace test -s statements.sql -i input.json -o output.json
  millrace test tests/                  every .sql file below it

A file of tests:
  --@test: orders are counted
  CREATE STREAM orders (id INT KEY, item STRING) WITH (kafka_topic='orders', value_format='JSON');
  CREATE TABLE counts AS SELECT item, COUNT(*) AS n FROM orders GROUP BY item;
  INSERT INTO orders (rowtime, id, item) VALUES (10, 1, 'pen');
  ASSERT VALUES counts (rowtime, item, n) VALUES (10, 'pen', 1);

Exit code: 0 where every test passed, else 1.`,
    )
    .action(async (files: string[], options: Options) => {
      const { sqlFile, inputFile, outputFile, testDirectory } = options;
      const folders = testDirectory === undefined ? files : [...files, testDirectory];
      let passed: boolean;
      if (sqlFile !== undefined && outputFile !== undefined && folders.length === 0)
        passed = await runFiles(sqlFile, inputFile, outputFile, await actions(), say);
      else if (sqlFile === undefined && inputFile === undefined && outputFile === undefined && folders.length > 0)
        passed = await runSql(folders, await actions(), say);
      else throw new MillraceError("CONFIG_INVALID", "give either -s, -i and -o, or files and folders of SQL tests: millrace test --help");
      if (!passed) process.exitCode = 1;
    });
}

async function runFiles(
  statements: string,
  input: string | undefined,
  output: string,
  actions: TestActions,
  say: (line: string) => void,
): Promise<boolean> {
  const difference = await actions.files({ statements, output, ...(input === undefined ? {} : { input }) });
  say(difference === undefined ? ">>> Test passed!" : `>>>>> Test failed: ${difference}`);
  return difference === undefined;
}

async function runSql(paths: readonly string[], actions: TestActions, say: (line: string) => void): Promise<boolean> {
  let failed = 0;
  let count = 0;
  for (const path of paths.flatMap(sqlFiles)) {
    const results = await actions.sql(readFileSync(path, "utf8")).catch((error: unknown) => {
      throw new MillraceError("CONFIG_INVALID", `${path}: ${asError(error).message}`, { cause: error });
    });
    for (const { name, failure } of results) {
      count++;
      if (failure) failed++;
      say(failure ? `>>>>> Test failed: ${name}: ${failure.message}\n\nfile://${resolve(path)}:${failure.line}\n` : ">>> Test passed!");
    }
  }
  if (count === 0) throw new MillraceError("CONFIG_INVALID", `there is no .sql file in ${paths.join(", ")}`);
  if (count > 1) say(`${count - failed} passed, ${failed} failed`);
  return failed === 0;
}

function sqlFiles(path: string): string[] {
  let folder: boolean;
  try {
    folder = statSync(path).isDirectory();
  } catch {
    throw new MillraceError("CONFIG_INVALID", `${path} does not exist`);
  }
  if (!folder) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => {
      const inner = join(path, name);
      return statSync(inner).isDirectory() || name.endsWith(".sql") ? sqlFiles(inner) : [];
    });
}

import { asError, MillraceError } from "../common/errors.js";
import { splitStatements, withoutComments } from "../common/split-statements.js";
import { formatSqlType } from "../data/sql-type.js";
import { evaluateConstant } from "../engine/insert-values.js";
import { resolveType } from "../sql/analyzer/types.js";
import { builtInFunctions } from "../sql/functions/built-in.js";
import type { DataSource } from "../sql/metastore/data-source.js";
import type { Statement } from "../sql/parser/ast.js";
import { formatExpression } from "../sql/parser/format-expression.js";
import { parse } from "../sql/parser/parse.js";
import { planInsertValues } from "../sql/planner/insert-values.js";
import { LiveHost } from "./live-host.js";
import { sameValue } from "./same-value.js";

export interface SqlTestResult {
  readonly name: string;
  /** line of the file where it begins, from 1 */
  readonly line: number;
  /** undefined: passed */
  readonly failure?: { readonly message: string; readonly line: number };
}

interface SqlTest {
  readonly name: string;
  readonly line: number;
  readonly text: string;
  readonly expectedError?: string;
  readonly expectedMessage?: string;
}

/** An ASSERT that does not hold. */
class AssertionFailure extends Error {}

const properties = { "auto.offset.reset": "earliest", "cache.max.bytes.buffering": "0" };

/** Runs the tests of one file in the dialect of ksqlDB's run-ksql-test, one after the other, each from nothing. */
export async function runSqlTests(text: string): Promise<SqlTestResult[]> {
  const results: SqlTestResult[] = [];
  for (const test of testsOf(text)) results.push(await runTest(test));
  return results;
}

/** @throws MillraceError CONFIG_INVALID for statements ahead of the first `--@test:` */
function testsOf(text: string): SqlTest[] {
  const tests: { name: string; line: number; lines: string[]; error?: string; message?: string }[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    const [, directive, rest] = /^\s*--@(test|expected\.error|expected\.message):\s*(.*?)\s*$/.exec(line) ?? [];
    const last = tests.at(-1);
    if (directive === "test") tests.push({ name: rest!, line: i + 1, lines: [] });
    else if (!last) {
      if (withoutComments(`${line}\n`).trim() !== "")
        throw new MillraceError("CONFIG_INVALID", `line ${i + 1}: a test begins with --@test: its name`);
    } else if (directive === "expected.error") last.error = rest!;
    else if (directive === "expected.message") last.message = rest!;
    if (directive !== "test") last?.lines.push(line);
  }
  if (tests.length === 0) throw new MillraceError("CONFIG_INVALID", "there is no test: each begins with --@test: its name");
  return tests.map(({ name, line, lines, error, message }) => ({
    name,
    line,
    text: lines.join("\n"),
    ...(error === undefined ? {} : { expectedError: error }),
    ...(message === undefined ? {} : { expectedMessage: message }),
  }));
}

async function runTest(test: SqlTest): Promise<SqlTestResult> {
  const { name, line } = test;
  const fails = (message: string, at: number) => ({ name, line, failure: { message, line: at } });
  const live = await LiveHost.open({ functions: builtInFunctions, properties, serviceId: "test" });
  const asserted = new Map<string, number>();
  const { statements, rest } = splitStatements(test.text);
  if (withoutComments(rest) !== "") return fails("the last statement does not end with ;", line);
  let from = 0;
  for (const statement of statements) {
    const start = test.text.indexOf(statement, from);
    from = start + statement.length;
    const skipped = statement.length - withoutComments(statement).length;
    const at = line + test.text.slice(0, start + skipped).split("\n").length;
    try {
      await execute(statement, live, asserted);
    } catch (error) {
      const problem = unexpected(asError(error), test);
      return problem === undefined ? { name, line } : fails(problem, at);
    }
  }
  if (test.expectedError !== undefined || test.expectedMessage !== undefined)
    return fails(`expected ${test.expectedError ?? "an error"}, and no statement failed`, line);
  return { name, line };
}

/** Why the error is not the one that the test expects; undefined where it is. */
function unexpected(error: Error, { expectedError, expectedMessage }: SqlTest): string | undefined {
  if (expectedError === undefined && expectedMessage === undefined) return error.message;
  if (expectedError !== undefined && !classesOf(error).includes(expectedError.slice(expectedError.lastIndexOf(".") + 1)))
    return `expected ${expectedError}, got ${classesOf(error)[0]}: ${error.message}`;
  if (expectedMessage !== undefined && !error.message.includes(expectedMessage))
    return `expected an error with "${expectedMessage}", got: ${error.message}`;
  return undefined;
}

/** Names that ksqlDB's classes for such an error have, the nearest first. */
function classesOf(error: Error): string[] {
  if (error instanceof AssertionFailure) return ["AssertionError", "KsqlTestException"];
  const { code } = error as MillraceError;
  if (code === "SQL_PARSE") return ["ParseFailedException", "KsqlException"];
  if (code === "SQL_STATEMENT") return ["KsqlStatementException", "KsqlException", "ParseFailedException"];
  return ["KsqlException"];
}

async function execute(text: string, live: LiveHost, asserted: Map<string, number>): Promise<void> {
  for (const { statement } of parse(text)) {
    if (statement.kind === "assert-values") await assertValues(statement, live, asserted);
    else if (statement.kind === "assert-source") assertSource(statement.definition, live);
    else await live.run(text);
  }
}

type AssertValues = Extract<Statement, { kind: "assert-values" }>;

/** The next record of the source that no ASSERT has looked at. */
async function assertValues(statement: AssertValues, live: LiveHost, asserted: Map<string, number>): Promise<void> {
  const { host } = live;
  const source = host.metastore.source(statement.target);
  if (!source) throw new AssertionFailure(`There is no source ${statement.target} to assert on`);
  const bounds = source.window ? ["WINDOWSTART", "WINDOWEND"] : [];
  const given = statement.columns.length > 0 ? statement.columns : source.columns.filter((c) => c.role !== "headers").map((c) => c.name);
  // Planned as INSERT VALUES are, with what asserting does not mind taken away: keys need not be given, windows and read-only
  // sources may be asserted on.
  const { window: _, isSource: __, ...rest } = source;
  const extra = bounds.map((name) => ({ name, type: { base: "BIGINT" }, role: "value" }) as const);
  const plain: DataSource = { ...rest, kind: "stream", columns: [...source.columns, ...extra] };
  const plan = planInsertValues(
    { ...statement, kind: "insert-values", target: plain.name, columns: given },
    { functions: host.services.functions, properties: {}, nextQueryId: (p) => p, metastore: host.metastore.withSource(plain) },
  );
  const constant = (e: Parameters<typeof evaluateConstant>[0]) => evaluateConstant(e, host.services);
  const columns = [...plain.columns.filter((c) => c.role === "key"), ...plain.columns.filter((c) => c.role !== "key")];
  const expected = [...plan.key, ...plan.value].map(constant);
  const next = asserted.get(source.topic) ?? 0;
  const actual = (await live.rows(source))[next];
  if (!actual) throw new AssertionFailure(`${source.name} has ${next} records, and one more was expected`);
  asserted.set(source.topic, next + 1);

  const own = Array.from({ length: columns.length - bounds.length }, (_, i) => (actual.row ?? actual.key)[i] ?? null);
  const values = bounds.length > 0 ? [...own, actual.windowStart, actual.windowEnd] : own;
  const fail = (what: string) => {
    const wanted = given.map((name, i) => `${name}=${formatExpression(statement.values[i]!)}`).join(", ");
    const got = columns.map((c, i) => `${c.name}=${text(values[i])}`).join(", ");
    throw new AssertionFailure(`${what}\n  expected ${wanted}\n  got      ROWTIME=${actual.timestamp}, ${got}`);
  };
  if (statement.tombstone !== (actual.row === null)) fail(statement.tombstone ? "It is no tombstone." : "It is a tombstone.");
  if (plan.rowtime && Number(constant(plan.rowtime)) !== actual.timestamp) fail(`ROWTIME is ${actual.timestamp}.`);
  for (const [at, { name, type }] of columns.entries())
    if (given.includes(name) && !sameValue(type, expected[at], values[at])) fail(`${name} does not match.`);
}

/** A value of a row for the reader of a failure. */
function text(value: unknown): string {
  if (value instanceof Map) return `{${[...value].map(([k, v]) => `${text(k)}: ${text(v)}`).join(", ")}}`;
  if (Array.isArray(value)) return `[${value.map(text).join(", ")}]`;
  return String(value ?? "NULL");
}

type Definition = Extract<Statement, { kind: "assert-source" }>["definition"];

/** A source with the columns and the properties that are named. @throws AssertionFailure */
function assertSource({ name, source: kind, columns, properties: wanted }: Definition, live: LiveHost): void {
  const source = live.host.metastore.source(name);
  if (source?.kind !== kind) throw new AssertionFailure(`There is no ${kind} ${name}`);
  const shown = (c: { name: string; type: Parameters<typeof formatSqlType>[0]; role: string }) =>
    `${c.name} ${formatSqlType(c.type)}${c.role === "key" ? " KEY" : c.role === "headers" ? " HEADERS" : ""}`;
  if (columns.length > 0) {
    const role = (r: string) => (r.endsWith("KEY") ? "key" : r === "VALUE" ? "value" : "headers");
    const expected = columns
      .map((c) => shown({ name: c.name, type: resolveType(c.type, (type) => live.host.metastore.type(type)), role: role(c.role) }))
      .join(", ");
    const actual = source.columns.map(shown).join(", ");
    if (expected !== actual) throw new AssertionFailure(`${name} has other columns\n  expected ${expected}\n  got      ${actual}`);
  }
  const { key, value } = source.formats;
  const known: Record<string, unknown> = {
    KAFKA_TOPIC: source.topic,
    KEY_FORMAT: key.format,
    VALUE_FORMAT: value.format,
    WINDOW_TYPE: source.window?.type ?? null,
    TIMESTAMP: source.timestamp?.column ?? null,
  };
  for (const [property, expected] of Object.entries(wanted)) {
    if (property === "FORMAT") {
      for (const format of [key.format, value.format])
        if (format !== String(expected).toUpperCase())
          throw new AssertionFailure(`${name} has the format ${format}, not ${String(expected)}`);
    } else if (property in known && String(known[property]).toUpperCase() !== String(expected).toUpperCase())
      throw new AssertionFailure(`${name} has ${property} ${String(known[property])}, not ${String(expected)}`);
  }
}

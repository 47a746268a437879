import { readFileSync } from "node:fs";
import { MillraceError } from "../common/errors.js";
import { splitStatements, withoutComments } from "../common/split-statements.js";
import { builtInFunctions } from "../sql/functions/built-in.js";
import { recordsDiffer } from "./compare.js";
import { type ExactJson, parseExact } from "./exact-json.js";
import { runCase } from "./run-case.js";
import { recordOf, type TestCase } from "./test-case.js";

export interface TestFiles {
  readonly statements: string;
  readonly input?: string;
  readonly output: string;
}

const properties = { "auto.offset.reset": "earliest", "cache.max.bytes.buffering": "0" };

/**
 * Runs a file of statements with input records and compares what its topics hold: the three files of ksqlDB's ksql-test-runner.
 * @returns what differs, in words; undefined where nothing does
 * @throws MillraceError CONFIG_INVALID naming the file
 */
export async function runTestFiles(files: TestFiles): Promise<string | undefined> {
  const { statements, rest } = splitStatements(read(files.statements));
  if (withoutComments(rest) !== "") throw invalid(`${files.statements}: the last statement does not end with ;`);
  const inputs = files.input === undefined ? [] : records(files.input, "inputs");
  const outputs = records(files.output, "outputs");
  const topics = [...new Set(outputs.map((o) => o.topic))];
  const test: TestCase = {
    file: files.statements,
    name: files.statements,
    format: null,
    config: null,
    statements,
    topics: [],
    inputs,
    properties: {},
    outputTopics: topics,
    json: new Map(),
  };
  const report = await runCase(test, { functions: builtInFunctions, properties, serviceId: "test" });
  if (report.error) {
    const { statement, message } = report.error;
    return statement === null ? message : `Statement ${statement + 1} of ${files.statements}: ${message}`;
  }
  for (const topic of topics) {
    const difference = recordsDiffer(
      topic,
      report.topics[topic]!.records,
      outputs.filter((o) => o.topic === topic),
    );
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function records(file: string, name: "inputs" | "outputs") {
  let json: ExactJson;
  try {
    json = parseExact(read(file));
  } catch (error) {
    throw invalid(`${file}: ${(error as Error).message}`);
  }
  const list = json instanceof Map ? json.get(name) : undefined;
  if (!Array.isArray(list) || list.length === 0)
    throw invalid(`${file}: expected {"${name}": [{"topic": …, "key": …, "value": …, "timestamp": …}, …]}`);
  return list.map((record, i) => {
    if (!(record instanceof Map) || typeof record.get("topic") !== "string") throw invalid(`${file}: ${name}[${i}] names no topic`);
    return { ...recordOf(record), anyTime: !record.has("timestamp") };
  });
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw invalid(`${file} cannot be read: ${(error as Error).message}`);
  }
}

const invalid = (message: string) => new MillraceError("CONFIG_INVALID", message);

#!/usr/bin/env node
// Runs conformance cases through the product and writes what happened, a JSON line a case; it compares nothing.
//
//   npm run conformance -- qtt|rqtt CASES_DIR REPORT.jsonl [--only TEXT] [--workers N]
import { createWriteStream } from "node:fs";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { builtInFunctions } from "../dist/sql/functions/built-in.js";
import { runCase } from "../dist/testing/run-case.js";
import { caseLabel, readCases } from "../dist/testing/test-case.js";
import { testAggregates, testFunctions } from "../test/conformance/functions.mjs";

const base = {
  "auto.offset.reset": "earliest",
  "cache.max.bytes.buffering": "0",
  "ksql.headers.columns.enabled": "true",
  "ksql.query.pull.table.scan.enabled": "true",
  "ksql.query.push.v2.enabled": "true",
  "millrace.sql.extensions": "false",
};
const functions = builtInFunctions.with(testFunctions, testAggregates);

/** The case's line of the report. */
async function report(suite, test) {
  const { file, name, format, config } = test;
  const id = { file, name, format, config };
  try {
    if (suite === "qtt")
      return JSON.stringify({ ...id, ...(await runCase(test, { functions, properties: base, serviceId: "some.ksql.service.id" })) });
    const { runRestCase } = await import("./conformance-rest.mjs");
    const { error, responses, topics = "{}" } = await runRestCase(test, { functions, properties: base });
    return `${JSON.stringify({ ...id, error }).slice(0, -1)},"topics":${topics},"responses":${responses}}`;
  } catch (error) {
    return JSON.stringify({ ...id, error: { statement: null, type: "engine", message: `the runner failed: ${error.stack}` }, topics: {} });
  }
}

if (isMainThread) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: "string" }, workers: { type: "string" } } });
  const [suite, folder, path] = positionals;
  if (!["qtt", "rqtt"].includes(suite) || !folder || !path) {
    console.error("usage: npm run conformance -- qtt|rqtt CASES_DIR REPORT.jsonl [--only TEXT] [--workers N]");
    process.exit(2);
  }
  const total = readCases(folder, values.only).length;
  const out = createWriteStream(path);
  const started = Date.now();
  const count = Math.min(Number(values.workers ?? (suite === "rqtt" ? 4 : 2)), Math.max(1, Math.ceil(total / 50)));
  let next = 0;
  let done = 0;
  await Promise.all(
    Array.from({ length: count }, () => {
      const worker = new Worker(new URL(import.meta.url), { workerData: { suite, folder, only: values.only } });
      return new Promise((resolve, reject) => {
        worker.on("message", (line) => {
          if (line !== null) {
            out.write(`${line}\n`);
            done++;
          }
          worker.postMessage(next < total ? next++ : null);
        });
        worker.on("error", reject);
        worker.on("exit", resolve);
      });
    }),
  );
  await new Promise((resolve) => out.end(resolve));
  console.log(`${done} cases in ${((Date.now() - started) / 1000).toFixed(1)} s`);
} else {
  const { suite, folder, only } = workerData;
  const cases = readCases(folder, only);
  parentPort.on("message", async (index) => {
    if (index === null) process.exit(0);
    const stuck = setTimeout(() => {
      throw new Error(`${caseLabel(cases[index])} takes longer than a minute`);
    }, 60_000);
    parentPort.postMessage(await report(suite, cases[index]));
    clearTimeout(stuck);
  });
  parentPort.postMessage(null);
}

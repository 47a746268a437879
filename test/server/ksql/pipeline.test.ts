import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RecordBatchBuilder } from "../../../src/protocol/record-batch-builder.js";
import { createRowSerde } from "../../../src/serde/create.js";
import { SqlServer } from "./support.js";

type Json = Record<string, unknown>;
const folder = new URL("../../../examples/admissions/", import.meta.url);
let server: SqlServer;
beforeAll(async () => {
  server = await SqlServer.start();
});
afterAll(() => server.close());

async function csv(name: string): Promise<number[][]> {
  const [, ...lines] = (await readFile(new URL(`data/${name}`, folder), "utf8")).trim().split("\n");
  return lines.map((l) => l.split(",").map(Number));
}

/** Rows as the source connector writes them: Avro values without a key. */
async function load(
  topic: string,
  columns: readonly (readonly [string, "INTEGER" | "DOUBLE"])[],
  rows: readonly number[][],
): Promise<void> {
  const serde = createRowSerde(
    { format: "AVRO", isKey: false, columns: columns.map(([name, base]) => ({ name, type: { base } })) },
    { registry: server.registry },
  );
  await serde.prepareWrite(topic);
  const builder = new RecordBatchBuilder();
  for (const row of rows) builder.append(Date.now(), null, serde.serialize(topic, row));
  const [result] = await server.broker.produce({ acks: "all", batches: [{ topic, partition: 0, batch: builder.finish() }] });
  if (result!.error) throw result!.error;
}

const admissionColumns = [
  ["student_id", "INTEGER"],
  ["gre", "INTEGER"],
  ["toefl", "INTEGER"],
  ["cpga", "DOUBLE"],
  ["admit_chance", "DOUBLE"],
] as const;
const researchColumns = [
  ["student_id", "INTEGER"],
  ["rating", "INTEGER"],
  ["research", "INTEGER"],
] as const;

const averages = async (zero: string, one: string) => {
  await server.eventually("SELECT research, ave_chance FROM research_ave_boost;", (rows) => {
    const by = new Map(rows.map(([k, v]) => [k, Number(v).toFixed(5)]));
    return by.get(0) === zero && by.get(1) === one;
  });
};

describe("the admissions example, in the older dialect", () => {
  test("its topics must be there first", async () => {
    const sql = await readFile(new URL("pipeline.sql", folder), "utf8");
    expect((await server.refused(sql))["message"]).toContain("Topic 'dbserver1.public.admission' does not exist");
  });

  test("the whole file posted as one request gives the averages", async () => {
    await server.broker.createTopics([
      { name: "dbserver1.public.admission", partitions: 1 },
      { name: "dbserver1.public.research", partitions: 1 },
    ]);
    await load("dbserver1.public.admission", admissionColumns, await csv("admit_1.csv"));
    const entities = await server.ksql(await readFile(new URL("pipeline.sql", folder), "utf8"));
    expect(entities.map((e) => e["@type"])).toEqual(new Array(8).fill("currentStatus"));
    const warned = entities.filter((e) => (e["warnings"] as Json[]).length > 0);
    expect(warned.map((e) => e["commandId"])).toEqual(["table/`ADMISSION`/create", "table/`RESEARCH`/create"]);
    await load("dbserver1.public.research", researchColumns, await csv("research_1.csv"));
    await averages("0.65194", "0.79512");
  });

  test("DESCRIBE shows a key column that stands in the value once", async () => {
    const [described] = await server.ksql("DESCRIBE research_boost;");
    const fields = (described!["sourceDescription"] as Json)["fields"] as Json[];
    expect(fields.map((f) => f["name"])).toEqual(["STUDENT_ID", "ADMIT_CHANCE", "RESEARCH"]);
    const schema = JSON.parse((await server.registry.latest("research_ave_boost-value")).schema) as { fields: { name: string }[] };
    expect(schema.fields.map((f) => f.name)).toEqual(["RESEARCH", "AVE_CHANCE"]);
  });

  test("a restart in the middle goes on where it was", async () => {
    await load("dbserver1.public.admission", admissionColumns, await csv("admit_2.csv"));
    await server.restart();
    await load("dbserver1.public.research", researchColumns, await csv("research_2.csv"));
    await averages("0.63491", "0.78996");
    const [queries] = await server.ksql("SHOW QUERIES;");
    expect((queries!["queries"] as Json[]).map((q) => [q["id"], q["state"]])).toEqual([
      ["CSAS_ADMISSION_SRC_REKEY_1", "RUNNING"],
      ["CSAS_RESEARCH_SRC_REKEY_3", "RUNNING"],
      ["CTAS_RESEARCH_BOOST_6", "RUNNING"],
      ["CTAS_RESEARCH_AVE_BOOST_7", "RUNNING"],
    ]);
  });
});

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EmbeddedBroker } from "../../src/broker/embedded/embedded-broker.js";
import type { JoinType } from "../../src/streams/processor/table-join.js";
import type { QueryHandle } from "../../src/streams/runtime/query.js";
import { startQuery } from "../../src/streams/runtime/start-query.js";
import { internalFormat } from "../../src/streams/topology/internal-format.js";
import { asTable, type Change, type Folder, openBroker, produceRows, readRows, temporaryFolder } from "./on-broker.js";
import { joinAndAggregate, joinedSchema, leftSchema, recompute, rightSchema, sumSchema } from "./operators.js";

const left = internalFormat(leftSchema);
const right = internalFormat(rightSchema);
const topics = ["left", "right", "joined", "sums"];

let folder: Folder;
let broker: EmbeddedBroker;
let query: QueryHandle | undefined;

beforeEach(async () => {
  folder = await temporaryFolder();
  broker = await openBroker(folder.path);
  for (const r of await broker.createTopics(topics.map((name) => ({ name, partitions: 1 })))) if (r.error) throw r.error;
});
afterEach(async () => {
  await query?.close();
  query = undefined;
  await broker.close();
  await folder.remove();
});

interface Step {
  readonly side: "left" | "right";
  readonly change: Change;
}

/** A fixed pseudo-random trace of updates and deletes. */
function trace(seed: number, length: number): Step[] {
  let state = seed;
  const random = (n: number) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % n;
  };
  return Array.from({ length }, (_, timestamp) => {
    const id = random(5);
    const deleted = random(5) === 0;
    const side = random(2) === 0 ? ("left" as const) : ("right" as const);
    const row = deleted ? null : side === "left" ? [id, random(100)] : [id, ["x", "y", "z", null][random(4)]!];
    return { side, change: { key: [id], row, timestamp } };
  });
}

function expectedOf(steps: readonly Step[], join: JoinType) {
  const tables = { left: new Map<number, number | null>(), right: new Map<number, string | null>() };
  for (const { side, change } of steps) {
    const table = tables[side] as Map<number, unknown>;
    if (change.row === null) table.delete(change.key[0] as number);
    else table.set(change.key[0] as number, change.row[1]);
  }
  return recompute(tables.left, tables.right, join);
}

async function outputs() {
  const joined = asTable(await readRows(broker, "joined", internalFormat(joinedSchema)));
  const sums = asTable(await readRows(broker, "sums", internalFormat(sumSchema)));
  return {
    joined: new Map([...joined.values()].map((r) => [r[0], [r[1], r[2]]])),
    sums: new Map([...sums.values()].filter((r) => (r[1] as number) > 0).map((r) => [r[0], [r[1], r[2]]])),
  };
}

const start = (join: JoinType, repartition: boolean, coalesce: boolean) =>
  startQuery({
    topology: joinAndAggregate({ join, repartition, coalesce }),
    applicationId: "app",
    broker,
    stateDir: `${folder.path}/state`,
  });

const produce = (step: Step) => produceRows(broker, step.side, step.side === "left" ? left : right, [step.change]);

describe("a query on the embedded broker", () => {
  for (const repartition of [false, true])
    it(`runs straight through, repartition ${repartition}`, async () => {
      const steps = trace(7, 300);
      query = await start("LEFT", repartition, true);
      for (const step of steps) await produce(step);
      await query.drained();
      expect(await outputs()).toEqual(expectedOf(steps, "LEFT"));
      const store = query.store("aggregate");
      expect(store.size).toBe([...store.scan()].length);
    });

  for (const join of ["INNER", "LEFT", "RIGHT", "FULL"] as const)
    for (const keepFiles of [true, false])
      it(`${join}: gives the same when it is killed and resumed after each record, snapshots ${keepFiles}`, async () => {
        const steps = trace(11 + join.length, 40);
        for (const step of steps) {
          await produce(step);
          const before = query;
          query = await startQuery({
            topology: joinAndAggregate({ join, repartition: true }),
            applicationId: "app",
            broker,
            ...(keepFiles ? { stateDir: `${folder.path}/state` } : {}),
          });
          // The former one is fenced by the new one, as a zombie would be; it is never closed in order.
          expect(before?.state ?? "RUNNING").not.toBe("CLOSED");
          await query.drained();
        }
        expect(await outputs()).toEqual(expectedOf(steps, join));
      });

  it("commits nothing twice when the broker is closed under it and opened again", async () => {
    const steps = trace(3, 200);
    for (const [i, step] of steps.entries()) {
      await produce(step);
      if (i % 40 !== 20) continue;
      query = await start("FULL", true, false);
      await query.drained();
      await query.close();
      query = undefined;
      await broker.close();
      broker = await openBroker(folder.path);
    }
    query = await start("FULL", true, false);
    await query.drained();
    expect(await outputs()).toEqual(expectedOf(steps, "FULL"));
    const counted = await readRows(broker, "joined", internalFormat(joinedSchema));
    const changes = steps.length;
    expect(counted.length).toBeLessThanOrEqual(changes);
  });

  it("goes on behind records that were deleted, and from the beginning of a topic made anew", async () => {
    const early = { key: [1], row: [1, 5], timestamp: 1 };
    await produceRows(broker, "left", left, [early, early, early]);
    await produceRows(broker, "right", right, [{ key: [1], row: [1, "x"], timestamp: 1 }]);
    query = await start("LEFT", false, false);
    await query.drained();
    await query.close();
    await produceRows(broker, "left", left, [early, early, early]);
    await broker.deleteRecords({ topic: "left", partition: 0 }, 5);
    query = await start("LEFT", false, false);
    await query.drained();
    expect((await query.stats()).recordsIn).toBe(1);
    await query.close();
    await broker.deleteTopics(["left"]);
    await broker.createTopics([{ name: "left", partitions: 1 }]);
    await produceRows(broker, "left", left, [early, early, early, early, early, early, early, early]);
    query = await start("LEFT", false, false);
    await query.drained();
    expect((await query.stats()).recordsIn).toBe(8);
  });

  it("refuses inputs that are not co-partitioned, and topics that are not there", async () => {
    await broker.createPartitions("right", 2);
    await expect(start("LEFT", false, false)).rejects.toMatchObject({ code: "CONFLICT" });
    await broker.deleteTopics(["right"]);
    await expect(start("LEFT", false, false)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("pauses, resumes, and shows subscribers what was committed", async () => {
    query = await start("LEFT", false, true);
    const seen: unknown[] = [];
    const stop = query.subscribe((rows) => seen.push(...rows.map((r) => [r.key[0], r.row?.[1]])), "joined");
    await produceRows(broker, "left", left, [{ key: [1], row: [1, 5], timestamp: 1 }]);
    await query.drained();
    expect(seen).toEqual([[1, 5]]);
    await query.pause();
    expect(query.state).toBe("PAUSED");
    await produceRows(broker, "left", left, [{ key: [2], row: [2, 6], timestamp: 2 }]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(seen).toHaveLength(1);
    expect((await query.stats()).inputs.find((i) => i.topic === "left")?.lag).toBe(1);
    query.resume();
    await query.drained();
    expect(seen).toEqual([
      [1, 5],
      [2, 6],
    ]);
    stop();
  });

  it("leaves nothing behind when it is destroyed", async () => {
    query = await start("LEFT", true, false);
    await produceRows(broker, "left", left, [{ key: [1], row: [1, 5], timestamp: 1 }]);
    await query.drained();
    expect((await broker.describeTopics()).map((t) => t.name)).toContain("app-aggregate-changelog");
    await query.destroy();
    query = undefined;
    expect((await broker.describeTopics()).map((t) => t.name).filter((n) => n.startsWith("app-"))).toEqual([]);
    expect((await broker.listGroups()).map((g) => g.groupId)).not.toContain("app");
  });

  it("waits for bad records to be durable before the offset moves, and sets them aside again if they were not", async () => {
    const { RecordBatchBuilder } = await import("../../src/protocol/record-batch-builder.js");
    const builder = new RecordBatchBuilder(256);
    builder.append(-5, Buffer.from([0, 2]), Buffer.from([0, 2]));
    await broker.produce({ acks: "all", batches: [{ topic: "left", partition: 0, batch: builder.finish() }] });
    const asides: number[] = [];
    const options = { topology: joinAndAggregate({ join: "LEFT" as const }), applicationId: "app", broker };
    query = await startQuery({
      ...options,
      onBadRecord: async (records) => {
        asides.push(...records.map((r) => r.offset));
        throw new Error("the error store is full");
      },
    });
    await expect(query.drained()).rejects.toThrow("the error store is full");
    await query.close();
    query = await startQuery({
      ...options,
      topology: joinAndAggregate({ join: "LEFT" }),
      onBadRecord: async (records) => void asides.push(...records.map((r) => r.offset)),
    });
    await query.drained();
    expect(asides).toEqual([0, 0]);
    expect((await query.stats()).badRecords).toBe(1);
  });
});

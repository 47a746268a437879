import type { Broker } from "../../broker/api/broker.js";
import { PartitionReader } from "../../broker/api/reader.js";
import { MillraceError } from "../../common/errors.js";
import type { ErrorEntry } from "../../errors/entry.js";
import type { ErrorStore } from "../../errors/error-store.js";
import { idOf } from "../../errors/error-store.js";
import { RecordCursor } from "../../protocol/record-cursor.js";
import type { ConnectorRunner } from "./connector-runner.js";

/**
 * Sends a record that was set aside back through the task that it belongs to.
 * @throws CONFLICT where that task does not run or a newer state of the key is there; UNSUPPORTED; what fails again
 */
export async function replayInto(
  runner: ConnectorRunner | undefined,
  broker: Broker,
  store: ErrorStore,
  entry: ErrorEntry,
  force: boolean,
): Promise<void> {
  const { name } = entry.owner;
  if (entry.offset < 0) {
    if (entry.stage === "source")
      throw new MillraceError(
        "UNSUPPORTED",
        "the source could not read this record, so there is none to send: correct it in the source, or delete the entry",
      );
    const source = runner?.sourceTask();
    if (!source) throw new MillraceError("CONFLICT", `connector ${name} has no task now, so the record cannot be sent back to it`);
    await source.replay(entry, force);
    return;
  }
  const task = runner?.taskOf(entry);
  if (!task)
    throw new MillraceError(
      "CONFLICT",
      `connector ${name} does not read ${entry.topic}-${entry.partition} now, so the record cannot be sent back to it`,
    );
  if (!force) await checkReplay(broker, store, entry);
  await task.replay(entry);
}

/**
 * Refuses a replay that would put an old state over a newer one: where the topic holds a later record of the same key that
 * was not set aside itself. A record without a key has no such state.
 * @throws CONFLICT that names the later offset
 */
export async function checkReplay(broker: Broker, store: ErrorStore, entry: ErrorEntry): Promise<void> {
  const { key, topic, partition, offset, owner } = entry;
  if (key === null) return;
  const set = new Set(store.list({ topic, limit: Number.MAX_SAFE_INTEGER }).map((e) => e.id));
  const [end] = await broker.listOffsets({ partitions: [{ topic, partition, timestamp: "latest" }], isolation: "read_committed" });
  const reader = new PartitionReader({ broker });
  reader.seek(topic, partition, offset + 1);
  const cursor = new RecordCursor();
  for (let at = offset + 1; at < (end?.offset ?? 0); ) {
    const [polled] = await reader.poll(500);
    if (!polled) return;
    for (const batch of polled.batches) {
      cursor.open(batch);
      while (cursor.next()) {
        if (cursor.offset < polled.from || cursor.keyStart < 0) continue;
        if (key.compare(cursor.bytes, cursor.keyStart, cursor.keyEnd) !== 0) continue;
        if (set.has(idOf({ owner, topic, partition, offset: cursor.offset }))) continue;
        throw new MillraceError(
          "CONFLICT",
          `a later record of the same key is at ${topic}-${partition}@${cursor.offset}: a replay would put the older state over it (force it if that is wanted)`,
        );
      }
    }
    at = polled.next;
  }
}

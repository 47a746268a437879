import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { crc32c } from "../../protocol/crc32c.js";
import type { KeyedStore } from "./keyed-store.js";

/**
 * A store's rows in a file. Written in slices while the query runs, so a row that changes meanwhile may be in it old or new: its
 * changelog record lies at or after `offset`, and a restore replays those. The file takes its name only once it is whole.
 *
 *   blocks of u32 length | u32 CRC32C | payload; the first holds the header as JSON, the last is empty, the others hold entries:
 *   u32 key length | u32 value length | f64 timestamp | f64 source time | key | value
 */
export interface SnapshotHeader {
  /** of the changelog topic, so that a topic created anew is not taken for the old one */
  readonly topicId: string;
  /** Changelog records from here on are not (all) in the snapshot. */
  readonly offset: number;
  /** of the rows' layout */
  readonly layout: string;
}

const SLICE = 1 << 20;
const BLOCK_HEADER = 8;
const ENTRY = 24;

/** @param aborted looked at between slices; true leaves the former snapshot in place and returns false */
export async function writeSnapshot(path: string, store: KeyedStore, header: SnapshotHeader, aborted: () => boolean): Promise<boolean> {
  const partial = `${path}.partial`;
  const file = await open(partial, "w");
  const { table } = store;
  let block = Buffer.allocUnsafeSlow(SLICE);
  let used = BLOCK_HEADER;
  const drain = async () => {
    block.writeUInt32BE(used - BLOCK_HEADER, 0);
    block.writeUInt32BE(crc32c(block, BLOCK_HEADER, used), 4);
    await file.writev([block.subarray(0, used)]);
    used = BLOCK_HEADER;
  };
  store.scans++;
  try {
    used += block.write(JSON.stringify(header), used);
    await drain();
    for (let chunk = 0; chunk < table.chunks.length; chunk++) {
      for (let at = table.firstEntry(chunk); at >= 0; at = table.nextEntry(at)) {
        const keyLength = table.keyLength(at);
        if (keyLength < 0 || table.valueLength(at) < 0) continue;
        if (used + ENTRY + keyLength + table.valueLength(at) > block.length) {
          if (used > BLOCK_HEADER) await drain();
          if (aborted()) return false;
          // The value may have been replaced or moved away during the write.
          if (table.keyLength(at) < 0 || table.valueLength(at) < 0) continue;
          const need = BLOCK_HEADER + ENTRY + keyLength + table.valueLength(at);
          if (need > block.length) block = Buffer.allocUnsafeSlow(need);
        }
        const valueLength = table.valueLength(at);
        block.writeUInt32BE(keyLength, used);
        block.writeUInt32BE(valueLength, used + 4);
        block.writeDoubleBE(table.timestamp(at), used + 8);
        block.writeDoubleBE(table.sourceTime(at), used + 16);
        const start = table.keyStart(at);
        used += ENTRY;
        used += table.chunkOf(at).bytes.copy(block, used, start, start + keyLength + valueLength);
      }
    }
    if (used > BLOCK_HEADER) await drain();
    await drain();
    // Without it a crash could leave the name on a file whose bytes never reached the disk.
    await file.datasync();
  } finally {
    store.scans--;
    await file.close();
  }
  if (aborted()) return false;
  await rename(partial, path);
  return true;
}

/**
 * A store as its snapshot has it. Undefined where there is none, or one of another topic or layout, or a damaged one: the store
 * is then restored from the changelog's beginning.
 */
export async function readSnapshot(
  path: string,
  empty: () => KeyedStore,
  expected: Omit<SnapshotHeader, "offset">,
): Promise<{ store: KeyedStore; offset: number } | undefined> {
  const file = await open(path, "r").catch(() => undefined);
  if (!file) return undefined;
  try {
    const first = await readBlock(file);
    if (!first) return undefined;
    const header = JSON.parse(first.toString()) as SnapshotHeader;
    if (header.topicId !== expected.topicId || header.layout !== expected.layout) return undefined;
    const store = empty();
    for (;;) {
      const block = await readBlock(file);
      if (!block) return undefined;
      if (block.length === 0) return { store, offset: header.offset };
      const view = new DataView(block.buffer, block.byteOffset, block.length);
      for (let at = 0; at < block.length; ) {
        const key = at + ENTRY;
        const value = key + view.getUint32(at);
        const end = value + view.getUint32(at + 4);
        store.restoreBytes(block, key, value, value, end, view.getFloat64(at + 8), view.getFloat64(at + 16));
        at = end;
      }
    }
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}

async function readBlock(file: FileHandle): Promise<Buffer | undefined> {
  const head = Buffer.alloc(BLOCK_HEADER);
  if ((await file.read(head, 0, BLOCK_HEADER)).bytesRead < BLOCK_HEADER) return undefined;
  const length = head.readUInt32BE(0);
  const { size } = await file.stat();
  if (length > size) return undefined;
  const payload = Buffer.allocUnsafeSlow(length);
  if (length > 0 && (await file.read(payload, 0, length)).bytesRead < length) return undefined;
  return crc32c(payload, 0, length) === head.readUInt32BE(4) ? payload : undefined;
}

export async function deleteSnapshot(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(`${path}.partial`, { force: true });
}

import { closeSync, fdatasync, ftruncateSync, openSync, writeSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../../common/logger.js";
import { syncFolder, writeFully } from "../../log/files.js";
import { crc32c } from "../../protocol/crc32c.js";
import { readIfThere, writeDurably } from "./durable-file.js";
import { asBrokerError } from "./storage-error.js";

export type TransactionStatus = "Empty" | "Ongoing" | "PrepareCommit" | "CompleteCommit" | "CompleteAbort";

/** One entry: the whole state of a transactional id at a moment that must survive a crash. */
export interface TransactionEntry {
  readonly id: string;
  readonly producerId: number;
  readonly epoch: number;
  readonly timeoutMs: number;
  readonly status: TransactionStatus;
  /** The transaction was aborted though an entry of this id just before may say PrepareCommit: that commit failed. */
  readonly overrules?: true;
  /**
   * Topic id, partition and the offset after the transaction's last record there: a log that ends earlier after a crash has lost
   * records of the transaction.
   */
  readonly partitions: readonly (readonly [topicId: string, partition: number, endOffset: number])[];
  /**
   * A small transaction's batches, base64, with the index of their partition above. They are on disk with the entry, so that the
   * partitions themselves need not be synced for it.
   */
  readonly data?: readonly (readonly [partition: number, batch: string])[];
}

const mostBytes = 8 * 1024 * 1024;
/** A sync of more at once would hold up everybody else's. */
const pieceBytes = 256 * 1024;
const zeros = Buffer.alloc(pieceBytes);

interface LogFile {
  readonly path: string;
  readonly fd: number;
  /** Bytes that the file has on disk: a sync of what is written over them records neither a size nor new blocks. */
  allocated: number;
}

/**
 * `transactions.log` and `transactions.2.log`, taken in turn: a line an entry, of its CRC32C in hex, the file's generation and JSON.
 * A file is made ready, with zeros that are on disk, while the other is in use; it then begins with the latest entry of each id, in the same
 * sync as what comes next. The older file counts until what its entries stand for is on disk elsewhere. See docs/adr/0003.
 */
export class TransactionLog {
  private readonly paths: readonly [string, string];
  private generation = 0;
  private current: LogFile | undefined;
  private size = 0;
  /** What the current file began with. */
  private headBytes = 0;
  /** The file before, while its entries count. */
  private old: LogFile | undefined;
  private spare: LogFile | undefined;
  private making: Promise<void> | undefined;
  private ending = false;
  private failure: Error | undefined;

  constructor(
    dir: string,
    private readonly logger: Logger,
    /** of the first file; the next are larger */
    private readonly firstBytes = 128 * 1024,
  ) {
    this.paths = [join(dir, "transactions.log"), join(dir, "transactions.2.log")];
  }

  /** Every whole entry in the order of writing; nothing of what is left out was confirmed. */
  async read(): Promise<TransactionEntry[]> {
    const files = [];
    for (const path of this.paths) files.push(parse((await readIfThere(path)) ?? ""));
    files.sort((a, b) => a.generation - b.generation);
    this.generation = files[1]!.generation;
    return files.flatMap((file) => file.entries);
  }

  /** Writes one file anew with these entries and goes on after them. Whatever an older entry still stands for must be on disk before. */
  async start(entries: readonly TransactionEntry[]): Promise<void> {
    this.ending = true;
    await this.making;
    this.ending = false;
    this.generation++;
    const bytes = encode(entries, this.generation);
    const [path, second] = this.paths;
    await writeDurably(path, bytes);
    this.close();
    // after the new one, which says all that this one did
    await rm(second, { force: true });
    this.current = { path, fd: openSync(path, "r+"), allocated: bytes.length };
    this.size = this.headBytes = bytes.length;
    this.makeRoom(this.current, 0);
  }

  /** The file is nearly full and the next one ready. */
  get canMoveOn(): boolean {
    return this.spare !== undefined && this.size > this.current!.allocated * 0.75;
  }

  /** The entries of the file before must be kept until `release`. */
  get hasOld(): boolean {
    return this.old !== undefined;
  }

  /** Goes on in the other file, which begins with these entries of all ids. The next sync puts them on disk. @throws KAFKA_STORAGE_ERROR */
  moveOn(entries: readonly TransactionEntry[]): void {
    if (this.failure) throw asBrokerError(this.failure, "cannot write transactions.log");
    const next = this.spare!;
    const bytes = encode(entries, this.generation + 1);
    try {
      if (bytes.length > next.allocated) this.makeRoom(next, bytes.length);
      writeFully(next.fd, bytes, 0);
    } catch (error) {
      // A part of the newer generation would overrule what an older one goes on to say, so nothing may follow there.
      this.failure = error as Error;
      throw asBrokerError(error, "cannot write transactions.log");
    }
    this.old = this.current;
    this.current = next;
    this.spare = undefined;
    this.generation++;
    this.size = this.headBytes = bytes.length;
  }

  /** All that the entries of the file before stand for is on disk: it may be written over. */
  release(): void {
    const file = this.old;
    if (file === undefined) return;
    this.old = undefined;
    // spares the next start the reading; where it does not reach the disk, old entries are read ahead of those that say the same or more
    writeSync(file.fd, zeros, 0, 1, 0);
    this.makeSpare(file);
  }

  /** Into the page cache; `sync` puts it on disk. @throws KAFKA_STORAGE_ERROR; nothing of these entries is in the file then */
  write(entries: readonly TransactionEntry[]): void {
    if (this.failure) throw asBrokerError(this.failure, "cannot write transactions.log");
    const file = this.current!;
    const bytes = encode(entries, this.generation);
    try {
      if (this.size + bytes.length > file.allocated) this.makeRoom(file, this.size + bytes.length);
      writeFully(file.fd, bytes, this.size);
      this.size += bytes.length;
    } catch (error) {
      try {
        ftruncateSync(file.fd, this.size);
        file.allocated = this.size;
      } catch (again) {
        // A torn entry in the middle would hide all later ones from recovery, so nothing may follow it.
        this.failure = again as Error;
      }
      throw asBrokerError(error, "cannot write transactions.log");
    }
    if (this.size > file.allocated / 2 && this.old === undefined && this.spare === undefined) this.makeSpare(undefined);
  }

  /** Where no other file was ready in time. */
  private makeRoom(file: LogFile, from: number): void {
    // Where the disk has no room for zeros it may still have some for the entry.
    const end = Math.max(from, file.allocated);
    try {
      writeFully(file.fd, zeros.subarray(0, this.firstBytes), end);
      file.allocated = end + this.firstBytes;
    } catch {
      ftruncateSync(file.fd, file.allocated);
    }
  }

  /** Makes the other file ready, in pieces beside the work. */
  private makeSpare(file: LogFile | undefined): void {
    if (this.making !== undefined || this.ending) {
      if (file) closeSync(file.fd);
      return;
    }
    const wanted = Math.max(4 * this.headBytes, Math.min(mostBytes, 4 * this.current!.allocated));
    const path = this.paths.find((p) => p !== this.current!.path)!;
    this.making = this.fill(path, file, wanted)
      .catch(async (error) => {
        // the current file grows instead
        this.logger.warn("cannot make the next file of the transaction log ready", { path, error });
        if (file) closeSync(file.fd);
        await rm(path, { force: true }).catch(() => {});
      })
      .finally(() => {
        this.making = undefined;
      });
  }

  private async fill(path: string, before: LogFile | undefined, wanted: number): Promise<void> {
    let handle: FileHandle | undefined;
    try {
      let allocated = before?.allocated ?? 0;
      if (allocated < wanted) {
        handle = await open(path, before ? "r+" : "w");
        while (allocated < wanted && !this.ending) {
          const bytes = Math.min(pieceBytes, wanted - allocated);
          await handle.write(zeros, 0, bytes, allocated);
          await handle.datasync();
          allocated += bytes;
        }
        await syncFolder(join(path, ".."));
      }
      this.spare = { path, fd: before?.fd ?? openSync(path, "r+"), allocated };
    } finally {
      await handle?.close();
    }
  }

  /** @throws KAFKA_STORAGE_ERROR; what was written may or may not be on disk, so nothing is confirmed any more */
  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.current!.fd, (error) => {
        if (!error) return resolve();
        // After a failed sync the kernel may have dropped the pages: a later sync that succeeds would prove nothing.
        this.failure = error;
        reject(asBrokerError(error, "cannot put transactions.log on disk"));
      });
    });
  }

  close(): void {
    for (const file of [this.current, this.old, this.spare]) if (file) closeSync(file.fd);
    this.current = this.old = this.spare = undefined;
  }
}

function encode(entries: readonly TransactionEntry[], generation: number): Buffer {
  let text = "";
  for (const entry of entries) {
    const line = `${generation} ${JSON.stringify(entry)}`;
    text += `${crc32c(Buffer.from(line)).toString(16).padStart(8, "0")} ${line}\n`;
  }
  return Buffer.from(text);
}

/** Up to the first line that is torn, or left from an earlier turn of the file. */
function parse(text: string): { generation: number; entries: TransactionEntry[] } {
  const entries: TransactionEntry[] = [];
  let generation = 0;
  for (let at = 0; ; ) {
    const end = text.indexOf("\n", at);
    if (end < 0) break;
    const line = text.slice(at + 9, end);
    if (Number.parseInt(text.slice(at, at + 8), 16) !== crc32c(Buffer.from(line))) break;
    // a data folder of an earlier version has lines without a generation
    const json = line.indexOf("{");
    const of = Number(line.slice(0, json));
    if (entries.length === 0) generation = of;
    else if (of !== generation) break;
    entries.push(JSON.parse(line.slice(json)) as TransactionEntry);
    at = end + 1;
  }
  return { generation, entries };
}

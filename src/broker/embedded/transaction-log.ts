import { closeSync, fdatasync, ftruncateSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "../../common/logger.js";
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

const checkpointBytes = 16 * 1024 * 1024;
/** Zeros written ahead: a sync that does not have to record a new file size costs a third less. */
const roomBytes = 1024 * 1024;
const zeros = Buffer.alloc(roomBytes);

/**
 * `transactions.log`: a line an entry, its CRC32C in hex, a space and JSON. Appended to and synced in rounds; written anew as
 * a whole (the latest entry of each id) when it has grown. Zeros follow the last entry.
 */
export class TransactionLog {
  private readonly path: string;
  private fd = -1;
  private size = 0;
  private allocated = 0;
  private failure: Error | undefined;

  constructor(
    dir: string,
    private readonly logger: Logger,
  ) {
    this.path = join(dir, "transactions.log");
  }

  /** Every whole entry in the order of writing; a torn tail is left out, as nothing in it was confirmed. */
  async read(): Promise<TransactionEntry[]> {
    const padded = (await readIfThere(this.path)) ?? "";
    const end = padded.indexOf("\0");
    const text = end < 0 ? padded : padded.slice(0, end);
    const entries: TransactionEntry[] = [];
    for (const line of text.split("\n")) {
      const json = line.slice(9);
      if (json === "") continue;
      if (Number.parseInt(line.slice(0, 8), 16) !== crc32c(Buffer.from(json))) {
        this.logger.warn("transactions.log ends in a torn entry, which was never confirmed", { path: this.path });
        break;
      }
      entries.push(JSON.parse(json) as TransactionEntry);
    }
    return entries;
  }

  /** Writes the file anew with these entries and goes on after them. Whatever an older entry still stands for must be on disk before. */
  async start(entries: readonly TransactionEntry[]): Promise<void> {
    const bytes = Buffer.from(entries.map(format).join(""));
    await writeDurably(this.path, bytes);
    if (this.fd >= 0) closeSync(this.fd);
    this.fd = openSync(this.path, "r+");
    this.size = bytes.length;
    this.makeRoom(0);
  }

  get large(): boolean {
    return this.size > checkpointBytes;
  }

  /** Into the page cache; `sync` puts it on disk. @throws KAFKA_STORAGE_ERROR; nothing of these entries is in the file then */
  write(entries: readonly TransactionEntry[]): void {
    if (this.failure) throw asBrokerError(this.failure, "cannot write transactions.log");
    const bytes = Buffer.from(entries.map(format).join(""));
    try {
      if (this.size + bytes.length > this.allocated) this.makeRoom(bytes.length);
      for (let at = 0; at < bytes.length; ) at += writeSync(this.fd, bytes, at, bytes.length - at, this.size + at);
      this.size += bytes.length;
    } catch (error) {
      try {
        ftruncateSync(this.fd, this.size);
        this.allocated = this.size;
      } catch (again) {
        // A torn entry in the middle would hide all later ones from recovery, so nothing may follow it.
        this.failure = again as Error;
      }
      throw asBrokerError(error, "cannot write transactions.log");
    }
  }

  private makeRoom(bytes: number): void {
    const from = this.size + bytes;
    // Where the disk has no room for zeros it may still have some for the entry.
    try {
      for (let at = 0; at < roomBytes; ) at += writeSync(this.fd, zeros, at, roomBytes - at, from + at);
      this.allocated = from + roomBytes;
    } catch {
      ftruncateSync(this.fd, this.size);
      this.allocated = this.size;
    }
  }

  /** @throws KAFKA_STORAGE_ERROR; what was written may or may not be on disk, so nothing is confirmed any more */
  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.fd, (error) => {
        if (!error) return resolve();
        // After a failed sync the kernel may have dropped the pages: a later sync that succeeds would prove nothing.
        this.failure = error;
        reject(asBrokerError(error, "cannot put transactions.log on disk"));
      });
    });
  }

  close(): void {
    if (this.fd >= 0) closeSync(this.fd);
    this.fd = -1;
  }
}

function format(entry: TransactionEntry): string {
  const json = JSON.stringify(entry);
  return `${crc32c(Buffer.from(json)).toString(16).padStart(8, "0")} ${json}\n`;
}

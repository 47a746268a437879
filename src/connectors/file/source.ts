import { Buffer, isUtf8 } from "node:buffer";
import { type FileHandle, open, stat } from "node:fs/promises";
import { type Config, ConfigDef } from "../../common/config-def.js";
import { MillraceError } from "../../common/errors.js";
import type { RecordShape, RowChunk } from "../../connect/api/shape.js";
import type { ConnectorConfig, SourceConnector, SourceItem, SourceTask, SourceTaskContext } from "../../connect/api/source.js";
import { primitive } from "../../data/schema.js";

const config = new ConfigDef([
  {
    name: "file",
    type: "STRING",
    importance: "HIGH",
    doc: "Source filename. Standard input, which Kafka reads where this is not set, is not read.",
  },
  {
    name: "topic",
    type: "STRING",
    importance: "HIGH",
    doc: "The topic to publish data to.",
    check: (v) => (String(v).trim() === "" ? "String must be non-empty" : undefined),
  },
  {
    name: "batch.size",
    type: "INT",
    default: 2000,
    min: 1,
    importance: "LOW",
    doc: "The maximum number of records the source task can read from the file each time it is polled.",
  },
]);

/** Kafka's file source: a record a line. */
export const fileStreamSource: SourceConnector = {
  type: "source",
  classes: ["org.apache.kafka.connect.file.FileStreamSourceConnector"],
  version: "4.3.1",
  config,
  taskConfigs: (raw) => [raw],
  createTask: () => new FileSourceTask(),
  checkOffsets(offsets) {
    for (const { partition, offset } of offsets) {
      const wrong = (message: string) => new MillraceError("CONFIG_INVALID", message);
      if (typeof partition["filename"] !== "string" || Object.keys(partition).length !== 1)
        throw wrong('a partition of a file source is {"filename": the setting file}');
      const position = offset?.["position"];
      if (offset !== null && (!Number.isSafeInteger(position) || Number(position) < 0))
        throw wrong("The value for the 'position' key in the offset must be a non-negative whole number");
    }
  },
};

const readBytes = 1 << 18;
const maxLine = 1 << 26;
const waitMs = 100;
const lf = 10;
const cr = 13;

/**
 * Reads a file from its stored position, line by line; what stands behind the last line end waits for its own. A file that has
 * become shorter begins anew. One that was renamed away and made again (rotated) is read to its end first.
 */
class FileSourceTask implements SourceTask {
  private settings!: Config;
  private context!: SourceTaskContext;
  private shape!: RecordShape;
  private path!: string;
  private handle: FileHandle | undefined;
  private inode = -1;
  /** where the next read begins; `rest` is what has been read before it and is no whole line yet */
  private readAt = 0;
  private rest: Buffer = Buffer.alloc(0);
  private missing = false;

  async start(raw: ConnectorConfig, context: SourceTaskContext): Promise<void> {
    this.settings = config.parse(raw);
    this.context = context;
    this.path = this.settings.string("file");
    this.readAt = Number(context.offset({ filename: this.path })?.["position"] ?? 0);
    const schema = primitive("string");
    this.shape = {
      topic: this.settings.string("topic"),
      key: null,
      value: { kind: "column", schema, column: 0, text: { as: "utf8" }, decode: (b, s, e) => b.toString("utf8", s, e) },
      headers: [],
      timestampSlot: 0,
      sourceTimeSlot: null,
      columnCount: 1,
      slotCount: 1,
    };
  }

  async poll(): Promise<readonly SourceItem[]> {
    if (!this.handle && !(await this.open())) return this.wait();
    if (this.rest.length > 0) {
      // lines that batch.size left over
      const chunk = this.lines(false);
      if (chunk) return [chunk];
    }
    const read = await this.read();
    if (read === 0) return this.atEnd();
    const chunk = this.lines(false);
    return chunk ? [chunk] : [];
  }

  committed(): void {}

  async stop(): Promise<void> {
    await this.handle?.close();
    this.handle = undefined;
  }

  private async open(): Promise<boolean> {
    try {
      this.handle = await open(this.path, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT")
        throw new MillraceError("SOURCE_RETRIABLE", `${this.path} cannot be read: ${(error as Error).message}`, { cause: error });
      if (!this.missing) this.context.logger.warn(`${this.path} is not there; the connector waits for it`);
      this.missing = true;
      return false;
    }
    this.missing = false;
    const { ino, size } = await this.handle.stat();
    this.inode = ino;
    if (size < this.readAt) this.beginAnew("is shorter than the position that was read to");
    return true;
  }

  private async read(): Promise<number> {
    const into = Buffer.allocUnsafe(this.rest.length + readBytes);
    this.rest.copy(into);
    const { bytesRead } = await this.handle!.read(into, this.rest.length, readBytes, this.readAt);
    this.rest = into.subarray(0, this.rest.length + bytesRead);
    this.readAt += bytesRead;
    if (this.rest.length > maxLine && this.rest.indexOf(lf) < 0)
      throw new MillraceError(
        "SOURCE_FAILED",
        `${this.path} has a line of more than ${maxLine} bytes at ${this.readAt - this.rest.length}`,
      );
    return bytesRead;
  }

  private async atEnd(): Promise<readonly SourceItem[]> {
    const there = await stat(this.path).catch(() => undefined);
    if (there && there.ino !== this.inode) {
      // nothing is written to the old file any more: what it ends with is a line
      const last = this.lines(true);
      await this.stop();
      this.beginAnew("is another file now");
      return last ? [{ ...last, sourceOffset: { position: 0 } }] : [];
    }
    if (there && there.size < this.readAt) {
      this.beginAnew("has become shorter");
      return [];
    }
    return this.wait();
  }

  private beginAnew(why: string): void {
    this.context.logger.warn(`${this.path} ${why}: it is read from its beginning`);
    this.readAt = 0;
    this.rest = Buffer.alloc(0);
  }

  private async wait(): Promise<readonly SourceItem[]> {
    await this.context.clock.sleep(waitMs, this.context.signal).catch(() => undefined);
    return [];
  }

  /** The whole lines read so far, up to batch.size; with `all`, what is behind the last line end as well. */
  private lines(all: boolean): RowChunk | undefined {
    const { rest } = this;
    const most = this.settings.number("batch.size");
    const ends: number[] = [];
    let at = 0;
    while (ends.length < 2 * most) {
      const end = rest.indexOf(lf, at);
      if (end < 0) {
        if (all && at < rest.length) {
          ends.push(at, rest.length);
          at = rest.length;
        }
        break;
      }
      ends.push(at, end > at && rest[end - 1] === cr ? end - 1 : end);
      at = end + 1;
    }
    if (ends.length === 0) return undefined;
    this.rest = rest.subarray(at);
    const count = ends.length / 2;
    const { buffer, offsets } = asText(rest, ends);
    return {
      shape: this.shape,
      count,
      buffer,
      offsets,
      slots: new Float64Array(count).fill(this.context.clock.now()),
      sourcePartition: { filename: this.path },
      sourceOffset: { position: this.readAt - this.rest.length },
    };
  }
}

/** The lines as UTF-8: bytes that are none become U+FFFD, as Java reads them. */
function asText(bytes: Buffer, ends: readonly number[]): { buffer: Buffer; offsets: Int32Array } {
  if (isUtf8(bytes.subarray(0, ends[ends.length - 1]))) return { buffer: bytes, offsets: Int32Array.from(ends) };
  const lines: Buffer[] = [];
  const offsets = new Int32Array(ends.length);
  let at = 0;
  for (let i = 0; i < ends.length; i += 2) {
    const line = Buffer.from(bytes.toString("utf8", ends[i]!, ends[i + 1]!));
    lines.push(line);
    offsets[i] = at;
    at += line.length;
    offsets[i + 1] = at;
  }
  return { buffer: Buffer.concat(lines), offsets };
}

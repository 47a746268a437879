// @ts-check
import { open } from "node:fs/promises";
import { ConfigDef, MillraceError, Struct } from "millrace/connect";

/** @import { SinkConnector, SinkRecord, SinkTaskContext } from "millrace/connect" */

const config = new ConfigDef([{ name: "file", type: "STRING", importance: "HIGH", doc: "The file that lines of JSON are added to." }]);

/** Adds records to a file. At least once: what a kill cuts short is written again, for a file cannot take records and offsets at once. */
class FileTask {
  /** @type {Map<string, number>} the next offset by partition, of what was put since the task began */
  next = new Map();

  /**
   * @param {Readonly<Record<string, string>>} settings
   * @param {SinkTaskContext} context
   */
  async start(settings, context) {
    this.context = context;
    const path = config.parse(settings).string("file");
    try {
      this.file = await open(path, "a");
    } catch (cause) {
      // A code that is retriable makes the runtime start the task again after a pause; another fails it for good.
      throw new MillraceError("TARGET_RETRIABLE", `${path} cannot be opened`, { cause });
    }
  }

  async open() {}

  /** @param {readonly SinkRecord[]} records */
  async put(records) {
    let text = "";
    for (const record of records) {
      const { value } = record;
      if (value instanceof Struct) {
        const fields = value.schema.fields ?? [];
        text += `${JSON.stringify(Object.fromEntries(fields.map((f, i) => [f.name, value.values[i]])), (_key, v) => (typeof v === "bigint" ? String(v) : v))}\n`;
      } else await this.context?.reportError(record, new MillraceError("RECORD_REFUSED", "only structs can be written"));
      this.next.set(`${record.topic}-${record.partition}`, record.offset + 1);
    }
    await this.file?.write(text);
  }

  async flush() {
    const next = new Map(this.next); // taken ahead of the sync: what is put meanwhile is not durable with it
    await this.file?.datasync();
    return next;
  }

  async close() {}

  async stop() {
    await this.file?.close();
  }
}

/** @type {SinkConnector} */
export const fileSink = {
  type: "sink",
  classes: ["example.JsonFileSinkConnector"],
  version: "1.0.0",
  config,
  taskConfigs: (settings) => [settings], // one task: two would write into one file
  createTask: () => new FileTask(),
};

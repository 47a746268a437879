import type {} from "../../../data/buffer-text.js";
import type { SqlField } from "../../../data/sql-type.js";
import type { Row, RowSerde } from "../../row-serde.js";
import { parseJson } from "./json-text.js";
import { holdsDecimal, JsonRowReader } from "./row-reader.js";
import { generateRowWriter, type WriteRow } from "./row-writer.js";
import { sqlFromJson } from "./sql-json.js";

/** ksqlDB's JSON format: an object of all columns, or the bare value of the only one. */
export class JsonRowSerde implements RowSerde {
  private readonly reader: JsonRowReader;
  private writer: WriteRow | undefined;
  private scratch = Buffer.allocUnsafeSlow(1024);

  constructor(
    private readonly columns: readonly SqlField[],
    needed: readonly number[],
    private readonly unwrapped: boolean,
  ) {
    this.reader = new JsonRowReader(columns, needed);
  }

  async prepareWrite(): Promise<void> {}
  prepareRead(): undefined {
    return undefined;
  }

  serialize(topic: string, row: Row | null): Buffer | null {
    if (row === null || (this.unwrapped && (row[0] === null || row[0] === undefined))) return null;
    for (;;) {
      const end = this.serializeInto(topic, row, this.scratch, 0);
      if (end >= 0) return Buffer.from(this.scratch.subarray(0, end));
      this.scratch = Buffer.allocUnsafeSlow(this.scratch.length * 2);
    }
  }

  serializeInto(topic: string, row: Row, out: Buffer, position: number): number {
    return this.serializeAt(topic, row, 0, out, position);
  }

  serializeAt(_topic: string, row: Row, at: number, out: Buffer, position: number): number {
    this.writer ??= generateRowWriter(this.columns, this.unwrapped);
    return this.writer(out, position, row, at);
  }

  deserialize(_topic: string, bytes: Buffer, start: number, end: number): Row {
    return this.unwrapped ? [this.bare(bytes, start, end)] : this.reader.read(bytes, start, end);
  }

  deserializeInto(_topic: string, bytes: Buffer, start: number, end: number, row: Row, at: number): void {
    if (this.unwrapped) row[at] = this.bare(bytes, start, end);
    else this.reader.into(bytes, start, end, row, at);
  }

  private bare(bytes: Buffer, start: number, end: number): unknown {
    const { name, type } = this.columns[0]!;
    return sqlFromJson(type, parseJson(bytes.utf8Slice(start, end), holdsDecimal(type)), `$.${name}`);
  }
}

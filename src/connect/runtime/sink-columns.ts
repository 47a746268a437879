import type { Schema, Value } from "../../data/schema.js";
import { materialize } from "../api/materialize.js";
import { type PackedColumn, ValueColumn } from "../api/packed-column.js";
import type { SinkRecord } from "../api/record.js";
import type { ColumnNode, Node, RecordShape, RowChunk } from "../api/shape.js";
import { PackedRows } from "./packed-rows.js";
import type { DecodedRows } from "./sink-decoder.js";
import type { TransformChain } from "./transform-chain.js";

/** How a run's columns come about: a column as it is, or a node worked out for every row. */
type Source = { readonly column: number } | { readonly node: Node };

interface Plan {
  readonly topic: string;
  readonly keySchema: Schema | null;
  readonly valueSchema: Schema | null;
  readonly keys: readonly Source[];
  readonly values: readonly Source[];
}

interface Known {
  readonly keySchema: Schema | null;
  readonly valueSchema: Schema | null;
  readonly tombstones: boolean;
  readonly plan: Plan | "drop" | "records";
}

/**
 * A chain of transforms on rows by column. What the transforms do to a shape (a topic's name, fields left out, renamed, added)
 * is found once for each pair of schemas; what depends on the row goes the way of records. Both give the same.
 */
export class SinkColumns {
  private readonly known = new Map<string, Known[]>();
  /** The columns of the run that is worked on, keys before values: what the shape's nodes read. */
  private columns: readonly PackedColumn[] = [];

  constructor(private readonly chain: TransformChain) {}

  /** The rows as the transforms leave them, whose whole records `record` gives; "drop"; undefined where only records will do. */
  apply({ rows, hasHeaders }: DecodedRows, record: (row: number) => SinkRecord): PackedRows | "drop" | undefined {
    if (hasHeaders) return undefined; // a shape says nothing of headers that rows have each for themselves
    let some = 0;
    for (let r = 0; r < rows.count; r++) some += rows.tombstone[r]!;
    const plan = this.planOf(rows, some > 0);
    if (plan === "records") return undefined;
    if (plan === "drop") return "drop";
    this.columns = [...rows.packedKeys, ...rows.packedValues];
    const chunk = this.chunkOf(rows);
    try {
      const packedKeys = plan.keys.map((source) => this.column(source, chunk, rows, false));
      const packedValues = plan.values.map((source) => this.column(source, chunk, rows, true));
      const { topic, keySchema, valueSchema } = plan;
      const { originalTopic = rows.topic, partition, count, tombstone, offsets, timestamps, sourceTimes, bytes } = rows;
      const same = { originalTopic, partition, count, tombstone, offsets, timestamps, sourceTimes, bytes };
      return new PackedRows({ ...same, topic, keySchema, valueSchema, packedKeys, packedValues, record });
    } catch {
      return undefined; // one row is bad: as records it is set aside alone
    }
  }

  private planOf(rows: PackedRows, tombstones: boolean): Plan | "drop" | "records" {
    let ofTopic = this.known.get(rows.topic);
    if (!ofTopic) this.known.set(rows.topic, (ofTopic = []));
    const { keySchema, valueSchema } = rows;
    const there = ofTopic.find((k) => k.keySchema === keySchema && k.valueSchema === valueSchema && k.tombstones === tombstones);
    if (there) return there.plan;
    const plan = this.makePlan(rows, tombstones);
    ofTopic.push({ keySchema, valueSchema, tombstones, plan });
    return plan;
  }

  private makePlan(rows: PackedRows, tombstones: boolean): Plan | "drop" | "records" {
    const key = this.nodeOf(rows.keySchema, 0);
    const value = this.nodeOf(rows.valueSchema, rows.packedKeys.length);
    const shape = (value: Node | null): RecordShape => ({
      topic: rows.topic,
      key,
      value,
      headers: [],
      timestampSlot: 0,
      sourceTimeSlot: null,
      columnCount: rows.packedKeys.length + rows.packedValues.length,
      slotCount: 1,
    });
    const before = shape(value);
    const after = this.compiled(before);
    if (after === undefined || after === "drop") return after === "drop" && !tombstones ? "drop" : "records";
    const plan = planFrom(after, before);
    if (!plan) return "records";
    if (!tombstones || value === null) return plan;
    // rows without a value are in the same run: the transforms must do the same to their keys and leave them without
    const empty = this.compiled(shape(null));
    const other = empty === undefined || empty === "drop" ? undefined : planFrom(empty, shape(null));
    const told = (x: Plan) => JSON.stringify([x.topic, x.keySchema, x.keys.map((k) => ("column" in k ? k.column : null))]);
    return other?.keys.every((k) => "column" in k) && told(other) === told(plan) ? plan : "records";
  }

  private compiled(shape: RecordShape): RecordShape | "drop" | undefined {
    try {
      return this.chain.compile(shape);
    } catch {
      return undefined; // what is wrong with it is each record's own error
    }
  }

  private nodeOf(schema: Schema | null, first: number): Node | null {
    if (schema === null) return null;
    const leaf = (s: Schema, column: number): ColumnNode => ({
      kind: "column",
      schema: s,
      column,
      text: { as: "other" },
      decode: (_buffer, row) => this.columns[column]!.at(row) as Value,
    });
    if (schema.type !== "struct") return leaf(schema, first);
    return { kind: "struct", schema, fields: schema.fields!.map((f) => leaf(f.schema, first + f.index)) };
  }

  /** A chunk whose offsets are the numbers of the rows, so that the shape's columns decode to their cells. */
  private chunkOf(rows: PackedRows): RowChunk {
    const { columns } = this;
    const offsets = new Int32Array(rows.count * columns.length * 2);
    let i = 0;
    for (let r = 0; r < rows.count; r++)
      for (const column of columns) {
        offsets[i] = column.isNull(r) ? -1 : r;
        i += 2;
      }
    const shape = { columnCount: columns.length, slotCount: 1 } as RecordShape;
    return { shape, count: rows.count, buffer: nothing, offsets, slots: rows.timestamps, sourcePartition: {}, sourceOffset: {} };
  }

  private column(source: Source, chunk: RowChunk, rows: PackedRows, ofValue: boolean): PackedColumn {
    if ("column" in source) return this.columns[source.column]!;
    const out = new Array<unknown>(rows.count);
    for (let r = 0; r < rows.count; r++) out[r] = ofValue && rows.tombstone[r] === 1 ? undefined : materialize(source.node, chunk, r);
    return new ValueColumn(out);
  }
}

const nothing = Buffer.alloc(0);

/** undefined where a shape says more than columns can hold. */
function planFrom(after: RecordShape, before: RecordShape): Plan | undefined {
  if (after.headers.length > 0 || after.timestampSlot !== before.timestampSlot) return undefined;
  const leaves = new Map<Node, number>();
  for (const node of [before.key, before.value])
    for (const leaf of node === null ? [] : node.kind === "struct" ? node.fields : [node])
      if (leaf.kind === "column") leaves.set(leaf, leaf.column);
  const sources = (node: Node | null): Source[] | undefined => {
    if (node === null) return [];
    // a payload that may be null although it has a schema, or whose fields are not known one by one, is no run of rows
    if (node.kind !== "struct" && (node.schema.optional || node.schema.type === "struct")) return undefined;
    return (node.kind === "struct" ? node.fields : [node]).map((leaf) => {
      const column = leaves.get(leaf);
      return column === undefined ? { node: leaf } : { column };
    });
  };
  const keys = sources(after.key);
  const values = sources(after.value);
  if (!keys || !values || (after.value === null) !== (before.value === null)) return undefined;
  return { topic: after.topic, keySchema: after.key?.schema ?? null, valueSchema: after.value?.schema ?? null, keys, values };
}

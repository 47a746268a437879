import { valueKind } from "../../cdc/value-kind.js";
import { MillraceError } from "../../common/errors.js";
import type { Schema } from "../../data/schema.js";
import { typeName } from "./cql-type.js";
import type { BoundValues, Statement } from "./driver.js";
import { type Encode, encoderOf } from "./encode.js";
import type { FieldSource } from "./mapping.js";
import { decimalOf, int64, type Present, shown, Unconvertible } from "./numbers.js";
import { HeaderValue, type Located, locate, type RowSource } from "./rows.js";
import type { Param, Target } from "./target.js";
import { millisOf } from "./temporal.js";
import { inUnits, type TextFormats } from "./text-formats.js";
import { timeUuid } from "./write-time.js";

/** A variable that leaves its column as it is. */
const UNSET = "unset";
type Bound = Buffer | null | typeof UNSET;

/** One statement of one row. */
export interface Write extends BoundValues {
  /** where the write time's 8 bytes stand in the values; -1: nowhere */
  readonly timeAt: number;
  /** the partition key as nodes are chosen by it; null where it is not asked for or not bound as a whole */
  readonly routingKey: Buffer | null;
}

/** Turns rows of one pair of schemas into writes of one target. */
export class Plan {
  private readonly located: (Located | null)[];
  private readonly encoders: Encode[];
  private readonly ttl: Located | null;
  private readonly timestamp: Located | null;
  private columns: (readonly unknown[])[] = [];
  private ttls: readonly unknown[] = [];
  private timestamps: readonly unknown[] = [];
  /** fields of the mapping that records of these schemas do not have */
  readonly missing: string[] = [];

  constructor(
    readonly target: Target,
    private readonly formats: TextFormats,
    keySchema: Schema | null,
    valueSchema: Schema | null,
  ) {
    const schemaOf = (source: FieldSource) => (source.part === "key" ? keySchema : valueSchema);
    const place = (source: FieldSource) => {
      const located = locate(source, schemaOf(source));
      if (located.missing) this.missing.push(sourceName(source));
      return located;
    };
    this.located = target.params.map((p) => (p.source === "now" ? null : place(p.source)));
    this.ttl = target.ttlSource && place(target.ttlSource);
    this.timestamp = target.timestampSource && place(target.timestampSource);
    this.encoders = target.params.map((p, i) => this.encoderFor(p, this.located[i] ?? null));
  }

  /** Takes the columns of these rows; `write` is then for one of them. */
  bind(rows: RowSource): void {
    const cache = new Map<string, readonly unknown[]>();
    this.columns = this.located.map((l) => (l === null ? [] : l.values(rows, cache)));
    this.ttls = this.ttl?.values(rows, cache) ?? [];
    this.timestamps = this.timestamp?.values(rows, cache) ?? [];
  }

  /**
   * @param writeTime µs
   * @param routed whether the partition key is wanted
   * @param identity names the record, for what is made of it
   * @throws RECORD_REFUSED naming field, column and type
   */
  write(row: number, tombstone: boolean, writeTime: number, routed: boolean, identity: () => string): Write {
    const { target, columns } = this;
    const { params } = target;
    const time = this.timestamp === null ? writeTime : (this.timestampOf(row) ?? writeTime);
    const remove = target.delete !== null && (tombstone || (target.deletesNulls && this.hasOnlyKey(row)));
    const out: Bound[] = [];
    if (remove) {
      out.push(int64(time));
      for (const i of target.keyParams) out.push(this.encode(i, row, columns[i]![row]) ?? this.nullKey(i));
      return bound(target.delete!, out, 0, routed ? target.partitionParams?.map((p) => 1 + target.keyParams.indexOf(p)) : undefined);
    }
    for (let i = 0; i < params.length; i++) {
      const param = params[i]!;
      if (param.source === "now") out.push(timeUuid(time, `${identity()}/${param.name}`));
      else {
        const bytes = this.encode(i, row, columns[i]![row]);
        out.push(bytes ?? (param.isKey ? this.nullKey(i) : target.settings.nullToUnset ? UNSET : null));
      }
    }
    const partition = routed ? (target.partitionParams ?? undefined) : undefined;
    if (!target.writeTime) return bound(target.upsert, out, -1, partition);
    out.push(int64(time));
    if (target.ttl) out.push(this.ttlOf(row));
    return bound(target.upsert, out, params.length, partition);
  }

  private hasOnlyKey(row: number): boolean {
    const { params } = this.target;
    for (let i = 0; i < params.length; i++) {
      if (params[i]!.isKey || params[i]!.source === "now") continue;
      const value = this.columns[i]![row];
      if (value !== null && value !== undefined) return false;
    }
    return true;
  }

  private encode(i: number, _row: number, value: unknown): Buffer | null {
    if (value === null || value === undefined) return null;
    try {
      if (value instanceof Unconvertible) throw value;
      return this.encoders[i]!(value as Present);
    } catch (error) {
      throw this.refusal(this.target.params[i]!, value, error);
    }
  }

  private encoderFor(param: Param, located: Located | null): Encode {
    try {
      const plain = encoderOf(param.type, located?.schema ?? null, this.formats);
      if (param.source === "now" || param.source.part !== "header") return plain;
      const bySchema = new Map<Schema, Encode>();
      return (value) => {
        const v: unknown = value;
        if (!(v instanceof HeaderValue)) return plain(value);
        let encode = bySchema.get(v.schema);
        if (!encode) bySchema.set(v.schema, (encode = encoderOf(param.type, v.schema, this.formats)));
        return encode(v.value as Present);
      };
    } catch (error) {
      if (!(error instanceof Unconvertible)) throw error;
      // it holds for every row of this schema: each is refused with it
      return () => {
        throw error;
      };
    }
  }

  private refusal(param: Param, value: unknown, error: unknown): unknown {
    if (!(error instanceof Unconvertible) && !(error instanceof RangeError) && !(error instanceof TypeError)) return error;
    const { name } = this.target;
    const from = param.source === "now" ? "now()" : sourceName(param.source);
    const what = error instanceof Unconvertible ? error.message : `${shown(value)}: ${error.message}`;
    return new MillraceError("RECORD_REFUSED", `${from} does not fit column ${param.name} (${typeName(param.type)}) of ${name}: ${what}`, {
      cause: error,
    });
  }

  private nullKey(i: number): never {
    const { source, name } = this.target.params[i]!;
    const from = source === "now" ? "now()" : sourceName(source);
    throw new MillraceError("RECORD_REFUSED", `the primary key column ${name} of ${this.target.name} is null: the record has no ${from}`);
  }

  /** Seconds; a negative one stands for none. */
  private ttlOf(row: number): Bound {
    const { settings } = this.target;
    const given = this.number(this.ttls[row], "__ttl");
    const seconds = given === undefined ? settings.ttl : given < 0 ? null : inUnits(given, settings.ttlUnit, 1_000_000_000);
    if (seconds === null) return UNSET;
    if (seconds > 2147483647) throw new MillraceError("RECORD_REFUSED", `__ttl of ${this.target.name}: ${seconds} s is out of range`);
    const out = Buffer.allocUnsafe(4);
    out.writeInt32BE(seconds, 0);
    return out;
  }

  /** µs */
  private timestampOf(row: number): number | undefined {
    const value = this.timestamps[row];
    if (value === null || value === undefined) return undefined;
    const { schema } = this.timestamp!;
    const kind = schema === null ? undefined : valueKind(schema);
    if (kind?.kind === "timestamp") return inUnits(Number(value), kind.microsPerUnit * 1000, 1000);
    if (kind?.kind === "timestamptz") return Number(millisOf(value as Present, kind, this.formats)) * 1000;
    const given = this.number(value, "__timestamp");
    return given === undefined ? undefined : inUnits(given, this.target.settings.timestampUnit, 1000);
  }

  private number(value: unknown, name: string): number | undefined {
    const v = value instanceof HeaderValue ? value.value : value;
    if (v === null || v === undefined) return undefined;
    try {
      if (v instanceof Unconvertible) throw v;
      return Number(decimalOf(v as Present, this.formats).toString());
    } catch (error) {
      throw new MillraceError("RECORD_REFUSED", `${name} of ${this.target.name}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** @param timeParam the write time's, -1: none; @param partition the partition key's, undefined: not wanted */
function bound(statement: Statement, params: readonly Bound[], timeParam: number, partition: readonly number[] | undefined): Write {
  let length = 2;
  for (const p of params) length += p === null || p === UNSET ? 4 : 4 + p.length;
  const values = Buffer.allocUnsafe(length);
  values.writeUInt16BE(params.length, 0);
  let at = 2;
  let timeAt = -1;
  for (let i = 0; i < params.length; i++) {
    const p = params[i]!;
    if (p === null || p === UNSET) {
      at = values.writeInt32BE(p === null ? -1 : -2, at);
      continue;
    }
    at = values.writeInt32BE(p.length, at);
    if (i === timeParam) timeAt = at;
    at += p.copy(values, at);
  }
  return { statement, values, timeAt, routingKey: partition === undefined ? null : routingKeyOf(partition.map((i) => params[i]!)) };
}

/** One column's bytes; of several columns, each with its length before and a zero behind it. */
function routingKeyOf(parts: readonly Bound[]): Buffer | null {
  if (!parts.every((p): p is Buffer => p !== null && p !== UNSET)) return null;
  if (parts.length === 1) return parts[0]!;
  const out = Buffer.alloc(parts.reduce((n, p) => n + p.length + 3, 0));
  let at = 0;
  for (const p of parts) {
    at = out.writeUInt16BE(p.length & 0xffff, at);
    at += p.copy(out, at) + 1;
  }
  return out;
}

/** As the mapping names it. */
export function sourceName(source: FieldSource): string {
  return [source.part, ...source.path].join(".");
}

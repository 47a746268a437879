import { Decimal } from "../../data/schema.js";
import type { SqlField, SqlType } from "../../data/sql-type.js";
import type { Row } from "../../serde/row-serde.js";
import type { ByteReader, ByteWriter } from "./bytes.js";

/**
 * The bytes of a row in stores, changelogs and repartition topics: a bitmap of nulls, then every column that is not null.
 * Equal rows have equal bytes, so keys are compared and hashed as bytes. Generated for the columns.
 */
export interface RowCodec {
  /** columns `row[at]`, `row[at + 1]`, … */
  write(row: Row, writer: ByteWriter): void;
  /** into `row[at]`, … */
  read(reader: ByteReader, row: Row): void;
}

/** How one column's values become bytes. */
export interface ValueCodec {
  write(value: unknown, writer: ByteWriter): void;
  read(reader: ByteReader): unknown;
}

/** A column of values that the rows' owner writes and reads itself, of which stores and topics see the bytes alone. */
export function codecType(codec: ValueCodec): SqlType {
  const type: SqlType & { readonly codec: ValueCodec } = { base: "BYTES", codec };
  return type;
}

/** @param at position of the first column in the row */
export function createRowCodec(columns: readonly SqlField[], at: number): RowCodec {
  const nested: ValueCodec[] = [];
  const writes: string[] = [];
  const reads: string[] = [];
  for (let group = 0; group < columns.length; group += 8) {
    const members = columns.slice(group, group + 8);
    const bits = members.map((_, i) => `(r[${at + group + i}] == null ? ${1 << i} : 0)`).join(" | ");
    writes.push(`w.byte(${bits});`);
    reads.push(`var n${group} = b.bytes[b.position++];`);
  }
  columns.forEach(({ type }, i) => {
    const [write, read] = scalar(type, nested);
    const slot = at + i;
    writes.push(`if ((v = r[${slot}]) != null) ${write};`);
    reads.push(`r[${slot}] = n${i - (i % 8)} & ${1 << (i % 8)} ? null : ${read};`);
  });
  const source = `"use strict"; return {
    write(r, w) { let v; ${writes.join("\n")} },
    read(b, r) { ${reads.join("\n")} },
  };`;
  return new Function("c", source)(nested) as RowCodec;
}

/** Code that writes `v` to `w`, and that reads from `b`. */
function scalar(type: SqlType, nested: ValueCodec[]): [write: string, read: string] {
  if ("codec" in type) {
    const index = nested.push(type.codec as ValueCodec) - 1;
    return [`c[${index}].write(v, w)`, `c[${index}].read(b)`];
  }
  switch (type.base) {
    case "BOOLEAN":
      return ["w.byte(v ? 1 : 0)", "b.bytes[b.position++] === 1"];
    case "INTEGER":
    case "DATE":
    case "TIME":
      return ["w.int(v)", "b.int()"];
    case "BIGINT":
    case "TIMESTAMP":
      return ["w.long(v)", "b.long()"];
    case "DOUBLE":
      return ["w.double(v)", "b.double()"];
    case "STRING":
      return ["w.string(v)", "b.string()"];
    case "BYTES":
      return ["w.blob(v)", "b.blob()"];
    default: {
      const index = nested.push(valueCodec(type)) - 1;
      return [`c[${index}].write(v, w)`, `c[${index}].read(b)`];
    }
  }
}

function valueCodec(type: SqlType): ValueCodec {
  switch (type.base) {
    case "DECIMAL":
      return decimalCodec(type.scale);
    case "ARRAY": {
      const row = createRowCodec([{ name: "", type: type.element }], 0);
      return {
        write(value, writer) {
          const list = value as readonly unknown[];
          writer.int(list.length);
          const one: Row = [null];
          for (const item of list) {
            one[0] = item;
            row.write(one, writer);
          }
        },
        read(reader) {
          const list = new Array<unknown>(reader.int());
          const one: Row = [null];
          for (let i = 0; i < list.length; i++) {
            row.read(reader, one);
            list[i] = one[0];
          }
          return list;
        },
      };
    }
    case "MAP": {
      const row = createRowCodec(
        [
          { name: "", type: type.key },
          { name: "", type: type.value },
        ],
        0,
      );
      return {
        write(value, writer) {
          const map = value as ReadonlyMap<unknown, unknown>;
          writer.int(map.size);
          const one: Row = [null, null];
          for (const [k, v] of map) {
            one[0] = k;
            one[1] = v;
            row.write(one, writer);
          }
        },
        read(reader) {
          const map = new Map<unknown, unknown>();
          const one: Row = [null, null];
          for (let left = reader.int(); left > 0; left--) {
            row.read(reader, one);
            map.set(one[0], one[1]);
          }
          return map;
        },
      };
    }
    case "STRUCT": {
      const row = createRowCodec(type.fields, 0);
      const size = type.fields.length;
      return {
        write: (value, writer) => row.write(value as Row, writer),
        read(reader) {
          const struct = new Array<unknown>(size).fill(null);
          row.read(reader, struct);
          return struct;
        },
      };
    }
    default: {
      const row = createRowCodec([{ name: "", type }], 0);
      const one: Row = [null];
      return {
        write(value, writer) {
          one[0] = value;
          row.write(one, writer);
        },
        read(reader) {
          row.read(reader, one);
          return one[0];
        },
      };
    }
  }
}

/** The unscaled value; as a varint where it is a safe integer, else (a first byte of 1) as two's complement bytes. */
function decimalCodec(scale: number): ValueCodec {
  const safe = BigInt(Number.MAX_SAFE_INTEGER);
  return {
    write(value, writer) {
      const decimal = (value as Decimal).rescale(scale); // GREATEST and LEAST answer at the scale of the winner
      const { unscaled } = decimal;
      if (unscaled <= safe && unscaled >= -safe) {
        writer.byte(0);
        writer.long(Number(unscaled));
      } else {
        writer.byte(1);
        writer.blob(decimal.toBytes());
      }
    },
    read(reader) {
      const wide = reader.bytes[reader.position++] === 1;
      return wide ? Decimal.fromBytes(reader.blob(), scale) : new Decimal(BigInt(reader.long()), scale);
    },
  };
}

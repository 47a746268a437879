import { MillraceError } from "../../common/errors.js";
import { type Schema, Struct, type Value } from "../../data/schema.js";
import type { AvroSchema } from "../../schema-registry/avro/schema.js";
import { ByteWriter } from "../../serde/byte-writer.js";
import type { AvroDataOptions } from "../../serde/formats/avro/connect-names.js";
import { DECIMAL } from "../../serde/formats/avro/connect-names.js";
import { scrub } from "../../serde/formats/avro/connect-to-avro.js";
import { compileAvroEncoder } from "../../serde/formats/avro/encoder.js";
import type { NodeWriter } from "../api/converter.js";
import type { ColumnNode, Node, StructNode } from "../api/shape.js";
import { firstColumn, parseDecimal, parseInteger, WriterCode } from "./writer-code.js";

/** A writer of the node's rows as data of the Avro schema, behind the wire format's header. */
export function compileAvroWriter(node: Node, avro: AvroSchema, schemaId: number, options: AvroDataOptions): NodeWriter {
  const walk = new AvroWalk(options);
  walk.code.constant(Buffer.from([0, schemaId >>> 24, (schemaId >>> 16) & 0xff, (schemaId >>> 8) & 0xff, schemaId & 0xff]));
  walk.node(node, avro, "");
  return walk.code.build();
}

class AvroWalk {
  readonly code: WriterCode;
  private readonly scratch = new ByteWriter();

  /** @param base of the code, see there */
  constructor(
    private readonly options: AvroDataOptions,
    base = 0,
  ) {
    this.code = new WriterCode(base);
  }

  node(node: Node, avro: AvroSchema, path: string): void {
    const { code } = this;
    switch (node.kind) {
      case "const":
        code.constant(this.general(node.schema, avro, path)(node.value));
        return;
      case "struct":
        this.struct(node, avro, path);
        return;
      case "template": {
        const { index, type } = branchOf(avro);
        if (type !== "string")
          throw new MillraceError("SCHEMA_INVALID", `${path} is text, which does not fit the registered Avro type ${type}`);
        if (index >= 0) code.constant(this.bytes((out) => out.varint(index)));
        code.template(node, (text) => Buffer.from(text), true);
        return;
      }
    }
    const write = this.general(node.schema, avro, path);
    const branch = branchOf(avro);
    const prefix = branch.index < 0 ? Buffer.alloc(0) : this.bytes((out) => out.varint(branch.index));
    const onNull = this.nullBytes(write, node.kind === "column" ? (node.ifNull ?? null) : null);
    if (node.kind === "slot") {
      const whole = branch.type === "int" || branch.type === "long";
      code.slot(node, onNull, write, whole ? `${code.store(prefix)} p = putVarint(out, p, n);` : undefined);
      return;
    }
    const fast = columnCode(code, node, branch.type, code.store(prefix));
    code.column(node, onNull, (b, s, e) => write(node.decode(b, s, e)), fast);
  }

  private struct(node: StructNode, avro: AvroSchema, path: string): void {
    const { code, options } = this;
    const record = avro.type === "union" ? avro.branches.find((b) => b.type === "record") : avro;
    if (record?.type !== "record") {
      // refused by the general encoder with the reason
      compileAvroEncoder(node.schema, avro, options, path);
      return;
    }
    if (avro.type === "union") code.constant(this.bytes((out) => out.varint(avro.branches.indexOf(record))));
    const base = path === "" ? undefined : firstColumn(node);
    if (base === undefined) {
      this.fields(node, record, path);
      return;
    }
    const row = new AvroWalk(options, base);
    row.fields(node, record, path);
    code.part(row.code.build(), base);
  }

  private fields(node: StructNode, record: AvroSchema & { type: "record" }, path: string): void {
    const { code, options } = this;
    const index = new Map(node.schema.fields!.map((f) => [options.scrubNames ? scrub(f.name) : f.name, f.index]));
    for (const field of record.fields) {
      const at = index.get(field.name);
      const where = path ? `${path}.${field.name}` : field.name;
      if (at !== undefined) this.node(node.fields[at]!, field.type, where);
      else code.constant(this.missing(record, field.name));
    }
  }

  /** The bytes of a field that the rows do not have: its default, as the general encoder writes it. */
  private missing(record: AvroSchema & { type: "record" }, name: string): Uint8Array {
    const field = record.fields.find((f) => f.name === name)!;
    const empty: Schema = { type: "struct", optional: false, fields: [] };
    const write = compileAvroEncoder(empty, { ...record, fields: [field] }, this.options);
    return this.bytes((out) => write(out, new Struct(empty, [])));
  }

  private general(schema: Schema, avro: AvroSchema, path: string): (value: Value) => Uint8Array {
    const encode = compileAvroEncoder(schema, avro, this.options, path);
    return (value) => this.bytes((out) => encode(out, value));
  }

  private nullBytes(write: (value: Value) => Uint8Array, value: Value): Uint8Array | Error {
    try {
      return write(value);
    } catch (error) {
      return error as Error;
    }
  }

  private bytes(write: (out: ByteWriter) => void): Uint8Array {
    this.scratch.position = 0;
    write(this.scratch);
    return this.scratch.take();
  }
}

function branchOf(avro: AvroSchema): { type: string; index: number } {
  if (avro.type !== "union") return { type: avro.type, index: -1 };
  const others = avro.branches.filter((b) => b.type !== "null");
  return others.length === 1 ? { type: others[0]!.type, index: avro.branches.indexOf(others[0]!) } : { type: "union", index: -1 };
}

/** Code for the column's text, or undefined where only the general encoder does. */
function columnCode(code: WriterCode, node: ColumnNode, type: string, prefix: string): ((giveUp: string) => string) | undefined {
  const { text, schema } = node;
  const whole = type === "int" || type === "long";
  switch (text.as) {
    case "int":
      return whole
        ? (giveUp) => `if (e - s > 15 && onlyDigits(b, s, e)) {\n${prefix}\np = putLongDigits(out, p, b, s, e);
} else {\n${parseInteger(giveUp)}\n${prefix}\np = putVarint(out, p, n);\n}`
        : undefined;
    case "utf8":
      return type === "string" ? () => `${prefix}\np = putVarint(out, p, e - s);\np = copyText(out, p, b, s, e);` : undefined;
    case "bool":
      return type === "boolean"
        ? (giveUp) => `c = b[s]; if (e - s !== 1 || (c !== 116 && c !== 102)) ${giveUp}\n${prefix}\nout[p++] = c === 116 ? 1 : 0;`
        : undefined;
    case "float": {
      if (type !== "double" && type !== "float") return undefined;
      const put = type === "double" ? "d.setFloat64(p, n, true); p += 8;" : "d.setFloat32(p, n, true); p += 4;";
      return (giveUp) => `n = +b.latin1Slice(s, e); if (n !== n || e === s) ${giveUp}\n${prefix}\n${put}`;
    }
    case "decimal": {
      if (type !== "bytes" || schema.name !== DECIMAL) return undefined;
      const scale = Number(schema.parameters?.["scale"] ?? 0);
      return scale > 15 || scale < 0 ? undefined : (giveUp) => `${parseDecimal(scale, giveUp)}\n${prefix}\np = putDecimal(out, p, n);`;
    }
    case "date":
      return whole
        ? (giveUp) => `if (e - s !== 10) ${giveUp}\nn = daysOf(b, s); if (n !== n) ${giveUp}\n${prefix}\np = putVarint(out, p, n);`
        : undefined;
    case "timestamp": {
      if (!whole || text.unit === "ns") return undefined;
      const perSecond = text.unit === "ms" ? 1000 : 1_000_000;
      return (giveUp) =>
        `n = timestampOf(b, s, e, ${perSecond}); if (n !== n || n > 4e15 || n < -4e15) ${giveUp}\n${prefix}\np = putVarint(out, p, n);`;
    }
    case "timestamptz-utc": {
      if (type !== "string") return undefined;
      const { fraction } = text;
      const target = fraction === undefined ? "c" : String(fraction);
      return (giveUp) => `c = utcFraction(b, s, e); if (c < 0 || c > ${target}) ${giveUp}
${prefix}
n = ${target} === 0 ? 20 : 21 + ${target};
out[p++] = n << 1; p = putUtc(out, p, b, s, c, ${target});`;
    }
    case "number": {
      const read = `n = ${code.keep(text.read)}(b, s, e); if (n !== n) `;
      if (whole) return (giveUp) => `${read}${giveUp}\nif (n > 4e15 || n < -4e15) ${giveUp}\n${prefix}\np = putVarint(out, p, n);`;
      if (type === "double") return (giveUp) => `${read}${giveUp}\n${prefix}\nd.setFloat64(p, n, true); p += 8;`;
      if (type === "float") return (giveUp) => `${read}${giveUp}\n${prefix}\nd.setFloat32(p, n, true); p += 4;`;
      return type === "bytes" && schema.name === DECIMAL
        ? (giveUp) => `${read}${giveUp}\nif (n > 9e15 || n < -9e15) ${giveUp}\n${prefix}\np = putDecimal(out, p, n);`
        : undefined;
    }
    case "ascii":
      // the length is one byte of a varint
      return type === "string" && text.most < 30
        ? (giveUp) => `q = p;\n${prefix}\ni = ${code.keep(text.write)}(out, p + 1, b, s, e); if (i < 0) { p = q; ${giveUp} }
out[p] = (i - p - 1) << 1; p = i;`
        : undefined;
    default:
      return undefined;
  }
}

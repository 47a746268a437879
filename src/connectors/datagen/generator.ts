import { readFileSync } from "node:fs";
import { asError, MillraceError } from "../../common/errors.js";
import { Decimal, type Schema, Struct, type Value } from "../../data/schema.js";
import type { AvroRecord, AvroSchema, AvroUnion } from "../../schema-registry/avro/schema.js";
import { defaultValue } from "../../serde/formats/avro/avro-to-connect.js";
import type { Random } from "./random.js";
import { type Length, randomText, textOf } from "./text.js";

type Json = Readonly<Record<string, unknown>>;

/** What a record is made from; `next` tells how often an iteration has been asked for. */
export interface Source {
  readonly random: Random;
  readonly next: (iteration: number) => number;
}
export type Generate = (source: Source) => Value;

export interface Generator {
  readonly generate: Generate;
  /** How many iterations the schema has: each is counted by itself. */
  readonly iterations: number;
}

/**
 * Makes values of an Avro schema by its annotations (`arg.properties`), as the documentation of Confluent's Avro Random
 * Generator has them.
 * @throws CONFIG_INVALID that names the field
 */
export function generatorOf(avro: AvroSchema, schema: Schema): Generator {
  const compiler = new Compiler();
  const generate = compiler.value(avro, schema, "", argsOf(avro.props));
  return { generate, iterations: compiler.iterations };
}

function argsOf(props: Json): Json {
  const args = props["arg.properties"];
  return typeof args === "object" && args !== null ? (args as Json) : {};
}

const first = ["Ana", "Ben", "Chi", "Dora", "Emil", "Fay", "Gus", "Hana", "Ivo", "Jun", "Kim", "Leo", "Mia", "Nils", "Olga", "Pia"];
const last = [
  "Abel",
  "Berg",
  "Cruz",
  "Dahl",
  "Endo",
  "Funk",
  "Gray",
  "Hart",
  "Ito",
  "Jung",
  "Kane",
  "Lund",
  "Mori",
  "Novak",
  "Ortiz",
  "Park",
];

class Compiler {
  iterations = 0;

  value(avro: AvroSchema, schema: Schema, at: string, args: Json): Generate {
    const wrong = (message: string) => new MillraceError("CONFIG_INVALID", `${at || "the schema"}: ${message}`);
    if (args["options"] !== undefined) return this.options(args["options"], avro, schema, wrong);
    switch (avro.type) {
      case "null":
        return () => null;
      case "boolean":
        return this.boolean(args, wrong);
      case "int":
        return this.number(args, -(2 ** 31), 2 ** 31, wrong);
      case "long":
        return this.long(args, wrong);
      case "float":
      case "double": {
        const single = avro.type === "float";
        const [min, max] = rangeOf(args, single ? -3.4e38 : -1.7e308, single ? 3.4e38 : 1.7e308, wrong);
        const iterate = this.iteration(args, wrong);
        const whole =
          iterate ??
          (({ random }: Source) => {
            const part = random.unit();
            return min * (1 - part) + max * part;
          });
        return single ? (s) => Math.fround(Number(whole(s))) : (s) => Number(whole(s));
      }
      case "bytes":
      case "fixed":
        return this.bytes(avro, schema, args, wrong);
      case "string":
        return this.text(args, at, wrong);
      case "enum":
        return ({ random }) => random.of(avro.symbols);
      case "array": {
        const item = this.value(avro.items, schema.valueSchema!, `${at}[]`, argsOf(avro.items.props));
        const length = lengthOf(args["length"], wrong);
        return (s) => Array.from({ length: s.random.whole(length.min, length.max) }, () => item(s));
      }
      case "map":
        return this.map(avro.values, schema, args, at, wrong);
      case "record":
        return this.record(avro, schema, at);
      case "union":
        return this.union(avro, schema, at, args, wrong);
    }
  }

  private record(avro: AvroRecord, schema: Schema, at: string): Generate {
    const fields = avro.fields.map((f, i) => {
      const args = f.type.type === "union" ? argsOf(f.props) : argsOf(f.type.props);
      return this.value(f.type, schema.fields![i]!.schema, at ? `${at}.${f.name}` : f.name, args);
    });
    return (s) => {
      const values = new Array<Value>(fields.length);
      for (let i = 0; i < fields.length; i++) values[i] = fields[i]!(s);
      return new Struct(schema, values);
    };
  }

  private options(given: unknown, avro: AvroSchema, schema: Schema, wrong: (message: string) => Error): Generate {
    const list = Array.isArray(given) ? given : optionsFile(given as Json, wrong);
    if (list.length === 0) throw wrong("options is empty");
    const values = list.map((v) =>
      avro.type === "bytes" && schema.name === undefined ? Buffer.from(String(v), "base64") : defaultValue(schema, avro, v),
    );
    return ({ random }) => random.of(values);
  }

  private boolean(args: Json, wrong: (message: string) => Error): Generate {
    const iteration = args["iteration"] as Json | undefined;
    if (iteration) {
      const { start } = iteration;
      if (typeof start !== "boolean" || Object.keys(iteration).length !== 1) throw wrong("the iteration of a boolean has start alone");
      const id = this.iterations++;
      return (s) => (s.next(id) % 2 === 0) === start;
    }
    const odds = args["odds"] ?? 0.5;
    if (typeof odds !== "number" || odds < 0 || odds > 1) throw wrong("odds must be a number from 0.0 to 1.0");
    return ({ random }) => random.unit() < odds;
  }

  private number(args: Json, least: number, most: number, wrong: (message: string) => Error): Generate {
    const [min, max] = rangeOf(args, least, most, wrong);
    return this.iteration(args, wrong) ?? (({ random }) => random.whole(min, max));
  }

  private long(args: Json, wrong: (message: string) => Error): Generate {
    const [min, max] = rangeOf(args, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, wrong);
    const iterate = this.iteration(args, wrong);
    if (iterate) return iterate;
    const low = Number.isFinite(min) ? BigInt(Math.trunc(min)) : -(2n ** 63n);
    const high = Number.isFinite(max) ? BigInt(Math.trunc(max)) : 2n ** 63n;
    return ({ random }) => random.long(low, high);
  }

  /** initial (or start), then step further each time, from restart back to start. */
  private iteration(args: Json, wrong: (message: string) => Error): ((source: Source) => number) | undefined {
    const given = args["iteration"] as Json | undefined;
    if (!given) return undefined;
    const number = (name: string) => {
      const n = given[name];
      if (n !== undefined && typeof n !== "number") throw wrong(`iteration.${name} must be a number`);
      return n;
    };
    const start = number("start");
    if (start === undefined) throw wrong("iteration.start is missing");
    const restart = number("restart");
    if (restart === start) throw wrong("iteration.restart must differ from iteration.start");
    const step = number("step") ?? (restart !== undefined && restart < start ? -1 : 1);
    if (step === 0) throw wrong("iteration.step must not be 0");
    if (restart !== undefined && restart > start !== step > 0) throw wrong("iteration.step leads away from iteration.restart");
    const initial = number("initial") ?? start;
    const span = restart === undefined ? undefined : restart - start;
    const id = this.iterations++;
    return (s) => {
      const reached = initial + s.next(id) * step;
      if (span === undefined) return reached;
      const over = (reached - start) % span;
      return start + (over !== 0 && over > 0 !== span > 0 ? over + span : over);
    };
  }

  private bytes(avro: AvroSchema, schema: Schema, args: Json, wrong: (message: string) => Error): Generate {
    const length = avro.type === "fixed" ? { min: avro.size, max: avro.size + 1 } : lengthOf(args["length"], wrong);
    const random = (s: Source) => Buffer.from(Array.from({ length: s.random.whole(length.min, length.max) }, () => s.random.whole(0, 256)));
    if (schema.name?.endsWith(".data.Decimal") !== true) return random;
    const scale = Number(schema.parameters?.["scale"] ?? 0);
    const precision = Number(avro.props["precision"] ?? 9);
    const [min, max] = rangeOf(args, 0, 10 ** (precision - scale), wrong);
    const unit = 10 ** scale;
    return (s) => new Decimal(BigInt(Math.floor((min + (max - min) * s.random.unit()) * unit)), scale);
  }

  private text(args: Json, at: string, wrong: (message: string) => Error): Generate {
    const { kind, regex, prefix = "", suffix = "" } = args;
    const iterate = this.iteration(args, wrong);
    if (iterate) return (s) => `${prefix}${iterate(s)}${suffix}`;
    const around = (make: (random: Random) => string): Generate =>
      prefix === "" && suffix === "" ? ({ random }) => make(random) : ({ random }) => `${prefix}${make(random)}${suffix}`;
    if (typeof regex === "string") {
      const { length } = args;
      const bounds = typeof length === "number" ? { min: length } : length === undefined ? {} : (length as Partial<Length>);
      return around(textOf(regex, bounds, at));
    }
    switch (kind) {
      case undefined: {
        const length = lengthOf(args["length"], wrong);
        return around((random) => randomText(random, random.whole(length.min, length.max)));
      }
      case "uuid":
        return around(textOf("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", {}, at));
      case "name":
        return around((random) => `${random.of(first)} ${random.of(last)}`);
      case "email":
        return around((random) => `${random.of(first)}.${random.of(last)}${random.whole(1, 1000)}@example.com`.toLowerCase());
      default:
        throw wrong(`kind ${String(kind)} is not one of uuid, email, name`);
    }
  }

  private map(values: AvroSchema, schema: Schema, args: Json, at: string, wrong: (message: string) => Error): Generate {
    const text: AvroSchema = { type: "string", props: {} };
    const key = this.value(text, schema.keySchema!, `${at}.keys`, (args["keys"] ?? {}) as Json);
    const item = this.value(values, schema.valueSchema!, `${at}{}`, argsOf(values.props));
    const length = lengthOf(args["length"], wrong);
    return (s) => {
      const map = new Map<Value, Value>();
      // keys may be fewer than asked for: a map of few options cannot have more
      for (let i = s.random.whole(length.min, length.max); i > 0; i--) map.set(key(s), item(s));
      return map;
    };
  }

  private union(avro: AvroUnion, schema: Schema, at: string, args: Json, wrong: (message: string) => Error): Generate {
    const others = avro.branches.filter((b) => b.type !== "null");
    const bare = others.length <= 1;
    const branches = avro.branches.map((branch): Generate => {
      if (branch.type === "null") return this.value(branch, schema, at, {});
      const index = others.indexOf(branch);
      const inner = this.value(branch, bare ? schema : schema.fields![index]!.schema, at, argsOf(branch.props));
      if (bare) return inner;
      return (s) => {
        const struct = new Struct(schema);
        struct.values[index] = inner(s);
        return struct;
      };
    });
    const { position, distribution } = args;
    if (position !== undefined) {
      const chosen = branches[Number(position)];
      if (!chosen) throw wrong(`position ${String(position)} is not one of the union's ${branches.length}`);
      return chosen;
    }
    if (distribution === undefined) return (s) => s.random.of(branches)(s);
    const odds = branches.map((_, i) => Number((distribution as Json)[String(i)] ?? 0));
    const sum = odds.reduce((a, b) => a + b, 0);
    if (!(sum > 0)) throw wrong("distribution must give the union's positions probabilities");
    return (s) => {
      let left = s.random.unit() * sum;
      const chosen = odds.findIndex((o) => (left -= o) < 0);
      return branches[chosen]!(s);
    };
  }
}

function rangeOf(args: Json, least: number, most: number, wrong: (message: string) => Error): [min: number, max: number] {
  const range = args["range"] as Json | undefined;
  if (range === undefined) return [least, most];
  const { min = least, max = most } = range;
  if (typeof min !== "number" || typeof max !== "number" || (range["min"] === undefined && range["max"] === undefined))
    throw wrong("range must have a number min or max");
  if (max <= min) throw wrong("range.max must be greater than range.min");
  return [min, max];
}

function lengthOf(given: unknown, wrong: (message: string) => Error): Length {
  if (typeof given === "number") return { min: given, max: given + 1 };
  if (given === undefined) return { min: 8, max: 16 };
  const { min = 0, max = Number(min) + 16 } = given as Partial<Length>;
  if (!Number.isInteger(min) || !Number.isInteger(max) || min < 0 || max <= min)
    throw wrong("length must be a whole number, or have min and a greater max");
  return { min, max };
}

function optionsFile(given: Json, wrong: (message: string) => Error): unknown[] {
  const { file, encoding } = given;
  if (typeof file !== "string" || encoding === undefined) throw wrong("options must be a list, or name a file and its encoding");
  if (encoding !== "json") throw wrong(`options in encoding ${String(encoding)} are not supported: only json`);
  let list: unknown;
  try {
    list = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw wrong(`options: ${file} cannot be read: ${asError(cause).message}`);
  }
  if (!Array.isArray(list)) throw wrong(`options: ${file} holds no list`);
  return list;
}

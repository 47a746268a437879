import { ConfigDef } from "../../common/config-def.js";
import { MillraceError } from "../../common/errors.js";
import { zoneOffset } from "../../common/zone.js";
import { type Schema, Struct, type Value } from "../../data/schema.js";
import type { ConnectRecord } from "../api/record.js";
import type { ConnectorConfig } from "../api/source.js";
import type { Transformation, TransformPlugin } from "../api/transform.js";
import { dateNames } from "./dates.js";
import { isEnvelope } from "./envelope.js";
import { listOf, setting } from "./side.js";

/** Units a millisecond of the types that hold a wall clock's time; what is left to be done is text. */
const perMs: Readonly<Record<string, bigint>> = {
  "io.debezium.time.Timestamp": 1n,
  [dateNames.Timestamp]: 1n,
  "io.debezium.time.MicroTimestamp": 1000n,
  "io.debezium.time.NanoTimestamp": 1_000_000n,
};
const zoned = "io.debezium.time.ZonedTimestamp";

/** What an entry of include.list or exclude.list names. */
interface Rule {
  readonly of: "source" | "topic" | "any";
  readonly name: string;
  readonly field: string | undefined;
}

function ruleOf(text: string): Rule {
  const [first, ...rest] = text.split(":");
  if ((first === "source" || first === "topic") && rest.length > 0) return { of: first, name: rest[0]!, field: rest[1] };
  return { of: "any", name: first!, field: rest[0] };
}

/**
 * Debezium's time zone converter: a column with a zone is written in another one, and a wall clock's time (without a zone) is
 * read as that zone's and becomes UTC.
 * https://debezium.io/documentation/reference/stable/transformations/timezone-converter.html
 */
class TimezoneConverter implements Transformation {
  private readonly include: readonly Rule[];
  private readonly exclude: readonly Rule[];

  constructor(
    config: ConnectorConfig,
    private readonly zone: Zone,
  ) {
    this.include = listOf(config["include.list"]).map(ruleOf);
    this.exclude = listOf(config["exclude.list"]).map(ruleOf);
  }

  apply<R extends ConnectRecord>(record: R): R {
    const { value } = record;
    if (!(value instanceof Struct)) return record;
    if (!isEnvelope(value.schema)) {
      const changed = this.row(record, null, value);
      return changed === value ? record : { ...record, value: changed };
    }
    const source = value.get("source");
    const table = source instanceof Struct ? source.get("table") : null;
    const values = value.schema.fields!.map((f) => {
      const v = value.values[f.index]!;
      return (f.name === "before" || f.name === "after") && v instanceof Struct ? this.row(record, table ?? null, v) : v;
    });
    return { ...record, value: new Struct(value.schema, values) };
  }

  private row(record: ConnectRecord, table: Value, row: Struct): Struct {
    const named = (rules: readonly Rule[], field: string) =>
      rules.some(
        (r) =>
          (r.field === undefined || r.field === field) &&
          (r.of === "source" ? r.name === table : r.of === "topic" ? r.name === record.topic : r.name === table || r.name === record.topic),
      );
    let changed: Value[] | undefined;
    for (const f of row.schema.fields!) {
      if (this.include.length > 0 ? !named(this.include, f.name) : named(this.exclude, f.name)) continue;
      const value = row.values[f.index]!;
      const next = this.converted(value, f.schema);
      if (next !== value) (changed ??= [...row.values])[f.index] = next;
    }
    return changed ? new Struct(row.schema, changed) : row;
  }

  private converted(value: Value, schema: Schema): Value {
    if (value === null) return value;
    if (schema.name === zoned) return typeof value === "string" ? this.zone.write(value) : value;
    const unit = schema.name === undefined ? undefined : perMs[schema.name];
    if (unit === undefined || (typeof value !== "number" && typeof value !== "bigint")) return value;
    const n = BigInt(value);
    const shift = BigInt(this.zone.offsetOfLocal(Number(n / unit))) * 60_000n * unit;
    const moved = n - shift;
    return Number.isSafeInteger(Number(moved)) ? Number(moved) : moved;
  }
}

const fixedOffset = /^(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?$/;

/** A time zone: an IANA name, or a fixed offset. */
class Zone {
  /** @throws RangeError for what is neither */
  constructor(private readonly name: string) {
    if (!fixedOffset.test(name)) new Intl.DateTimeFormat("en-US", { timeZone: name === "Z" ? "UTC" : name });
  }

  /** Minutes ahead of UTC at a moment. */
  private offset(ms: number): number {
    return Math.round(zoneOffset(this.name, ms) / 60_000);
  }

  /** Minutes ahead of UTC when the zone's clocks show this time; the earlier of two, as Java takes it. */
  offsetOfLocal(ms: number): number {
    const before = this.offset(ms - 86_400_000);
    if (this.offset(ms - before * 60_000) === before) return before;
    const after = this.offset(ms + 86_400_000);
    // in a gap the clocks have gone on by the difference
    return this.offset(ms - after * 60_000) === after ? after : before;
  }

  /** An ISO text with a zone, in this one; its fraction stays as it is. */
  write(text: string): string {
    const m = /^(.*T\d{2}:\d{2}:\d{2})(\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/.exec(text);
    const ms = m ? Date.parse(text.replace(/\.\d+/, "")) : Number.NaN;
    if (!m || Number.isNaN(ms)) return text;
    const offset = this.offset(ms);
    const local = new Date(ms + offset * 60_000).toISOString().slice(0, -5);
    return `${local}${m[2] ?? ""}${offset === 0 ? "Z" : offsetText(offset)}`;
  }
}

function offsetText(minutes: number): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

export const timezoneConverter: TransformPlugin = {
  classes: ["io.debezium.transforms.TimezoneConverter"],
  version: "3.7.0.Final",
  config: new ConfigDef([
    setting("converted.timezone", "The time zone: a name as Europe/Berlin, or an offset as +02:00.", {
      importance: "HIGH",
      check: (value) => {
        try {
          new Zone(String(value));
          return undefined;
        } catch {
          return `${String(value)} is not a time zone`;
        }
      },
    }),
    setting(
      "include.list",
      "The columns to convert: source:TABLE[:COLUMN], topic:TOPIC[:COLUMN] or NAME[:COLUMN] for either; all if empty.",
      {
        type: "LIST",
        default: [],
        check: (value, config) =>
          (value as readonly string[]).length > 0 && config["exclude.list"]?.trim()
            ? "only one of include.list and exclude.list may be set"
            : undefined,
      },
    ),
    setting("exclude.list", "The columns not to convert.", { type: "LIST", default: [] }),
  ]),
  create(config) {
    try {
      return new TimezoneConverter(config, new Zone((config["converted.timezone"] ?? "").trim()));
    } catch (cause) {
      throw new MillraceError("CONFIG_INVALID", `converted.timezone: ${config["converted.timezone"]} is not a time zone`, { cause });
    }
  },
};

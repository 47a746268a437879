import { ConfigDef } from "../../common/config-def.js";
import { MillraceError } from "../../common/errors.js";
import { JavaPattern, patternProblem } from "../../common/regex/java-pattern.js";
import { arrayOf, fieldNamed, optional, primitive, type Schema, Struct, structOf, type Value } from "../../data/schema.js";
import type { ConnectHeader, ConnectRecord } from "../api/record.js";
import type { ConnectorConfig } from "../api/source.js";
import type { Transformation, TransformPlugin } from "../api/transform.js";
import { isEnvelope } from "./envelope.js";
import { flag, listOf, refused, setting } from "./side.js";

interface Placed {
  readonly field: string;
  readonly alias: string;
}

/**
 * Debezium's outbox: a row inserted into the outbox table becomes a message of its own, on the topic that the row names.
 * https://debezium.io/documentation/reference/stable/transformations/outbox-event-router.html
 */
class EventRouter implements Transformation {
  private readonly idField: string;
  private readonly keyField: string;
  private readonly payloadField: string;
  private readonly routeField: string;
  private readonly timestampField: string | undefined;
  private readonly versionField: string | undefined;
  private readonly topic: JavaPattern;
  private readonly replacement: string;
  private readonly headers: readonly Placed[];
  private readonly envelope: readonly Placed[];
  private readonly partitionField: string | undefined;
  private readonly tombstone: boolean;
  private readonly expand: boolean;
  private readonly nullsAsBytes: boolean;
  private readonly missingIsError: boolean;
  private readonly invalid: string;
  /** of one text of schema, made once: a converter knows a schema by its object */
  private readonly schemas = new Map<string, Schema>();

  constructor(config: ConnectorConfig) {
    const text = (name: string, fallback: string) => config[name]?.trim() || fallback;
    this.idField = text("table.field.event.id", "id");
    this.keyField = text("table.field.event.key", "aggregateid");
    this.payloadField = text("table.field.event.payload", "payload");
    this.routeField = text("route.by.field", "aggregatetype");
    this.timestampField = config["table.field.event.timestamp"]?.trim() || undefined;
    this.versionField = config["table.field.event.schema.version"]?.trim() || undefined;
    this.topic = new JavaPattern(text("route.topic.regex", "(?<routedByValue>.*)"));
    this.replacement = text("route.topic.replacement", "outbox.event.${routedByValue}");
    const placed = listOf(config["table.fields.additional.placement"]).map((item) => {
      const [field, place, alias] = item.split(":").map((s) => s.trim());
      return { field: field!, place: place!, alias: alias || field! };
    });
    this.headers = placed.filter((p) => p.place === "header");
    this.envelope = placed.filter((p) => p.place === "envelope");
    this.partitionField = placed.find((p) => p.place === "partition")?.field;
    this.tombstone = flag(config, "route.tombstone.on.empty.payload", false);
    this.expand = flag(config, "table.expand.json.payload", false);
    this.nullsAsBytes = config["table.json.payload.null.behavior"]?.trim() === "optional_bytes";
    this.missingIsError = flag(config, "table.fields.additional.error.on.missing", true);
    this.invalid = text("table.op.invalid.behavior", "warn");
  }

  apply<R extends ConnectRecord>(record: R): R | null {
    const event = record.value;
    if (!(event instanceof Struct) || !isEnvelope(event.schema)) return record;
    const op = event.get("op");
    if (op === "d") return null;
    if (op === "u") {
      // the outbox is for inserts: a change of a row is somebody's mistake
      if (this.invalid === "fatal") throw new MillraceError("TRANSFORM", "Unexpected update message received from the outbox table");
      return null;
    }
    const row = event.get("after");
    if (!(row instanceof Struct)) return null;
    const id = this.field(row, this.idField);
    const key = this.field(row, this.keyField);
    const route = this.field(row, this.routeField);
    if (route.value === null) throw refused(`${this.routeField} of the outbox row is null: it says where the event goes`);
    const headers: ConnectHeader[] = [...record.headers, { key: "id", schema: id.schema, value: id.value }];
    for (const { field, alias } of this.headers) {
      const found = this.additional(row, field);
      if (found) headers.push({ key: alias, ...found });
    }
    const payload = this.payload(row);
    const { schema, value } =
      this.tombstone && (payload.value === null || payload.value === "")
        ? { schema: null, value: null }
        : this.valueOf(record, row, payload, String(route.value));
    const partition = this.partitionField === undefined ? record.partition : Number(this.field(row, this.partitionField).value);
    const timestamp = this.timestampField ? this.field(row, this.timestampField).value : event.get("ts_ms");
    return {
      ...record,
      topic: this.topic.matches(String(route.value)) ? this.topic.replaceFirst(String(route.value), this.replacement) : String(route.value),
      partition,
      keySchema: key.schema,
      key: key.value,
      valueSchema: schema,
      value,
      timestamp: timestamp == null ? record.timestamp : Number(timestamp),
      headers,
    };
  }

  private field(row: Struct, name: string): { schema: Schema; value: Value } {
    const field = fieldNamed(row.schema, name);
    if (!field) throw refused(`Unable to find field ${name} in event`);
    return { schema: field.schema, value: row.values[field.index]! };
  }

  private additional(row: Struct, name: string): { schema: Schema; value: Value } | undefined {
    return this.missingIsError || fieldNamed(row.schema, name) ? this.field(row, name) : undefined;
  }

  private payload(row: Struct): { schema: Schema; value: Value } {
    const found = this.field(row, this.payloadField);
    if (!this.expand || typeof found.value !== "string") return found;
    let json: unknown;
    try {
      json = JSON.parse(found.value);
    } catch {
      return found;
    }
    // text that is no object is left as it is
    if (typeof json !== "object" || json === null) return found;
    return this.expanded(json, "") ?? found;
  }

  private expanded(json: unknown, name: string): { schema: Schema; value: Value } | undefined {
    switch (typeof json) {
      case "string":
        return { schema: optional(primitive("string")), value: json };
      case "boolean":
        return { schema: optional(primitive("boolean")), value: json };
      case "number": {
        const type = !Number.isInteger(json) ? "float64" : Math.abs(json) < 2 ** 31 ? "int32" : "int64";
        return { schema: optional(primitive(type)), value: json };
      }
    }
    if (json === null) return this.nullsAsBytes ? { schema: optional(primitive("bytes")), value: null } : undefined;
    if (Array.isArray(json)) {
      const items = json.map((item, i) => this.expanded(item, `${name}[${i}]`)).filter((i) => i !== undefined);
      const first = items[0]?.schema;
      if (items.some((i) => i.schema.type !== first!.type)) throw refused(`${this.payloadField}${name}: its elements are of several types`);
      const schema = this.known(optional(arrayOf(first ?? optional(primitive("string")))));
      return { schema, value: items.map((i) => i.value) };
    }
    const entries = Object.entries(json as object)
      .map(([key, value]) => [key, this.expanded(value, `${name}.${key}`)] as const)
      .filter((entry): entry is readonly [string, { schema: Schema; value: Value }] => entry[1] !== undefined);
    const schema = this.known(
      structOf(
        entries.map(([key, v]) => [key, v.schema]),
        name === "" ? {} : { optional: true },
      ),
    );
    return {
      schema,
      value: new Struct(
        schema,
        entries.map(([, v]) => v.value),
      ),
    };
  }

  private known(schema: Schema): Schema {
    const text = JSON.stringify(schema);
    const there = this.schemas.get(text);
    if (there) return there;
    if (this.schemas.size >= 1000) this.schemas.clear();
    this.schemas.set(text, schema);
    return schema;
  }

  private valueOf(record: ConnectRecord, row: Struct, payload: { schema: Schema; value: Value }, route: string) {
    const version = this.versionField ? this.field(row, this.versionField).value : null;
    const extra = version === null ? {} : { version: Number(version) };
    if (this.envelope.length === 0)
      return { schema: version === null ? payload.schema : this.known({ ...payload.schema, ...extra }), value: payload.value };
    const fields: [string, { schema: Schema; value: Value }][] = [["payload", payload]];
    for (const { field, alias } of this.envelope) {
      const found = this.additional(row, field);
      if (found) fields.push([alias, found]);
    }
    const name = `${record.topic.replace(/\.[^.]*$/, "")}.${route}.Value`;
    const schema = this.known(
      structOf(
        fields.map(([f, v]) => [f, v.schema]),
        { name, ...extra },
      ),
    );
    return {
      schema,
      value: new Struct(
        schema,
        fields.map(([, v]) => v.value),
      ),
    };
  }
}

function placementProblem(value: unknown): string | undefined {
  const wrong = (value as readonly string[]).find((v) => !/^[^:]+:(header|envelope|partition)(:[^:]+)?$/.test(v.trim()));
  return wrong === undefined ? undefined : `${wrong} is not FIELD:PLACE or FIELD:PLACE:ALIAS with a PLACE of header, envelope or partition`;
}

export const eventRouter: TransformPlugin = {
  classes: ["io.debezium.transforms.outbox.EventRouter"],
  version: "3.7.0.Final",
  config: new ConfigDef([
    setting("table.op.invalid.behavior", "What an update of the outbox table does: error and warn drop it, fatal refuses the record.", {
      default: "warn",
      values: ["warn", "error", "fatal"],
    }),
    setting("table.field.event.id", "The column with the event's id, which becomes the header id.", { default: "id", importance: "LOW" }),
    setting("table.field.event.key", "The column with the message's key.", { default: "aggregateid", importance: "LOW" }),
    setting("table.field.event.type", "Accepted; table.fields.additional.placement places it.", { default: "type", importance: "LOW" }),
    setting("table.field.event.payload", "The column with the message's value.", { default: "payload", importance: "LOW" }),
    setting("table.field.event.timestamp", "The column with the message's timestamp in ms; else the event's ts_ms.", { default: null }),
    setting("table.field.event.schema.version", "The column with the version of the value's schema.", { default: null, importance: "LOW" }),
    setting("table.fields.additional.placement", "Further columns: FIELD:header|envelope|partition[:ALIAS],…", {
      type: "LIST",
      default: [],
      importance: "HIGH",
      check: placementProblem,
    }),
    setting("table.fields.additional.error.on.missing", "Whether such a column that is missing refuses the record.", {
      type: "BOOLEAN",
      default: true,
    }),
    setting("table.expand.json.payload", "Whether a payload that is a JSON object or array becomes a struct or list.", {
      type: "BOOLEAN",
      default: false,
    }),
    setting("table.json.payload.null.behavior", "What a null within such JSON becomes: left out, or optional bytes.", {
      default: "ignore",
      values: ["ignore", "optional_bytes"],
    }),
    setting("route.by.field", "The column that says where the event goes.", { default: "aggregatetype", importance: "HIGH" }),
    setting("route.topic.regex", "Regular expression of that column's value.", {
      default: "(?<routedByValue>.*)",
      importance: "LOW",
      check: patternProblem,
    }),
    setting("route.topic.replacement", "The topic's name.", { default: "outbox.event.${routedByValue}", importance: "HIGH" }),
    setting("route.tombstone.on.empty.payload", "Whether an event without a payload is a tombstone.", { type: "BOOLEAN", default: false }),
    ...["tracing.span.context.field", "tracing.operation.name", "tracing.with.context.field.only"].map((name) =>
      setting(name, "Accepted; there is no tracing.", { default: null, importance: "LOW" }),
    ),
  ]),
  create: (config) => new EventRouter(config),
};

import { MillraceError } from "../../common/errors.js";
import type { Properties, PropertyValue, SourceKind } from "../parser/ast.js";
import { tokenize } from "../parser/lexer.js";
import { duration } from "../parser/query.js";
import { TokenStream } from "../parser/token-stream.js";
import type { TimestampColumn, WindowType } from "../plan/step.js";

const common = [
  "KAFKA_TOPIC",
  "PARTITIONS",
  "REPLICAS",
  "RETENTION_MS",
  "CLEANUP_POLICY",
  "TTL_MS",
  "TIMESTAMP",
  "TIMESTAMP_FORMAT",
  "FORMAT",
  "KEY_FORMAT",
  "VALUE_FORMAT",
  "KEY_DELIMITER",
  "VALUE_DELIMITER",
  "WRAP_SINGLE_VALUE",
  "KEY_SCHEMA_ID",
  "VALUE_SCHEMA_ID",
  "KEY_SCHEMA_FULL_NAME",
  "VALUE_SCHEMA_FULL_NAME",
  "VALUE_AVRO_SCHEMA_FULL_NAME",
  "KEY_PROTOBUF_NULLABLE_REPRESENTATION",
  "VALUE_PROTOBUF_NULLABLE_REPRESENTATION",
];
const ofSources = [...common, "WINDOW_TYPE", "WINDOW_SIZE", "SOURCE_CONNECTOR", "SOURCED_BY_CONNECTOR", "KEY"];

function refused(message: string): MillraceError {
  return new MillraceError("SQL_STATEMENT", message);
}

function invalidDelimiter(property: string, why: string): MillraceError {
  return refused(`Failed to prepare statement: Configuration ${property} is invalid: ${why}\nExample valid value: ';'`);
}

/** ms */
function windowSize(text: string): number {
  try {
    return duration(new TokenStream(text, tokenize(text))).ms;
  } catch {
    const unit = /^\s*\d+\s+(\w+)\s*$/.exec(text)?.[1];
    const why = unit === undefined ? "Expected '<digit(s)> <unit>'" : `Unknown time unit: '${unit.toUpperCase()}'`;
    throw refused(`Configuration WINDOW_SIZE is invalid: Invalid duration: '${text}'. ${why}`);
  }
}

/** The WITH clause, read by name and type. */
export class WithProperties {
  constructor(
    private readonly values: Properties,
    of: "source" | "sink",
    extensions: boolean,
  ) {
    const known = of === "source" ? ofSources : common;
    const wrong = Object.keys(values).filter((name) => !known.includes(name) || (name === "TTL_MS" && !extensions));
    if (wrong.length > 0) throw refused(`Failed to prepare statement: Invalid config variable(s) in the WITH clause: ${wrong.join(",")}`);
    if (this.text("FORMAT") !== undefined) {
      for (const other of ["KEY_FORMAT", "VALUE_FORMAT"])
        if (this.text(other) !== undefined)
          throw refused(
            `Cannot supply both '${other}' and 'FORMAT' properties, as 'FORMAT' sets both key and value formats. Either use just 'FORMAT', or use 'KEY_FORMAT' and 'VALUE_FORMAT'.`,
          );
    }
  }

  has(name: string): boolean {
    return this.raw(name) !== undefined;
  }
  private raw(name: string): PropertyValue | undefined {
    return this.values[name] ?? undefined;
  }
  text(name: string): string | undefined {
    const value = this.raw(name);
    return value === undefined ? undefined : String(value);
  }
  integer(name: string, least: number): number | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    const n = Number(value);
    if (!Number.isInteger(n) || n < least || value === "")
      throw refused(`Invalid value ${value} for property ${name}: must be an integer of at least ${least}`);
    return n;
  }
  boolean(name: string): boolean | undefined {
    const value = this.raw(name);
    if (value === undefined || typeof value === "boolean") return value as boolean | undefined;
    const word = String(value).toLowerCase();
    if (word !== "true" && word !== "false") throw refused(`Invalid value ${value} for property ${name}: must be true or false`);
    return word === "true";
  }

  format(side: "KEY" | "VALUE"): string | undefined {
    return (this.text(`${side}_FORMAT`) ?? this.text("FORMAT"))?.toUpperCase();
  }
  formatProperties(side: "KEY" | "VALUE"): Record<string, string> {
    const out: Record<string, string> = {};
    const put = (name: string, value: string | undefined) => {
      if (value !== undefined) out[name] = value;
    };
    put(
      "fullSchemaName",
      this.text(`${side}_SCHEMA_FULL_NAME`) ?? (side === "VALUE" ? this.text("VALUE_AVRO_SCHEMA_FULL_NAME") : undefined),
    );
    put("schemaId", this.integer(`${side}_SCHEMA_ID`, 0)?.toString());
    put("delimiter", this.delimiter(`${side}_DELIMITER`));
    put("nullableRepresentation", this.nullableRepresentation(`${side}_PROTOBUF_NULLABLE_REPRESENTATION`));
    if (out["fullSchemaName"]?.trim() === "") throw refused("fullSchemaName cannot be empty. Format configuration: {fullSchemaName=}");
    return out;
  }
  private nullableRepresentation(name: string): string | undefined {
    const value = this.text(name)?.toUpperCase();
    if (value !== undefined && value !== "OPTIONAL" && value !== "WRAPPER")
      throw refused(`Invalid value ${value} for property ${name}: String must be one of: OPTIONAL, WRAPPER, null`);
    return value?.toLowerCase();
  }
  private delimiter(name: string): string | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const named = { TAB: "\t", SPACE: " " }[value.toUpperCase()];
    if (named !== undefined) return named;
    if (value === "" || value === " ")
      throw invalidDelimiter(
        name,
        "Delimiter cannot be empty, if you meant to have a tab or space for delimiter, please use the special values 'TAB' or 'SPACE'",
      );
    if (value.length > 1)
      throw invalidDelimiter(name, `Invalid delimiter value: '${value}'. Delimiter must be a single character or TAB,SPACE`);
    return value;
  }

  timestamp(): TimestampColumn | undefined {
    const column = this.text("TIMESTAMP");
    const format = this.text("TIMESTAMP_FORMAT");
    if (column === undefined) return undefined;
    const quoted = /^`(.*)`$/.exec(column);
    return { column: quoted ? quoted[1]! : column.toUpperCase(), ...(format === undefined ? {} : { format }) };
  }

  window(): { type: WindowType; size?: number } | undefined {
    const type = this.text("WINDOW_TYPE")?.toUpperCase();
    const size = this.text("WINDOW_SIZE");
    if (type === undefined) {
      if (size !== undefined) throw refused("'WINDOW_SIZE' is set without 'WINDOW_TYPE'.");
      return undefined;
    }
    if (type !== "TUMBLING" && type !== "HOPPING" && type !== "SESSION")
      throw refused(`Invalid value ${type} for property WINDOW_TYPE: String must be one of: SESSION, HOPPING, TUMBLING, null`);
    if (type === "SESSION") {
      if (size !== undefined) throw refused("'WINDOW_SIZE' should not be set for SESSION windows.");
      return { type };
    }
    if (size === undefined)
      throw refused(`'${type}' windows require 'WINDOW_SIZE' to be provided in the WITH clause. For example: 'WINDOW_SIZE'='10 SECONDS'`);
    return { type, size: windowSize(size) };
  }

  /** ms after its last change at which a table's row goes */
  ttl(kind: SourceKind, windowed: boolean): { readonly ttl?: number } {
    const ttl = this.integer("TTL_MS", 1);
    if (ttl === undefined) return {};
    if (kind === "stream") throw refused("TTL_MS is of tables: what a stream's topic keeps is told by RETENTION_MS.");
    if (windowed) throw refused("TTL_MS is not of windowed tables: how long windows are kept is told by RETENTION in their WINDOW clause.");
    return { ttl };
  }

  /** topic settings as Kafka names them */
  topicConfigs(): Record<string, string> {
    const retention = this.integer("RETENTION_MS", -1);
    const cleanup = this.text("CLEANUP_POLICY");
    return {
      ...(retention === undefined ? {} : { "retention.ms": String(retention) }),
      ...(cleanup === undefined ? {} : { "cleanup.policy": cleanup }),
    };
  }

  topicRequest() {
    const partitions = this.integer("PARTITIONS", 1);
    const replicas = this.integer("REPLICAS", -1);
    return {
      ...(partitions === undefined ? {} : { partitions }),
      ...(replicas === undefined ? {} : { replicas }),
      configs: this.topicConfigs(),
    };
  }
}

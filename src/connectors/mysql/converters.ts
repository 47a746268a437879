import { parsePatterns } from "../../cdc/filters.js";
import type { RawConfig } from "../../common/config-def.js";
import { primitive } from "../../data/schema.js";
import type { ColumnModel } from "./table-model.js";
import type { ColumnType, Reading } from "./types/column-type.js";

const known = /^io\.debezium\.connector\.(mysql|binlog|mariadb)\.converters\.TinyIntOneToBooleanConverter$/;

/** What is wrong with `converters`: of Debezium's own, TinyIntOneToBooleanConverter alone is here. */
export function converterProblem(names: unknown, config: RawConfig): string | undefined {
  for (const name of names as readonly string[]) {
    const type = config[`${name}.type`];
    if (!type) return `${name}.type is missing`;
    if (!known.test(type)) return `${type} is a Java class, which cannot run here; TinyIntOneToBooleanConverter is available`;
  }
  return undefined;
}

/** Makes booleans of the TINYINT(1) columns that a converter of the config selects. */
export type ConvertColumn = (name: string, column: ColumnModel, type: ColumnType) => ColumnType;

export function converters(names: readonly string[], config: RawConfig): ConvertColumn | null {
  const selected = names.map((name) => {
    const selector = config[`${name}.selector`];
    return { patterns: selector ? parsePatterns(selector) : null, anyLength: config[`${name}.length.checker`]?.trim() === "false" };
  });
  if (!selected.length) return null;
  return (name, column, type) =>
    column.type === "TINYINT" &&
    selected.some(({ patterns, anyLength }) => (anyLength || column.length === 1) && (patterns?.some((p) => p.matches(name)) ?? true))
      ? toBoolean(type)
      : type;
}

function toBoolean(type: ColumnType): ColumnType {
  const reading = ({ decode }: Reading): Reading => ({ text: { as: "other" }, decode: (b, s, e) => decode(b, s, e) !== 0 });
  return {
    schema: primitive("boolean"),
    snapshot: reading(type.snapshot),
    stream: reading(type.stream),
    zero: false,
    defaultOf: (literal) => Number(literal) !== 0,
  };
}

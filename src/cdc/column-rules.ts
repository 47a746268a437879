import { createHash } from "node:crypto";
import type { RawConfig } from "../common/config-def.js";
import { MillraceError } from "../common/errors.js";
import type { JavaPattern } from "../common/regex/java-pattern.js";
import type { Value } from "../data/schema.js";
import { anchored, splitList } from "./filters.js";

/** What `column.mask.*` and `column.truncate.*` make of a text column's value. */
export type ColumnRule =
  | { readonly kind: "constant"; readonly value: string }
  | { readonly kind: "map"; readonly map: (text: string) => string };

interface Entry {
  readonly patterns: readonly JavaPattern[];
  readonly rule: ColumnRule;
}

/** The masks and truncations of a config, looked up by a column's names. */
export class ColumnRules {
  private readonly entries: Entry[] = [];

  /** @throws CONFIG_INVALID naming the setting */
  constructor(config: RawConfig) {
    for (const [key, list] of Object.entries(config)) {
      const rule = ruleOf(key);
      if (rule) this.entries.push({ rule, patterns: splitList(list).map(anchored) });
    }
  }

  /** @param names of the column: schema.table.column, and with the database in front */
  find(names: readonly string[]): ColumnRule | undefined {
    return this.entries.find(({ patterns }) => patterns.some((p) => names.some((n) => p.matches(n))))?.rule;
  }
}

function ruleOf(key: string): ColumnRule | undefined {
  let m = /^column\.mask\.with\.(\d+)\.chars$/.exec(key);
  if (m) return { kind: "constant", value: "*".repeat(Number(m[1])) };
  m = /^column\.truncate\.to\.(\d+)\.chars$/.exec(key);
  if (m) {
    const n = Number(m[1]);
    return { kind: "map", map: (t) => (t.length > n ? t.slice(0, n) : t) };
  }
  m = /^column\.mask\.hash(?:\.v2)?\.([^.]+)\.with\.salt\.(.+)$/.exec(key);
  if (m) {
    const [algorithm, salt] = [m[1]!.replace("-", ""), m[2]!];
    try {
      createHash(algorithm);
    } catch {
      throw new MillraceError("CONFIG_INVALID", `${key}: no hash algorithm ${m[1]}`, { context: { setting: key } });
    }
    return { kind: "map", map: (t) => createHash(algorithm).update(salt).update(t).digest("hex") };
  }
  return undefined;
}

export function applyRule(rule: ColumnRule, value: Value, maxLength: number | undefined): Value {
  if (rule.kind === "constant") return rule.value;
  if (value === null || typeof value !== "string") return value;
  const out = rule.map(value);
  return maxLength !== undefined && out.length > maxLength ? out.slice(0, maxLength) : out;
}

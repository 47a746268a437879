import type { SqlType } from "../../data/sql-type.js";

/**
 * Analysed expressions: every name resolved to a position, every function to an overload, every coercion explicit. Frozen,
 * JSON-safe (a literal's BIGINT, DECIMAL and BYTES are text), part of the stored plan.
 */
export type Expression =
  /** a column of the step's input row: position in `[...key columns, ...value columns, ...pseudo columns]` */
  | { readonly kind: "column"; readonly index: number; readonly name: string; readonly type: SqlType }
  /** a lambda's parameter, by name */
  | { readonly kind: "parameter"; readonly name: string; readonly type: SqlType }
  /** value null is SQL NULL; text for BIGINT, DECIMAL, BYTES (base64); a number or boolean otherwise */
  | { readonly kind: "literal"; readonly value: string | number | boolean | null; readonly type: SqlType }
  /** `overload` is the function's stable id, as `SUBSTRING(STRING,INTEGER)` */
  | { readonly kind: "call"; readonly overload: string; readonly args: readonly Expression[]; readonly type: SqlType }
  | { readonly kind: "lambda"; readonly parameters: readonly string[]; readonly body: Expression; readonly type: SqlType }
  | {
      readonly kind: "arithmetic";
      readonly op: "+" | "-" | "*" | "/" | "%";
      readonly left: Expression;
      readonly right: Expression;
      readonly type: SqlType;
    }
  | { readonly kind: "negate"; readonly operand: Expression; readonly type: SqlType }
  | {
      readonly kind: "compare";
      readonly op: "=" | "<>" | "<" | "<=" | ">" | ">=" | "IS DISTINCT FROM" | "IS NOT DISTINCT FROM";
      readonly left: Expression;
      readonly right: Expression;
      readonly type: SqlType;
    }
  | { readonly kind: "logical"; readonly op: "AND" | "OR"; readonly left: Expression; readonly right: Expression; readonly type: SqlType }
  | { readonly kind: "not"; readonly operand: Expression; readonly type: SqlType }
  | { readonly kind: "is-null"; readonly operand: Expression; readonly negated: boolean; readonly type: SqlType }
  | {
      readonly kind: "like";
      readonly operand: Expression;
      readonly pattern: Expression;
      readonly escape: string | null;
      readonly type: SqlType;
    }
  | { readonly kind: "in"; readonly operand: Expression; readonly list: readonly Expression[]; readonly type: SqlType }
  | { readonly kind: "between"; readonly operand: Expression; readonly low: Expression; readonly high: Expression; readonly type: SqlType }
  | {
      readonly kind: "case";
      readonly branches: readonly { readonly when: Expression; readonly then: Expression }[];
      readonly otherwise: Expression | null;
      readonly type: SqlType;
    }
  | { readonly kind: "cast"; readonly operand: Expression; readonly type: SqlType }
  | { readonly kind: "subscript"; readonly operand: Expression; readonly index: Expression; readonly type: SqlType }
  /** struct field by position */
  | { readonly kind: "dereference"; readonly operand: Expression; readonly field: number; readonly type: SqlType }
  | { readonly kind: "array"; readonly items: readonly Expression[]; readonly type: SqlType }
  | { readonly kind: "map"; readonly entries: readonly { readonly key: Expression; readonly value: Expression }[]; readonly type: SqlType }
  | { readonly kind: "struct"; readonly fields: readonly { readonly name: string; readonly value: Expression }[]; readonly type: SqlType };

import type { SqlType } from "../../data/sql-type.js";
import { type Environment, fail } from "../analyzer/expression.js";
import type { FindSource } from "../analyzer/query.js";
import { isWindowBound, pseudoColumns } from "../analyzer/scope.js";
import type { CustomTypes } from "../analyzer/types.js";
import type { FunctionRegistry } from "../functions/registry.js";
import type { ParsedExpression } from "../parser/ast.js";
import type { Expression } from "../plan/expression.js";
import type { Column, ExecutionStep, Formats, RowSchema, WindowType } from "../plan/step.js";

/** A key column and what in a select list stands for it. */
export interface KeyColumn {
  readonly name: string;
  readonly type: SqlType;
  /** texts of qualified expressions, any of which is this key */
  readonly viable: readonly string[];
  /** the same for messages */
  readonly shown: readonly string[];
  /** made up by a join */
  readonly synthetic?: boolean;
  /** of a foreign-key join: the left table's name for it */
  readonly own?: string;
  /** of a join: further expressions that have the key's value, which a later join may use */
  readonly same?: readonly string[];
}
export type KeyOrigin = "key column" | "join expression" | "partitioning expression" | "grouping expression";

/** A column that a qualified name finds in the row of `step`. */
export interface RelationColumn {
  readonly source: string;
  readonly name: string;
  readonly index: number;
  readonly type: SqlType;
}

/** What has been planned so far, and how names find their way into its rows. */
export interface Relation {
  readonly step: ExecutionStep;
  readonly kind: "stream" | "table";
  readonly columns: readonly RelationColumn[];
  readonly keys: readonly KeyColumn[];
  readonly origin: KeyOrigin;
  /** rows of one key lie in several partitions: what brings rows together by key has to move them first */
  readonly scattered?: boolean;
  /** of a foreign-key join: the left table, whose key the result has */
  readonly foreignKeyOf?: string;
  readonly window?: { readonly type: WindowType; readonly size?: number };
  /** of the left-most source */
  readonly formats: Formats;
}

export interface PlanTools {
  /** of several sources: in messages columns carry their source's name */
  readonly joined?: boolean;
  readonly functions: FunctionRegistry;
  readonly types: CustomTypes;
  /** `ksql.new.query.planner.enabled`: a stream whose select list leaves out its key goes on without one */
  readonly keyMayGo?: boolean;
  /** how a subquery of WHERE is found */
  readonly find?: FindSource;
  /** `millrace.sql.extensions` */
  readonly extensions?: boolean;
  /** of a pull query: what FROM gives, as rows that are there */
  readonly rowsOf?: (from: Relation) => Relation;
}

/** `[...key, ...value]` */
export function rowColumns(schema: RowSchema): Column[] {
  return [...schema.key, ...schema.value];
}

export function columnAt(schema: RowSchema, index: number): Expression {
  const column = rowColumns(schema)[index]!;
  return { kind: "column", index, name: column.name, type: column.type };
}
export function valueColumns(schema: RowSchema): Expression[] {
  return schema.value.map((_, i) => columnAt(schema, schema.key.length + i));
}

export function pseudoColumn(schema: RowSchema, name: string): Expression {
  const at = pseudoColumns.findIndex((p) => p.name === name);
  return { kind: "column", index: schema.key.length + schema.value.length + at, name, type: pseudoColumns[at]!.type };
}

/** Names as a relation's row knows them. */
export function environmentOf(
  relation: Relation,
  tools: PlanTools,
  clause: string,
  replace?: (e: ParsedExpression) => Expression | undefined,
): Environment {
  const { schema } = relation.step;
  return {
    ...tools,
    clause,
    ...(replace ? { replace } : {}),
    column(qualifier, name, at) {
      if (qualifier === null) {
        const key = relation.keys.findIndex((k) => k.viable.includes(name));
        if (key >= 0) return columnAt(schema, key);
        if (isWindowBound(name) && !relation.window) throw fail(`${clause} column '${name}' cannot be resolved.`, at);
        if (pseudoColumns.some((p) => p.name === name)) return pseudoColumn(schema, name);
      }
      const found = relation.columns.find((c) => c.source === qualifier && c.name === name);
      if (!found) throw fail(`${clause} column '${qualifier === null ? name : `${qualifier}.${name}`}' cannot be resolved.`, at);
      return { kind: "column", index: found.index, name: found.name, type: found.type };
    },
  };
}

/** Puts the clause ahead of what is wrong in it, as ksqlDB does. */
export function inClause<T>(prefix: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "SQL_STATEMENT" && !thrown.message.startsWith("Line:")) {
      const context = (thrown as unknown as { context: { line?: number; column?: number } }).context;
      throw fail(`${prefix}${thrown.message}`, context.line === undefined ? undefined : { line: context.line, column: context.column! });
    }
    throw thrown;
  }
}

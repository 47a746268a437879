import { MillraceError } from "../../common/errors.js";
import type { SqlType } from "../../data/sql-type.js";
import type { Position } from "../parser/ast.js";
import { formatName } from "../parser/format-expression.js";
import { sqlTypes } from "./types.js";

/** A column that a name may stand for, and where its value is in the row. */
export interface ScopeColumn {
  /** the source's alias */
  readonly source: string;
  readonly name: string;
  readonly type: SqlType;
  readonly index: number;
  readonly isKey: boolean;
  readonly isPseudo: boolean;
}

export const pseudoColumns = [
  { name: "ROWTIME", type: sqlTypes.bigint },
  { name: "ROWPARTITION", type: sqlTypes.integer },
  { name: "ROWOFFSET", type: sqlTypes.bigint },
  { name: "WINDOWSTART", type: sqlTypes.bigint },
  { name: "WINDOWEND", type: sqlTypes.bigint },
] as const;

export function isPseudo(name: string): boolean {
  return pseudoColumns.some((p) => p.name === name);
}
export function isWindowBound(name: string): boolean {
  return name === "WINDOWSTART" || name === "WINDOWEND";
}

/** The columns of one or more sources that names are looked up in. */
export class Scope {
  constructor(
    readonly columns: readonly ScopeColumn[],
    readonly aliases: readonly string[],
  ) {}

  /**
   * @param clause for the message: `SELECT`, `WHERE`, …
   * @throws SQL_STATEMENT where nothing or more than one column answers to the name
   */
  resolve(qualifier: string | null, name: string, at: Position, clause: string): ScopeColumn {
    if (qualifier !== null && !this.aliases.includes(qualifier)) throw unknownSource(qualifier, at);
    const found = this.columns.filter((c) => c.name === name && (qualifier === null || c.source === qualifier));
    if (found.length === 1) return found[0]!;
    const context = { column: name, line: at.line, columnAt: at.column };
    if (found.length > 1) {
      const choices = found.map((c) => `${formatName(c.source)}.${formatName(c.name)}`).sort();
      throw new MillraceError(
        "SQL_STATEMENT",
        `Exception while preparing statement: Line: ${at.line}, Col: ${at.column}: Column '${formatName(name)}' is ambiguous. Could be ${choices.slice(0, -1).join(", ")} or ${choices[choices.length - 1]}.`,
        { context },
      );
    }
    const shown = qualifier === null ? name : `${qualifier}.${name}`;
    const hint =
      clause === "PARTITION BY" ? ` '${shown}' must be a column in the source schema since PARTITION BY is applied on the input.` : "";
    throw new MillraceError(
      "SQL_STATEMENT",
      `Line: ${at.line}, Col: ${at.column}: ${clause} column '${shown}' cannot be resolved.${hint}`,
      { context },
    );
  }
}

export function unknownSource(name: string, at: Position): MillraceError {
  return new MillraceError("SQL_STATEMENT", `Failed to prepare statement: '${name}' is not a valid stream/table name or alias.`, {
    context: { name, line: at.line, columnAt: at.column },
  });
}

import { MillraceError } from "../common/errors.js";
import type { SqlField } from "../data/sql-type.js";

/**
 * The columns of a schema text for a CREATE without columns. One that is no record gives a single column, named by ksqlDB's
 * rule: ROWKEY for a key, ROWVAL for a value.
 * @throws UNSUPPORTED where the format has no schema inference, SCHEMA_INVALID where a field has no SQL type
 */
export function inferColumns(
  format: string,
  _schemaText: string,
  _options: { isKey?: boolean; references?: readonly string[] } = {},
): SqlField[] {
  throw new MillraceError("UNSUPPORTED", `${format} has no schema inference`);
}

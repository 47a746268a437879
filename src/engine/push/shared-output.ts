import { MillraceError } from "../../common/errors.js";
import type { Row } from "../../serde/row-serde.js";
import type { FunctionRegistry } from "../../sql/functions/registry.js";
import type { DataSource } from "../../sql/metastore/data-source.js";
import type { ExecutionStep, SourceStep } from "../../sql/plan/step.js";
import type { OutputRow } from "../../streams/runtime/query.js";
import type { PersistentQuery } from "../persistent/persistent-query.js";
import { referenced } from "../physical/needed-columns.js";
import { compileFilter, compileMapper, keyExpressions } from "../physical/row-functions.js";
import type { QueryResult } from "../query-result.js";
import type { PushOptions } from "./push-query.js";
import { pushResult } from "./push-result.js";

/** A row as a reader gets it: null where it is deleted, undefined where it is not the reader's. */
type RowOf = (row: Row) => Row | null | undefined;

/**
 * A push query over what a persistent query writes takes its rows from that query, as each of its transactions commits: however
 * many follow, nothing is read and decoded again. Undefined where the rows would not be those of the topic, or the plan does
 * more than filter and project: then it is a query of its own.
 */
export function followOutput(
  { plan, columns, limit, isTable, onClose }: PushOptions,
  source: DataSource,
  writer: PersistentQuery | undefined,
  functions: FunctionRegistry,
): Promise<QueryResult> | undefined {
  if (!writer || !source.isCasTarget || source.timestamp || source.formats.value.format.startsWith("PROTOBUF")) return undefined;
  const rowOf = chain(plan.root, isTable, functions);
  if (!rowOf) return undefined;
  const { queryId } = plan;
  const keyColumns = plan.root.schema.key.length;
  const width = source.columns.length;
  const handOn = (out: OutputRow): OutputRow[] => {
    if (out.row === null) return [out];
    const row = out.row.slice(0, width);
    row.push(out.timestamp, null, null, out.windowStart, out.windowEnd);
    const given = rowOf(row);
    return given === undefined ? [] : [{ ...out, key: given ?? out.key, row: given }];
  };
  return pushResult(
    { queryId, columns, keyColumns, limit, isTable },
    async (feeding) => {
      const leave = writer.follow({
        rows: (rows) => feeding.rows(rows.flatMap(handOn)),
        end: () =>
          feeding.end(
            new MillraceError("SQL_STATEMENT", `The query ${writer.id}, whose output this push query follows, was terminated or replaced.`),
          ),
      });
      return {
        async close() {
          leave();
          onClose();
        },
      };
    },
    () =>
      new MillraceError(
        "SQL_STATEMENT",
        `The reader of push query ${queryId} has fallen too far behind ${writer.id}, whose output it shares with others, and was ended. Without ksql.query.push.v2.enabled it would be waited for.`,
      ),
  );
}

/** Filters and projections above the source, as one function. */
function chain(root: ExecutionStep, isTable: boolean, functions: FunctionRegistry): RowOf | undefined {
  switch (root.step) {
    case "stream-source":
    case "table-source":
      return (row) => row;
    case "filter": {
      const before = chain(root.source, isTable, functions);
      if (!before || readsPosition(root.source, [root.predicate])) return undefined;
      const { quiet } = compileFilter(root.predicate, functions, root.id);
      // A row of a table that does not pass may have passed before: whoever has it must let it go.
      const dropped = isTable ? null : undefined;
      return (row) => {
        const given = before(row);
        return given == null ? given : quiet(given) ? given : dropped;
      };
    }
    case "select": {
      const before = chain(root.source, isTable, functions);
      const { schema } = root.source;
      if (!before || readsPosition(root.source, root.columns)) return undefined;
      const { quiet } = compileMapper(keyExpressions(schema), root.columns, schema, functions, root.id);
      return (row) => {
        const given = before(row);
        return given == null ? given : quiet(given);
      };
    }
    default:
      return undefined;
  }
}

/** ROWPARTITION and ROWOFFSET are the topic's. */
function readsPosition({ schema }: Pick<SourceStep, "schema">, expressions: Parameters<typeof referenced>[0]): boolean {
  const used = referenced(expressions, new Set());
  const pseudo = schema.key.length + schema.value.length;
  return used.has(pseudo + 1) || used.has(pseudo + 2);
}

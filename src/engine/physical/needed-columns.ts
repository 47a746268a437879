import type { Expression } from "../../sql/plan/expression.js";
import { sourceKey } from "../../sql/plan/source-steps.js";
import type { ExecutionStep, SourceStep } from "../../sql/plan/step.js";

/** By `sourceKey`; undefined: all. */
export type NeededColumns = ReadonlyMap<string, ReadonlySet<number> | undefined>;

/** Columns of each source that the plan looks at: positions in `[...key, ...value]`. */
export function neededColumns(root: ExecutionStep): NeededColumns {
  const needed = new Map<string, ReadonlySet<number> | undefined>();
  visit(root, undefined, needed);
  return needed;
}

type Positions = Set<number> | undefined;

/** @param wanted positions of the step's row that are looked at downstream; undefined: all */
function visit(step: ExecutionStep, wanted: Positions, needed: Map<string, ReadonlySet<number> | undefined>): void {
  switch (step.step) {
    case "stream-source":
    case "table-source": {
      const key = sourceKey(step);
      const before = needed.get(key);
      if (!needed.has(key)) needed.set(key, wanted);
      else needed.set(key, wanted && before && new Set([...before, ...wanted]));
      return;
    }
    case "union":
      visit(step.left, wanted, needed);
      visit(step.right, wanted, needed);
      return;
    case "filter":
      visit(step.source, wanted && referenced([step.predicate], new Set(wanted)), needed);
      return;
    case "select": {
      const keys = step.schema.key.length;
      const used = wanted === undefined ? step.columns : step.columns.filter((_, i) => wanted.has(keys + i));
      visit(step.source, referenced(used, keysOf(step.source)), needed);
      return;
    }
    case "select-key":
      visit(step.source, referenced([...step.key, ...step.columns], keysOf(step.source)), needed);
      return;
    case "stream-group-by":
    case "table-group-by":
      visit(step.source, undefined, needed);
      return;
    case "stream-stream-join":
    case "stream-table-join":
    case "table-table-join":
    case "foreign-key-join":
      for (const side of ["left", "right"] as const) {
        const source = step[side];
        const positions = keysOf(source);
        for (const column of step.columns)
          if (column.side === side) positions.add(column.part === "key" ? column.index : source.schema.key.length + column.index);
        if (side === "left" && step.foreignKey) referenced([step.foreignKey], positions);
        visit(source, positions, needed);
      }
      return;
    default:
      visit(step.source, undefined, needed);
  }
}

function keysOf(step: ExecutionStep): Set<number> {
  return new Set(step.schema.key.map((_, i) => i));
}

/** Adds the columns that the expressions refer to. */
export function referenced(expressions: readonly Expression[], into: Set<number>): Set<number> {
  const walk = (node: unknown): void => {
    if (Array.isArray(node)) {
      for (const item of node) walk(item);
    } else if (typeof node === "object" && node !== null) {
      const e = node as { kind?: string; index?: unknown };
      if (e.kind === "column" && typeof e.index === "number") into.add(e.index);
      else for (const child of Object.values(node)) walk(child);
    }
  };
  walk(expressions);
  return into;
}

/** Positions among the serialized value's columns (`skip` of them key columns) for the serde to decode. */
export function neededValues(
  step: SourceStep,
  wanted: ReadonlySet<number> | undefined,
  positions: readonly number[],
  skip: number,
): number[] | undefined {
  if (wanted === undefined) return undefined;
  const timestamp = step.timestamp ? step.schema.value.findIndex((c) => c.name === step.timestamp!.column) + step.schema.key.length : -1;
  return positions.flatMap((position, i) => (wanted.has(position) || position === timestamp ? [i + skip] : []));
}

import { NULL, NUMBER, NumberColumn, SpanColumn } from "../../../connect/api/packed-column.js";
import type { Value } from "../../../data/schema.js";
import { type Changes, packedColumn, rowReader, type Selection } from "../changes.js";
import type { PlanColumn } from "../dialect.js";
import type { TimeZone } from "../time-zone.js";
import { type LiteralWriter, numberWriter, spanWriter } from "./literals.js";
import type { SqlBuffer } from "./sql-buffer.js";

export interface WrittenColumn extends PlanColumn {
  readonly quoted: Buffer;
  readonly write: LiteralWriter;
  /** the wall clock of instants in columns without a zone */
  readonly zone: TimeZone | null;
}

type Source = { at(row: number): unknown };
type Row = (out: SqlBuffer, columns: readonly Source[], row: number) => void;

/** The values of one row after another, with commas between. */
export class RowValues {
  /** by the kinds of the packed columns: a function generated for them, so that each column's one writer is compiled into it */
  private readonly rows = new Map<string, Row>();
  private readonly writers: readonly object[];

  constructor(private readonly columns: readonly WrittenColumn[]) {
    this.writers = columns.map((c) => ({
      value: valueWriter(c.write),
      number: numberWriter(c, c.write),
      span: spanWriter(c, c.zone, c.write),
    }));
  }

  /** Of `changes` a writer of the k-th of these ordinals; k rises or stays. @throws RowRefused */
  of(changes: Changes, selection: Selection): (out: SqlBuffer, k: number) => void {
    const { rows, runs, ordinals } = selection;
    let at = -1;
    let end = 0;
    let sources: readonly Source[] = [];
    let write: Row | undefined;
    return (out, k) => {
      while (k >= end) {
        const run = runs[++at]!;
        end = run.to;
        sources = this.columns.map((c) => packedColumn(c, run.of) ?? { at: rowReader(c, run.of) });
        write = this.rowOf(sources);
      }
      try {
        write!(out, sources, rows[k]!);
      } catch (error) {
        throw changes.refused(ordinals[k]!, error);
      }
    };
  }

  private rowOf(sources: readonly Source[]): Row {
    const kinds = sources.map((s, i) => {
      const { number, span } = this.writers[i] as { number?: unknown; span?: unknown };
      return s instanceof NumberColumn && number ? "n" : s instanceof SpanColumn && span ? "s" : "v";
    });
    const known = this.rows.get(kinds.join(""));
    if (known) return known;
    const made = generate(kinds, this.writers);
    this.rows.set(kinds.join(""), made);
    return made;
  }
}

function generate(kinds: readonly string[], writers: readonly object[]): Row {
  const declared = kinds.map((_, i) => `const { value: v${i}, number: n${i}, span: s${i} } = writers[${i}];`);
  const code = kinds.map((kind, i) => {
    const comma = i === 0 ? "" : "out.byte(44);\n";
    const column = `c = columns[${i}];`;
    if (kind === "n")
      return `${comma}${column} x = c.states[row];
if (x === ${NUMBER}) n${i}(out, c.numbers[row]); else if (x === ${NULL}) out.null(); else v${i}(out, c.at(row));`;
    if (kind === "s") return `${comma}${column} x = c.starts[row]; if (x < 0) out.null(); else s${i}(out, c.buffers[row], x, c.ends[row]);`;
    return `${comma}v${i}(out, columns[${i}].at(row));`;
  });
  return new Function("writers", `${declared.join("\n")}\nreturn (out, columns, row) => {\nlet c, x = 0;\n${code.join("\n")}\n};`)(
    writers,
  ) as Row;
}

function valueWriter(write: LiteralWriter) {
  return (out: SqlBuffer, value: unknown) => {
    if (value === null || value === undefined) out.null();
    else write(out, value as Exclude<Value, null>);
  };
}

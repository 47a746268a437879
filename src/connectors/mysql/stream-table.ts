import type { RecordShape } from "../../connect/api/shape.js";
import type { CapturedTable } from "./captured-table.js";
import type { StreamShapes } from "./stream-shapes.js";
import type { TableModel } from "./table-model.js";

/** A table of the stream as its rows are decoded: of one structure and one table map. */
export interface StreamTable {
  readonly model: TableModel;
  readonly table: CapturedTable;
  readonly shapes: StreamShapes;
  readonly count: number;
  readonly fullName: string;
  readonly captured: boolean;
  /** holds signals */
  readonly signals: boolean;
  /** the shapes of the commonest records under the current variant; cleared with it */
  insert: RecordShape | null;
  update: RecordShape | null;
}

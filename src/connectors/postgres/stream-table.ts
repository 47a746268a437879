import type { RecordShape } from "../../connect/api/shape.js";
import type { StreamShapes } from "./stream-shapes.js";
import type { TableModel } from "./table-model.js";

/** A relation of the stream as rows are decoded with it. */
export interface StreamTable {
  readonly model: TableModel;
  readonly shapes: StreamShapes;
  readonly count: number;
  /** 1 where a null cannot be: the catalogue was newer than the row */
  readonly required: Uint8Array;
  readonly full: boolean;
  readonly fullName: string;
  readonly captured: boolean;
  readonly signals: boolean;
  /** rebuilds the table with these columns optional */
  relax(column: number): StreamTable;
  /** the shapes of the commonest records under the current variant; cleared with it */
  insert: RecordShape | null;
  update: RecordShape | null;
  updateFull: RecordShape | null;
}

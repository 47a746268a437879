import type { ColumnText } from "../../../connect/api/shape.js";
import type { Schema, Value } from "../../../data/schema.js";

/** How the values of one column's type look in a record. */
export interface ColumnType {
  /** not optional, without a default */
  readonly schema: Schema;
  readonly text: ColumnText;
  /** exact for every text that Postgres prints; null where the type has no value for it (NaN as a precise decimal) */
  readonly parse: (text: string) => Value;
  /** what stands for a TOAST value that was not sent; null where the type cannot say so */
  readonly placeholder: Value;
  /** what a required column holds where Postgres did not send it (before-images by key only) */
  readonly zero: Value;
  /** false for types whose defaults are not declared in schemas */
  readonly defaults: boolean;
  /** which replacement a default that is a function call gets, if any (serials 0, times the epoch) */
  readonly functionDefault?: Value;
  /** set for the rare types of which the stream has null where the snapshot has the value, as the original does */
  readonly nullInStream?: boolean;
}

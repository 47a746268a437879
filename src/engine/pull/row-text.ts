import type { Row } from "../../serde/row-serde.js";

/** Of rows of the same columns: the same text for the same values, and for them alone. */
export const rowText = (row: Row): string => JSON.stringify(row, (_, v) => (typeof v === "bigint" ? `${v}n` : (v as unknown)));

export type SnapshotMarker = "first" | "first_in_data_collection" | "true" | "last_in_data_collection" | "last" | "incremental";

/**
 * Which marker a row has by its place in its table and the table's place in the snapshot. A snapshot that goes on behind a row
 * (`resumed`) has no first.
 */
export function markerOf(
  firstRow: boolean,
  lastRow: boolean,
  table: { readonly first: boolean; readonly last: boolean; readonly resumed: boolean },
): SnapshotMarker {
  if (lastRow && table.last && !(firstRow && table.first)) return "last";
  if (firstRow && table.first && !table.resumed) return table.last && lastRow ? "last" : "first";
  if (lastRow) return "last_in_data_collection";
  return firstRow && !table.resumed ? "first_in_data_collection" : "true";
}

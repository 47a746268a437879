/** A row of the signal table. */
export interface Signal {
  readonly id: string;
  readonly type: string;
  readonly data: string | null;
}

export interface SnapshotRequest {
  /** expressions of whole table names; empty: all (of a stop) */
  readonly collections: readonly string[];
  /** `incremental` or `blocking`, in lower case */
  readonly type: string;
  /** further conditions in SQL, by the expression of the tables that they hold for */
  readonly conditions: readonly { readonly collection: string; readonly filter: string }[];
  readonly surrogateKey: string | null;
}

/** Reads the data of execute-snapshot and stop-snapshot. @throws SyntaxError or TypeError where it is not such an object */
export function snapshotRequest(data: string | null): SnapshotRequest {
  const parsed = JSON.parse(data ?? "{}") as Record<string, unknown>;
  const collections = (parsed["data-collections"] ?? []) as unknown[];
  if (!Array.isArray(collections) || collections.some((c) => typeof c !== "string"))
    throw new TypeError("data-collections must be a list of names");
  const conditions = ((parsed["additional-conditions"] ?? []) as Record<string, string>[]).map((c) => ({
    collection: c["data-collection"] ?? "",
    filter: c["filter"] ?? "",
  }));
  const single = parsed["additional-condition"];
  if (typeof single === "string" && single) for (const c of collections) conditions.push({ collection: c as string, filter: single });
  return {
    collections: (collections as string[]).map((c) => c.replace(/"/g, "")),
    type: String(parsed["type"] ?? "incremental").toLowerCase(),
    conditions,
    surrogateKey: typeof parsed["surrogate-key"] === "string" ? parsed["surrogate-key"] : null,
  };
}

/** The settings that decide how a value is represented. */
export interface TypeOptions {
  readonly decimal: "precise" | "double" | "string";
  readonly time: "adaptive" | "adaptive_time_microseconds" | "connect" | "isostring" | "microseconds" | "nanoseconds";
  readonly interval: "numeric" | "string";
  readonly hstore: "json" | "map";
  readonly binary: "bytes" | "base64" | "base64-url-safe" | "hex";
  readonly moneyDigits: number;
  readonly includeUnknown: boolean;
  /** the text that stands for a value that Postgres did not send (unchanged TOAST) */
  readonly placeholder: string;
}

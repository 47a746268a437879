import { once } from "node:events";
import type { Writable } from "node:stream";
import { describeError } from "../../common/errors.js";
import { formatSqlType } from "../../data/sql-type.js";
import { jsonRowWriter } from "../../engine/json-values.js";
import type { PrintResult, QueryResult, ResultRow } from "../../engine/query-result.js";
import { PlainProtobufRowSerde, protobufText } from "../../serde/formats/protobuf/row-protobuf.js";

/**
 * How a query's answer is laid out. `array`: `[{"header":…},\n{"row":…},\n{"finalMessage":…}]` of /query; `delimited`: a header and rows,
 * one JSON a line, of /query-stream; `json`: the same as one array. An `encoding` lays out the header and the rows.
 */
export type Layout = "array" | "delimited" | "json";

export interface RowEncoding {
  readonly header: string;
  row(row: ResultRow): string;
}

/** Rows as Protobuf messages, with their schema in the header. @throws SCHEMA_INVALID where Protobuf has no such columns */
export function protobufRows(query: QueryResult): RowEncoding {
  const { columns } = query;
  const nullable = "none" as const;
  const serde = new PlainProtobufRowSerde({ columns, nullable, needed: [] });
  const protoSchema = protobufText({ columns, nullable, mapsAsEntries: true });
  return {
    header: JSON.stringify({ header: { queryId: query.queryId, protoSchema } }),
    row({ values, tombstone }) {
      const bytes = serde.serialize("", [...values])!.toString("base64");
      return JSON.stringify({ row: { protobufBytes: bytes, ...(tombstone ? { tombstone } : {}) } });
    },
  };
}

function jsonRows(query: QueryResult, layout: Layout): RowEncoding {
  const writeRow = jsonRowWriter(query.columns.map((c) => c.type));
  return {
    header: header(query, layout),
    row: ({ values, tombstone }) =>
      layout === "array" ? `{"row":{"columns":${writeRow(values)}${tombstone ? ',"tombstone":true' : ""}}}` : writeRow(values),
  };
}

/** The whole answer, where all rows are there at once. */
export function wholeAnswer(query: QueryResult, layout: Layout, encoding = jsonRows(query, layout)): string | undefined {
  if (!query.ready || finalMessage(query) !== null) return undefined;
  if (layout === "delimited") return query.ready.reduce((text, row) => `${text}${encoding.row(row)}\n`, `${encoding.header}\n`);
  const between = layout === "array" ? ",\n" : ",";
  return `[${[encoding.header, ...query.ready.map((row) => encoding.row(row))].join(between)}]${layout === "array" ? "\n" : ""}`;
}

/**
 * Writes the answer as it comes. The query is pulled only while the socket takes more: a slow reader holds back its own query
 * alone. A closed connection ends it.
 */
export async function writeQuery(out: Writable, query: QueryResult, layout: Layout, encoding = jsonRows(query, layout)): Promise<void> {
  const onClose = () => void query.close();
  out.once("close", onClose);
  let first = true;
  // An array that a message ends: each line is whole when it is sent, or a client that reads lines would see a row only with the next.
  const ended = layout === "array" && finalMessage(query) !== null;
  const item = (json: string, last = false): string => {
    if (layout === "delimited") return `${json}\n`;
    if (ended) {
      const line = `${first ? "[" : ""}${json}${last ? "" : ",\n"}`;
      first = false;
      return line;
    }
    const text = first ? `[${json}` : layout === "array" ? `,\n${json}` : `,${json}`;
    first = false;
    return text;
  };
  try {
    await write(out, item(encoding.header));
    for await (const batch of query.batches) {
      let text = "";
      for (const row of batch) text += item(encoding.row(row));
      if (text !== "") await write(out, text);
    }
    const message = finalMessage(query);
    if (layout === "array" && message !== null) await write(out, item(`{"finalMessage":${JSON.stringify(message)}}`, true));
  } catch (error) {
    if (out.destroyed) return;
    const message = describeError(error);
    await write(
      out,
      item(
        layout === "array"
          ? JSON.stringify({ errorMessage: { "@type": "generic_error", error_code: 50000, message } })
          : JSON.stringify({ status: "error", error_code: 50000, message }),
        true,
      ),
    );
  } finally {
    out.removeListener("close", onClose);
    await query.close();
  }
  if (!out.destroyed) out.end(layout === "delimited" ? "" : layout === "array" ? "]\n" : "]");
}

function finalMessage(query: QueryResult): string | null {
  if (query.kind === "pull-table") return null;
  return query.limitReached() ? "Limit Reached" : "Query Completed";
}

function header(query: QueryResult, layout: Layout): string {
  if (layout === "array") {
    const key = (isKey: boolean) => (isKey && query.kind === "pull-table" ? " KEY" : "");
    const schema = query.columns.map((c) => `\`${c.name}\` ${formatSqlType(c.type)}${key(c.isKey)}`).join(", ");
    return JSON.stringify({ header: { queryId: query.queryId, schema } });
  }
  return JSON.stringify({
    queryId: query.kind === "pull-table" ? null : query.queryId,
    columnNames: query.columns.map((c) => c.name),
    columnTypes: query.columns.map((c) => formatSqlType(c.type)),
  });
}

export async function writePrint(out: Writable, print: PrintResult): Promise<void> {
  const onClose = () => void print.close();
  out.once("close", onClose);
  try {
    for await (const line of print.lines) await write(out, line);
  } catch (error) {
    if (!out.destroyed) await write(out, `${describeError(error)}\n`);
  } finally {
    out.removeListener("close", onClose);
    await print.close();
  }
  if (!out.destroyed) out.end();
}

/** Resolves when the socket is ready for more, or is gone. */
async function write(out: Writable, text: string): Promise<void> {
  if (out.destroyed || out.write(text)) return;
  const gone = new AbortController();
  const onClose = () => gone.abort();
  out.once("close", onClose);
  try {
    await once(out, "drain", { signal: gone.signal });
  } catch {
    // closed while it waited: the loop's query has been closed too
  } finally {
    out.removeListener("close", onClose);
  }
}

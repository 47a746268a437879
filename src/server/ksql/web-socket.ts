import type { WebSocket } from "@fastify/websocket";
import { describeError } from "../../common/errors.js";
import { schemaInfo } from "../../engine/entities.js";
import { jsonRowWriter } from "../../engine/json-values.js";
import type { PrintResult, QueryResult } from "../../engine/query-result.js";
import { errorReply } from "./errors.js";

/** Codes of closing: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 */
const normal = 1000;
const tryAgainLater = 1013;
const invalid = 1007;
const internal = 1011;
/** bytes that may wait for a slow reader */
const highWaterMark = 64 * 1024;
/** The reason in a close frame is 123 bytes of UTF-8 at the most. */
const longestReason = 120;

/**
 * Answers a query over a WebSocket: a message with the columns' schemas, then one a row (`{"row":{"columns":[…]}}`), one with the
 * final message where the query ends by itself, and a close. PRINT sends a line a message. A socket that closes ends its query.
 */
export async function sendQuery(socket: WebSocket, start: () => Promise<QueryResult | PrintResult>): Promise<void> {
  let query: QueryResult | PrintResult;
  try {
    query = await start();
  } catch (error) {
    const { status, body } = errorReply(error);
    const code = status === 503 ? tryAgainLater : status < 500 ? invalid : internal;
    socket.close(code, reason(String(body["message"])));
    return;
  }
  const end = () => void query.close();
  socket.once("close", end);
  try {
    if (query.kind === "print") for await (const line of query.lines) await send(socket, line.trimEnd());
    else await sendRows(socket, query);
    socket.close(normal, "done");
  } catch (error) {
    if (socket.readyState === socket.OPEN) socket.close(internal, reason(describeError(error)));
  } finally {
    await query.close();
  }
}

async function sendRows(socket: WebSocket, query: QueryResult): Promise<void> {
  await send(socket, JSON.stringify(query.columns.map((c) => ({ name: c.name, schema: schemaInfo(c.type) }))));
  const write = jsonRowWriter(query.columns.map((c) => c.type));
  for await (const batch of query.batches)
    for (const row of batch) await send(socket, `{"row":{"columns":${write(row.values)}${row.tombstone ? ',"tombstone":true' : ""}}}`);
  if (query.kind !== "pull-table")
    await send(socket, JSON.stringify({ finalMessage: query.limitReached() ? "Limit Reached" : "Query Completed" }));
}

/** Resolves when the socket takes more, or is gone. */
function send(socket: WebSocket, text: string): Promise<void> | void {
  if (socket.readyState !== socket.OPEN) return;
  if (socket.bufferedAmount < highWaterMark) return socket.send(text);
  return new Promise((resolve) => socket.send(text, () => resolve()));
}

function reason(message: string): string {
  let text = message;
  while (Buffer.byteLength(text) > longestReason) text = text.slice(0, -1);
  return text;
}

import { MillraceError } from "../common/errors.js";

export interface SqlRequest {
  readonly sql: string;
  readonly properties?: Readonly<Record<string, string>>;
  readonly variables?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** What the server answered to a statement that failed; `entities` are the results of those ahead of it. */
export class SqlError extends Error {
  constructor(
    message: string,
    readonly statement: string | undefined,
    readonly entities: readonly Record<string, unknown>[],
  ) {
    super(message);
  }
}

/** The ksqlDB REST API as the command line uses it. @throws MillraceError CONNECT_FAILED, SqlError */
export class SqlClient {
  readonly url: string;
  private readonly authorization: Record<string, string>;
  /** of the last statement that the server put on its command topic: what comes next is to see its effect */
  private sequence = -1;

  constructor(url: string, user?: { readonly name: string; readonly password: string }) {
    this.authorization = user ? { authorization: `Basic ${Buffer.from(`${user.name}:${user.password}`).toString("base64")}` } : {};
    this.url = (/^[a-z]+:\/\//i.test(url) ? url : `http://${url}`).replace(/\/+$/, "");
  }

  async statements(request: SqlRequest): Promise<Record<string, unknown>[]> {
    const response = await this.post(
      "/ksql",
      {
        ksql: request.sql,
        streamsProperties: request.properties ?? {},
        sessionVariables: request.variables ?? {},
        ...(this.sequence >= 0 ? { commandSequenceNumber: this.sequence } : {}),
      },
      request.signal,
    );
    const entities = (await response.json()) as Record<string, unknown>[];
    for (const { commandSequenceNumber: n } of entities) if (typeof n === "number" && n > this.sequence) this.sequence = n;
    return entities;
  }

  /** The header, then the rows, of a SELECT. */
  async *select(request: SqlRequest): AsyncGenerator<QueryLine> {
    const response = await this.post(
      "/query-stream",
      {
        sql: request.sql,
        properties: request.properties ?? {},
        sessionVariables: request.variables ?? {},
      },
      request.signal,
    );
    for await (const text of lines(response, request.signal)) {
      if (text.startsWith("[")) {
        yield { row: rowCells(text), json: text };
        continue;
      }
      const value = JSON.parse(text) as unknown;
      if ((value as { message?: string }).message !== undefined)
        throw new SqlError(String((value as { message: string }).message), request.sql, []);
      else yield { header: value as QueryHeader };
    }
  }

  async *print(request: SqlRequest): AsyncGenerator<string> {
    const response = await this.post("/query", { ksql: request.sql, streamsProperties: request.properties ?? {} }, request.signal);
    yield* lines(response, request.signal);
  }

  async get(path: string): Promise<Record<string, unknown>> {
    return (await (await this.send(path, {})).json()) as Record<string, unknown>;
  }

  private post(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
    return this.send(path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: {
        "content-type": "application/json",
        accept: path === "/query-stream" ? "application/vnd.ksqlapi.delimited.v1" : "application/json",
      },
      ...(signal ? { signal } : {}),
    });
  }

  private async send(path: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${this.url}${path}`, { ...init, headers: { ...this.authorization, ...init.headers } });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      const cause = (error as { cause?: { code?: string; message?: string } }).cause;
      throw new MillraceError(
        "CONNECT_FAILED",
        `No answer from ${this.url}: ${cause?.code ?? cause?.message ?? (error as Error).message}. Is \`millrace start\` running there?`,
        { cause: error },
      );
    }
    if (response.ok) return response;
    const text = await response.text();
    let body: { message?: string; statementText?: string; entities?: Record<string, unknown>[] } = {};
    try {
      body = JSON.parse(text);
    } catch {
      // not JSON: the status line says more than a page of HTML
    }
    throw new SqlError(body.message ?? `${response.status} ${response.statusText}`, body.statementText, body.entities ?? []);
  }
}

export interface QueryHeader {
  readonly queryId: string | null;
  readonly columnNames: readonly string[];
  readonly columnTypes: readonly string[];
}
export type QueryLine =
  | { readonly header: QueryHeader; readonly row?: undefined; readonly json?: undefined }
  /** `json`: the row as it came */
  | { readonly row: readonly string[]; readonly json: string; readonly header?: undefined };

async function* lines(response: Response, signal?: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pending = "";
  try {
    for await (const chunk of response.body!) {
      const parts = (pending + decoder.decode(chunk, { stream: true })).split("\n");
      pending = parts.pop()!;
      for (const part of parts) if (part.trim()) yield part;
    }
  } catch (error) {
    if (signal?.aborted) return;
    throw new MillraceError("CONNECT_FAILED", "The server closed the connection before the query had ended: was it stopped?", {
      cause: error,
    });
  }
  if (pending.trim()) yield pending;
}

/** The cells of `[1,"a",null]` as they are to be shown. Numbers keep their digits: a BIGINT would lose some as a JavaScript number. */
export function rowCells(json: string): string[] {
  const cells: string[] = [];
  let depth = 0;
  let start = 1;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const c = json[i];
    if (inString) {
      if (c === "\\") i++;
      else if (c === '"') inString = false;
    } else if (c === '"') inString = true;
    else if (c === "[" || c === "{") depth++;
    else if ((c === "," && depth === 1) || ((c === "]" || c === "}") && --depth === 0)) {
      const text = json.slice(start, i).trim();
      if (text !== "") cells.push(text.startsWith('"') ? (JSON.parse(text) as string) : text);
      start = i + 1;
    }
  }
  return cells;
}

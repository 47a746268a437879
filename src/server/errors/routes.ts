import type { FastifyInstance, FastifyReply } from "fastify";
import { asError, MillraceError } from "../../common/errors.js";
import type { ErrorEntry, ErrorStage, ErrorSummary } from "../../errors/entry.js";
import type { ErrorStore } from "../../errors/error-store.js";

type Query = Readonly<Record<string, string | undefined>>;

/**
 * The error store on the console's port: `GET /errors` (filters connector, query, topic, stage; limit, offset),
 * `GET /errors/ID`, `POST /errors/ID/replay` (`?force=true`), `POST /errors/replay` and `DELETE /errors` (of all that the
 * filters choose), `DELETE /errors/ID`. Errors are `{error_code, message}`.
 */
export function registerErrorRoutes(app: FastifyInstance, store: ErrorStore): void {
  const guarded =
    (answer: (params: { id: string }, query: Query) => Promise<unknown> | unknown) =>
    async (request: { params: unknown; query: unknown }, reply: FastifyReply) => {
      try {
        const result = await answer(request.params as { id: string }, request.query as Query);
        return result === undefined ? reply.code(204).send() : reply.send(result);
      } catch (error) {
        const e = asError(error);
        const code = e instanceof MillraceError ? e.code : "INTERNAL";
        const status =
          code === "NOT_FOUND" ? 404 : code === "CONFLICT" ? 409 : e instanceof MillraceError && e.domain === "user" ? 400 : 500;
        return reply.code(status).send({ error_code: status, message: e.message, code });
      }
    };

  app.get(
    "/errors",
    guarded((_params, query) => ({ total: store.count(filterOf(query)), errors: store.list(filterOf(query)).map(iso) })),
  );
  app.get(
    "/errors/:id",
    guarded(async ({ id }) => shown(await store.show(id))),
  );
  app.post(
    "/errors/:id/replay",
    guarded(async ({ id }, query) => {
      await store.replay(id, { force: query["force"] === "true" });
      return { replayed: [id] };
    }),
  );
  app.post(
    "/errors/replay",
    guarded(async (_params, query) => replayAll(store, query)),
  );
  app.delete(
    "/errors/:id",
    guarded(async ({ id }) => void (await store.delete([id]))),
  );
  app.delete(
    "/errors",
    guarded(async (_params, query) => {
      const ids = store.list({ limit: Number.MAX_SAFE_INTEGER, ...filterOf(query) }).map((e) => e.id);
      await store.delete(ids);
      return { deleted: ids.length };
    }),
  );
}

/** Oldest first, so that the records of a key arrive in their order; one that is refused again does not hold up the rest. */
async function replayAll(store: ErrorStore, query: Query) {
  const entries = store.list({ limit: Number.MAX_SAFE_INTEGER, ...filterOf(query) });
  entries.sort((a, b) => a.time - b.time || a.offset - b.offset);
  const replayed: string[] = [];
  const refused: { id: string; message: string }[] = [];
  for (const { id } of entries) {
    try {
      await store.replay(id, { force: query["force"] === "true" });
      replayed.push(id);
    } catch (error) {
      refused.push({ id, message: asError(error).message });
    }
  }
  return { replayed, refused };
}

function filterOf(query: Query) {
  const number = (key: string) => {
    const text = query[key];
    if (text === undefined) return {};
    const n = Number(text);
    if (!Number.isInteger(n) || n < 0) throw new MillraceError("DATA_INVALID", `${key} must be a whole number, not ${text}`);
    return { [key]: n };
  };
  return {
    connector: query["connector"],
    query: query["query"],
    topic: query["topic"],
    stage: query["stage"] as ErrorStage | undefined,
    ...number("limit"),
    ...number("offset"),
  };
}

function iso(e: ErrorSummary) {
  return { ...e, time: new Date(e.time).toISOString() };
}

/** Bytes as base64, and as text where they are UTF-8. */
function shown(e: ErrorEntry) {
  return {
    ...iso(e),
    key: bytes(e.key),
    value: bytes(e.value),
    headers: e.headers.map((h) => ({ key: h.key, value: bytes(h.value === null ? null : Buffer.from(h.value)) })),
    timestamp: e.timestamp < 0 ? null : new Date(e.timestamp).toISOString(),
    trace: e.trace,
  };
}

function bytes(b: Buffer | null) {
  if (b === null) return null;
  const text = b.toString("utf8");
  return { base64: b.toString("base64"), ...(Buffer.from(text).equals(b) ? { text } : {}) };
}

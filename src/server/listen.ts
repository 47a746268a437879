import { timingSafeEqual } from "node:crypto";
import { createServer as createHttp1 } from "node:http";
import { createServer as createHttp2, type ServerHttp2Session } from "node:http2";
import { type AddressInfo, createServer as createTcp, isIPv6, type Server, type Socket } from "node:net";
import { createServer as createTls } from "node:tls";
import Fastify, { type FastifyInstance } from "fastify";
import { bind } from "../common/bind.js";
import { MillraceError } from "../common/errors.js";
import type { Logger } from "../common/logger.js";

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks: the user of the basic authentication, or null where the listener has none. */
    principal: string | null;
  }
}

export interface ListenOptions {
  /** Default 127.0.0.1. Any other than loopback needs `users`, or `insecure`. */
  readonly host?: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly logger: Logger;
  /** Also speak HTTP/2 with prior knowledge (h2c) on the same port; default false. */
  readonly http2?: boolean;
  /** PEM; the port then speaks TLS alone. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Basic authentication: user → password. */
  readonly users?: ReadonlyMap<string, string>;
  /** Allow an address beyond loopback without credentials. */
  readonly insecure?: boolean;
  /** bytes of a request's body; default 16 MiB */
  readonly bodyLimit?: number;
}

export interface Listener {
  readonly port: number;
  /** `http://127.0.0.1:8088`, as a client on this machine writes it. */
  readonly url: string;
  /** Stops accepting, lets running requests end for up to `graceMs` (default 1000), then drops what is left. */
  close(graceMs?: number): Promise<void>;
}

/** @throws MillraceError CONFIG_INVALID for an address beyond loopback without credentials, unless that is allowed */
export function checkAddress(host: string, credentials: boolean, insecure: boolean): void {
  if (isLoopback(host) || credentials || insecure) return;
  throw new MillraceError(
    "CONFIG_INVALID",
    `Listening on ${host} would open the port to other machines: configure users for it, or allow it with --insecure.`,
  );
}

/**
 * One port for one REST surface. `build` registers the routes and is called once a protocol, so that HTTP/1.1 and h2c answer
 * alike: the first bytes of a connection decide which of the two servers gets the socket.
 * @throws MillraceError PORT_IN_USE; CONFIG_INVALID for an open address without credentials or an address that cannot be bound
 */
export async function listen(build: (app: FastifyInstance) => void, options: ListenOptions): Promise<Listener> {
  const host = options.host ?? "127.0.0.1";
  checkAddress(host, (options.users?.size ?? 0) > 0, options.insecure ?? false);

  // Names of connectors, topics and subjects in a path may be longer than the 100 characters that fastify allows; the servers that
  // are replaced took a path with a slash at its end for the same one, and clients end paths so.
  const limit = { bodyLimit: options.bodyLimit ?? 16 * 1024 * 1024, routerOptions: { maxParamLength: 2048, ignoreTrailingSlash: true } };
  const http1 = createHttp1();
  const apps = [Fastify({ ...limit, serverFactory: (handler) => http1.on("request", handler) })] as FastifyInstance[];
  const http2 = options.http2 ? createHttp2() : undefined;
  if (http2)
    apps.push(Fastify({ ...limit, http2: true, serverFactory: (handler) => http2.on("request", handler) }) as unknown as FastifyInstance);
  for (const app of apps) {
    app.decorateRequest("principal", null);
    if (options.users?.size) requireUser(app, options.users);
    build(app);
    await app.ready();
  }

  let closing: Promise<void> | undefined;
  const sockets = new Set<Socket>();
  const busy = new Map<Socket, number>(); // sockets of HTTP/1.1 with a request that runs
  http1.on("request", ({ socket }, response) => {
    busy.set(socket, (busy.get(socket) ?? 0) + 1);
    response.once("close", () => {
      const left = busy.get(socket)! - 1;
      if (left > 0) busy.set(socket, left);
      else busy.delete(socket);
      if (left === 0 && closing) socket.destroySoon();
    });
  });
  const multiplexed = new WeakSet<Socket>(); // those of HTTP/2: their sessions close when their streams have ended
  const sessions = new Set<ServerHttp2Session>();
  http2?.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  // http1.closeIdleConnections() knows no socket here: it counts those of a server that listens itself
  const closeIdle = () => {
    for (const session of sessions) session.close();
    for (const socket of sockets) if (!busy.has(socket) && !multiplexed.has(socket)) socket.destroy();
  };
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.setNoDelay(true);
  };
  const serve = (socket: Socket, isHttp2: boolean) => {
    if (isHttp2 && http2) multiplexed.add(socket);
    (isHttp2 && http2 ? http2 : http1).emit("connection", socket);
  };
  let server: Server;
  if (options.tls) {
    server = createTls({ ...options.tls, ALPNProtocols: http2 ? ["h2", "http/1.1"] : ["http/1.1"] }, (socket) => {
      track(socket);
      serve(socket, socket.alpnProtocol === "h2");
    });
    server.on("tlsClientError", (_error, socket) => socket.destroy());
  } else {
    server = createTcp({ pauseOnConnect: false }, (socket) => {
      track(socket);
      if (http2) peek(socket, (isHttp2) => serve(socket, isHttp2));
      else serve(socket, false);
    });
  }
  await bind(server, host, options.port);
  const { port } = server.address() as AddressInfo;
  const shown = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : isIPv6(host) ? `[${host}]` : host;

  return {
    port,
    url: `${options.tls ? "https" : "http"}://${shown}:${port}`,
    close: (graceMs = 1000) => (closing ??= shut(server, apps, sockets, closeIdle, graceMs)),
  };
}

const preface = Buffer.from("PRI * HTTP/2.0");

/** Reads as many first bytes as tell h2c from HTTP/1.1, and puts them back. */
function peek(socket: Socket, decided: (isHttp2: boolean) => void): void {
  const onReadable = () => {
    const chunk: Buffer | null = socket.read();
    if (!chunk) return;
    const n = Math.min(chunk.length, preface.length);
    const same = chunk.compare(preface, 0, n, 0, n) === 0;
    socket.unshift(chunk);
    if (same && n < preface.length) return; // the rest of the preface is still on its way
    socket.removeListener("readable", onReadable);
    decided(same);
    // A socket that has had a `readable` listener stays paused; without this the HTTP/1 parser never sees the bytes put back.
    socket.resume();
  };
  socket.on("readable", onReadable);
}

async function shut(server: Server, apps: FastifyInstance[], sockets: Set<Socket>, closeIdle: () => void, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const apart = Promise.all(apps.map((app) => app.close()));
  closeIdle();
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, graceMs);
  await Promise.all([closed, apart]);
  clearTimeout(timer);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function requireUser(app: FastifyInstance, users: ReadonlyMap<string, string>): void {
  app.addHook("onRequest", (request, reply, done) => {
    const given = /^Basic\s+([A-Za-z0-9+/=]+)$/i.exec(request.headers.authorization ?? "")?.[1];
    const [user = "", ...rest] = Buffer.from(given ?? "", "base64")
      .toString()
      .split(":");
    const password = users.get(user);
    if (password === undefined || !sameText(password, rest.join(":"))) {
      reply.header("www-authenticate", 'Basic realm="millrace"').code(401).send({ error_code: 40101, message: "Unauthorized" });
      return;
    }
    request.principal = user;
    done();
  });
}

function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

import type { FastifyReply } from "fastify";
import type { Body } from "./body.js";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
export type Params = Readonly<Record<string, string>>;
export type Query = Readonly<Record<string, string | string[] | undefined>>;

export interface Request {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
}

/** What the answer gives is sent as JSON; nothing is 204, or the status that it has set. */
export type Answer = (request: Request, reply: FastifyReply) => unknown;
export type Route = (method: Method, url: string, answer: Answer) => void;

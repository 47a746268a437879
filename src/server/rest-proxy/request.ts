import type { FastifyRequest } from "fastify";
import { restErrors } from "./errors.js";

export type JsonObject = Readonly<Record<string, unknown>>;

export function bodyBytes(request: FastifyRequest): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
}

/** The body as a JSON object; undefined where there is none. @throws 400, 422 */
export function bodyObject(request: FastifyRequest): JsonObject | undefined {
  const bytes = bodyBytes(request);
  if (bytes.length === 0) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString());
  } catch (error) {
    throw restErrors.badJson((error as Error).message);
  }
  if (json === null) return undefined;
  if (typeof json !== "object" || Array.isArray(json)) throw restErrors.unprocessable("The request's body must be a JSON object");
  return json as JsonObject;
}

/** @throws 422 that names the field */
export function list(value: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(value)) throw restErrors.unprocessable(`${field} must be a list`);
  return value;
}
export function object(value: unknown, field: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw restErrors.unprocessable(`${field} must be an object`);
  return value as JsonObject;
}
export function text(value: unknown, field: string): string {
  if (typeof value !== "string" || value === "") throw restErrors.unprocessable(`${field} must be a text`);
  return value;
}
export function whole(value: unknown, field: string, least = 0): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least)
    throw restErrors.unprocessable(`${field} must be a whole number of ${least} or more`);
  return value;
}
/** A number within a path. @throws 404 */
export function pathNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw restErrors.notFound();
  return Number(text);
}

import { asError, MillraceError } from "../../common/errors.js";

/** A request's body as it came: its numbers are read as the route needs them. */
export class Body {
  constructor(private readonly text: string) {}

  /** @throws DATA_INVALID for what is not JSON; undefined for no body */
  json(): unknown {
    return parse(this.text);
  }

  /**
   * With every number as the text that the client wrote: a setting `1.10` or `12345678901234567890` is that text, as Connect
   * keeps it. @throws DATA_INVALID
   */
  jsonWithNumberTexts(): unknown {
    this.json(); // its message speaks of the text that was sent
    return parse(this.text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (m) => (m[0] === '"' ? m : `"${m}"`)));
  }
}

function parse(text: string): unknown {
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MillraceError("DATA_INVALID", `the body is not JSON: ${asError(error).message}`);
  }
}

/** @throws DATA_INVALID */
export function object(value: unknown, what: string): Record<string, unknown> {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new MillraceError("DATA_INVALID", `the request needs ${what} as a JSON object`);
  return value as Record<string, unknown>;
}

/** A config as Connect's clients send it: values may be strings, numbers or booleans; null is as if it were not there. */
export function configOf(value: unknown): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [k, v] of Object.entries(object(value, "a config"))) if (v !== null) out[k] = settingText(k, v);
  return out;
}

/** The config itself, or the `{name, config}` that POST takes, which many scripts keep in one file for both. */
export function bareConfig(body: unknown): Record<string, string> {
  const o = object(body, "a config");
  return typeof o["config"] === "object" && o["config"] !== null && o["connector.class"] === undefined
    ? configOf(o["config"])
    : configOf(o);
}

/** @throws CONFIG_INVALID that names the setting */
export function settingText(key: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new MillraceError("CONFIG_INVALID", `${key}: the value of a setting must be a string, a number or a boolean`);
}

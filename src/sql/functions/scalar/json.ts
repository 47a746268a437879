import { Decimal } from "../../../data/schema.js";
import type { SqlType } from "../../../data/sql-type.js";
import { sameValue } from "../../evaluate/compare.js";
import { formatDouble } from "../../evaluate/double-text.js";
import { formatDate, formatTime, formatTimestamp } from "../../evaluate/time-text.js";
import type { FunctionDeclaration } from "../declaration.js";
import { parseJson, RawNumber, writeJson } from "../json-text.js";

const category = "JSON" as const;

/** A value as JSON text: DOUBLEs the Java way, DECIMALs exact, BYTES in base64, times as text. */
export function jsonText(value: unknown, type: SqlType): string {
  if (value === null) return "null";
  switch (type.base) {
    case "STRING":
      return JSON.stringify(value);
    case "DOUBLE":
      return formatDouble(value as number);
    case "TIMESTAMP":
      return JSON.stringify(formatTimestamp(value as number));
    case "DATE":
      return JSON.stringify(formatDate(value as number));
    case "TIME":
      return JSON.stringify(formatTime(value as number));
    case "BYTES":
      return JSON.stringify(Buffer.from(value as Uint8Array).toString("base64"));
    case "ARRAY":
      return `[${(value as unknown[]).map((x) => jsonText(x, type.element)).join(",")}]`;
    case "MAP":
      return `{${[...(value as Map<unknown, unknown>)].map(([k, v]) => `${JSON.stringify(String(k))}:${jsonText(v, type.value)}`).join(",")}}`;
    case "STRUCT":
      return `{${type.fields.map((f, i) => `${JSON.stringify(f.name)}:${jsonText((value as unknown[])[i], f.type)}`).join(",")}}`;
    default:
      return String(value);
  }
}

/** `$.a.b[0]` as its steps; undefined where it is no such path */
function pathSteps(path: string): (string | number)[] | undefined {
  if (!path.startsWith("$")) return undefined;
  const steps: (string | number)[] = [];
  const step = /\.([^.[\]]+)|\[(\d+)\]|\['([^']*)'\]/y;
  step.lastIndex = 1;
  while (step.lastIndex < path.length) {
    const m = step.exec(path);
    if (!m) return undefined;
    steps.push(m[2] !== undefined ? Number(m[2]) : (m[1] ?? m[3])!);
  }
  return steps;
}
function extract(text: string, path: string): string | null {
  const steps = pathSteps(path);
  if (!steps) throw new RangeError(`Not a JSON path: ${path}`);
  let node = parseJson(text);
  for (const step of steps) {
    if (node instanceof Map) node = node.get(String(step));
    else if (Array.isArray(node) && typeof step === "number") node = node[step];
    else return null;
    if (node === undefined) return null;
  }
  return node === null || node === undefined ? null : textOf(node);
}
function textOf(node: unknown): string {
  return typeof node === "string" ? node : writeJson(node);
}

function contains(text: string, wanted: unknown): boolean {
  const list = parseJson(text);
  if (!Array.isArray(list)) return false;
  return list.some((x) => {
    if (x === null || wanted === null) return x === wanted;
    if (x instanceof RawNumber) {
      if (wanted instanceof Decimal) return sameValue(Decimal.parse(x.text), wanted);
      return (typeof wanted === "number" || typeof wanted === "bigint") && Number(x.text) === Number(wanted);
    }
    return (typeof x === "string" || typeof x === "boolean") && x === wanted;
  });
}
const orNull = <T>(make: () => T): T | null => {
  try {
    return make();
  } catch {
    return null;
  }
};
function concat(...texts: (string | null)[]): string | null {
  if (texts.includes(null)) return null;
  const nodes = texts.map((t) => orNull(() => ({ node: parseJson(t!) })));
  if (nodes.includes(null)) return null;
  const values = nodes.map((n) => n!.node);
  if (values.every((v) => v instanceof Map)) return writeJson(new Map(values.flatMap((v) => [...(v as Map<string, unknown>)])));
  return writeJson(values.flatMap((v) => (Array.isArray(v) ? v : [v])));
}

export const jsonFunctions: readonly FunctionDeclaration[] = [
  {
    name: "EXTRACTJSONFIELD",
    category,
    description: "The text at a path (`$.a.b[0]`) of a JSON text; NULL where there is nothing.",
    examples: [["EXTRACTJSONFIELD('{\"a\":[1,\"x\"]}', '$.a[1]')", "x"]],
    overloads: [{ args: "STRING, STRING", returns: "STRING", call: extract }],
  },
  {
    name: "IS_JSON_STRING",
    category,
    description: "Whether a text is JSON.",
    examples: [["IS_JSON_STRING('[1]')", "true"]],
    overloads: [
      {
        args: "STRING",
        returns: "BOOLEAN",
        strict: false,
        call: (s: string | null) => s !== null && s.trim() !== "" && orNull(() => [parseJson(s)]) !== null,
      },
    ],
  },
  {
    name: "JSON_ARRAY_CONTAINS",
    category,
    description: "Whether a JSON array holds a value.",
    examples: [["JSON_ARRAY_CONTAINS('[1,2]', 2)", "true"]],
    overloads: [
      {
        args: "STRING, T",
        returns: "BOOLEAN",
        strict: false,
        call: (s: string | null, v: unknown) => (s === null ? false : contains(s, v)),
      },
    ],
  },
  {
    name: "JSON_ARRAY_LENGTH",
    category,
    description: "The number of elements of a JSON array; NULL of anything else.",
    examples: [["JSON_ARRAY_LENGTH('[1,2]')", "2"]],
    overloads: [
      {
        args: "STRING",
        returns: "INTEGER",
        call: (s: string) => {
          const v = parseJson(s);
          return Array.isArray(v) ? v.length : null;
        },
      },
    ],
  },
  {
    name: "JSON_CONCAT",
    category,
    description: "JSON objects merged, arrays and values appended to one another.",
    examples: [["JSON_CONCAT('{\"a\":1}', '{\"b\":2}')", '{"a":1,"b":2}']],
    overloads: [{ args: "STRING...", returns: "STRING", strict: false, call: concat }],
  },
  {
    name: "JSON_ITEMS",
    category,
    description: "A JSON array's elements as texts.",
    examples: [["JSON_ITEMS('[1,{\"a\":2}]')[2]", '{"a":2}']],
    overloads: [
      {
        args: "STRING",
        returns: "ARRAY<STRING>",
        call: (s: string) => {
          const v = parseJson(s);
          return Array.isArray(v) ? v.map(writeJson) : null;
        },
      },
    ],
  },
  {
    name: "JSON_KEYS",
    category,
    description: "A JSON object's keys; NULL of anything else.",
    examples: [['ARRAY_JOIN(JSON_KEYS(\'{"a":1,"b":2}\'))', "a,b"]],
    overloads: [
      {
        args: "STRING",
        returns: "ARRAY<STRING>",
        call: (s: string) => {
          const v = parseJson(s);
          return v instanceof Map ? [...v.keys()] : null;
        },
      },
    ],
  },
  {
    name: "JSON_RECORDS",
    category,
    description: "A JSON object's entries as a map of texts; NULL of anything else.",
    examples: [["JSON_RECORDS('{\"a\":1}')['a']", "1"]],
    overloads: [
      {
        args: "STRING",
        returns: "MAP<STRING, STRING>",
        call: (s: string) => {
          const v = parseJson(s);
          return v instanceof Map ? new Map([...v].map(([k, x]) => [k, textOf(x)])) : null;
        },
      },
    ],
  },
  {
    name: "TO_JSON_STRING",
    category,
    description: "Any value as JSON text.",
    examples: [["TO_JSON_STRING(STRUCT(a := 1, b := ARRAY['x']))", '{"A":1,"B":["x"]}']],
    overloads: [
      {
        args: "T",
        returns: "STRING",
        strict: false,
        bind:
          ([type]) =>
          (v: unknown) =>
            jsonText(v, type!),
      },
    ],
  },
];

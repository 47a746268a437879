import { expect, test } from "vitest";
import { columnDefault } from "../../../src/connectors/postgres/column-default.js";
import { resolveColumnType } from "../../../src/connectors/postgres/types/resolve.js";
import { TypeRegistry } from "../../../src/connectors/postgres/types/type-info.js";

const names: Record<string, number> = { int4: 23, text: 25, bool: 16, timestamptz: 1184, date: 1082, numeric: 1700, uuid: 2950, bytea: 17 };
const types = new TypeRegistry(
  new Map(
    Object.entries(names).map(([name, oid]) => [
      oid,
      { oid, name, kind: "b", element: 0, base: 0, modifier: -1, delimiter: ",", labels: [] },
    ]),
  ),
);
const options = {
  decimal: "string",
  time: "adaptive",
  interval: "numeric",
  hstore: "json",
  binary: "bytes",
  moneyDigits: 2,
  includeUnknown: false,
  placeholder: "x",
} as const;

test.each([
  ["int4", "7", 7],
  ["int4", "'-7'::integer", -7],
  ["int4", "nextval('t_s_seq'::regclass)", 0],
  ["int4", "(1 + 1)", undefined],
  ["text", "'it''s (a) ::text'::text", "it's (a) ::text"],
  ["text", "NULL::character varying", undefined],
  ["text", "md5('x'::text)", undefined],
  ["bool", "true", true],
  ["timestamptz", "now()", "1970-01-01T00:00:00.000000Z"],
  ["timestamptz", "CURRENT_TIMESTAMP", "1970-01-01T00:00:00.000000Z"],
  ["date", "'2020-02-29'::date", 18321],
  ["numeric", "1.50", "1.50"],
  ["uuid", "gen_random_uuid()", undefined],
  ["bytea", "'\\x01'::bytea", undefined],
])("%s DEFAULT %s", (type, expression, expected) => {
  expect(columnDefault(expression, resolveColumnType(names[type]!, -1, types, options)!)).toEqual(expected);
});

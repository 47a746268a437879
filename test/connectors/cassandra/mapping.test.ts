import { describe, expect, it } from "vitest";
import { MappingError, parseMapping } from "../../../src/connectors/cassandra/mapping.js";

const sources = (text: string) => Object.fromEntries(parseMapping(text).map((e) => [e.target, e.source]));
const field = (part: string, ...path: string[]) => ({ kind: "field", part, path });

describe("a mapping", () => {
  it("reads fields of key, value and header, nested ones and whole ones", () => {
    expect(sources("a=key, b = value.f ,c=value.a.b.c,d=header.trace, e=value, f=key.id")).toEqual({
      a: field("key"),
      b: field("value", "f"),
      c: field("value", "a", "b", "c"),
      d: field("header", "trace"),
      e: field("value"),
      f: field("key", "id"),
    });
  });

  it("reads functions, constants and the special columns", () => {
    expect(
      sources("id=now(), t=toTimestamp( now() ), s='it''s, (so)', n=-1.5e3, x=0xcafe, y=true, __ttl=value.t, __timestamp=value.u"),
    ).toEqual({
      id: { kind: "function", name: "now", cql: "now()" },
      t: { kind: "function", name: "totimestamp", cql: "toTimestamp( now() )" },
      s: { kind: "literal", cql: "'it''s, (so)'" },
      n: { kind: "literal", cql: "-1.5e3" },
      x: { kind: "literal", cql: "0xcafe" },
      y: { kind: "literal", cql: "true" },
      __ttl: field("value", "t"),
      __timestamp: field("value", "u"),
    });
  });

  it("keeps quoted names as they are", () => {
    const [first] = parseMapping('"My ""Col"", 1" = value."a field, with = and ."."b"');
    expect(first).toMatchObject({ target: 'My "Col", 1', quoted: true, source: field("value", "a field, with = and .", "b") });
  });

  it("takes line breaks and a comma at the end", () => {
    expect(Object.keys(sources("\n a=key,\n b=value.b,\n"))).toEqual(["a", "b"]);
  });

  it.each([
    ["", 1, "empty"],
    ["a", 2, "expected '=' after a, found the end"],
    ["a=", 3, "found the end"],
    ["a=b", 3, "write key.b or value.b"],
    ["a=value.", 9, "expected a field's name after value., found the end"],
    ["a=value..x", 9, "found '.'"],
    ["a=key b=value", 7, "expected ',' between two columns, found 'b'"],
    ["a=key,,b=key", 7, "expected a column's name, found ','"],
    ["a=key, a=value", 8, "a is mapped twice"],
    ["a=header", 3, "cannot be mapped"],
    ["a=now(", 3, "closing bracket"],
    ["a='x", 3, "closing quote"],
    ['"a=key', 1, "closing quote"],
    ['""=key', 1, "empty"],
    ["a=12abc", 3, "not a constant"],
  ])("says what is wrong with %j and where", (text, position, problem) => {
    let error: unknown;
    try {
      parseMapping(text);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(MappingError);
    expect((error as Error).message).toContain(`at position ${position}: `);
    expect((error as Error).message).toContain(problem);
  });
});

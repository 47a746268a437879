import { describe, expect, it } from "vitest";
import { jsonSchemaProblems } from "../../src/schema-registry/compatibility/json-schema.js";
import { protobufProblems } from "../../src/schema-registry/compatibility/protobuf.js";
import { parseProtobuf } from "../../src/schema-registry/protobuf/parse.js";

describe("a Protobuf schema reads what was written with the one before", () => {
  const message = (body: string) =>
    `syntax = "proto3"; message M { ${body} } enum E { A = 0; } message N { int32 x = 1; } message O { int32 x = 1; }`;
  const problems = (before: string, after: string) =>
    protobufProblems(parseProtobuf(message(after)), parseProtobuf(message(before)), "new", "old").map((p) => p.errorType);

  it.each([
    ["int32 a = 1;", "int32 a = 1; string b = 2;"],
    ["int32 a = 1; string b = 2;", "int32 a = 1;"],
    ["int32 a = 1;", "int32 renamed = 1;"],
    ["int32 a = 1;", "int64 a = 1;"],
    ["int32 a = 1;", "bool a = 1;"],
    ["int32 a = 1;", "E a = 1;"],
    ["string a = 1;", "bytes a = 1;"],
    ["string a = 1;", "repeated string a = 1;"],
    ["int32 a = 1;", "oneof o { int32 a = 1; int32 b = 2; }"],
    ["oneof o { int32 a = 1; }", "oneof o { int32 a = 1; int32 b = 2; }"],
    ["M next = 1;", "M next = 1; N n = 2;"],
    ["map<string, int32> m = 1;", "map<string, int64> m = 1;"],
  ])("%s → %s", (before, after) => {
    expect(problems(before, after)).toEqual([]);
  });

  it.each([
    ["int32 a = 1;", "string a = 1;", "FIELD_SCALAR_KIND_CHANGED"],
    ["int32 a = 1;", "sint32 a = 1;", "FIELD_SCALAR_KIND_CHANGED"],
    ["int32 a = 1;", "double a = 1;", "FIELD_SCALAR_KIND_CHANGED"],
    ["N a = 1;", "O a = 1;", "FIELD_NAMED_TYPE_CHANGED"],
    ["N a = 1;", "string a = 1;", "FIELD_KIND_CHANGED"],
    ["int32 a = 1;", "repeated int32 a = 1;", "FIELD_NUMERIC_LABEL_CHANGED"],
    ["oneof o { int32 a = 1; int32 b = 2; }", "oneof o { int32 a = 1; }", "ONEOF_FIELD_REMOVED"],
    ["int32 a = 1; int32 b = 2;", "oneof o { int32 a = 1; int32 b = 2; }", "MULTIPLE_FIELDS_MOVED_TO_ONEOF"],
    ["int32 a = 1; oneof o { int32 b = 2; }", "oneof o { int32 a = 1; int32 b = 2; }", "FIELD_MOVED_TO_EXISTING_ONEOF"],
    ["map<string, int32> m = 1;", "repeated N m = 1;", "FIELD_KIND_CHANGED"],
    ["message I { int32 x = 1; }", "", "MESSAGE_REMOVED"],
    ["N n = 1; message I { int32 x = 1; }", "N n = 1; message I { string x = 1; }", "FIELD_SCALAR_KIND_CHANGED"],
  ])("not %s → %s: %s", (before, after, type) => {
    expect(problems(before, after)).toEqual([type]);
  });

  it("knows proto2's required fields", () => {
    const of = (body: string) => parseProtobuf(`syntax = "proto2"; message M { ${body} }`);
    const types = (before: string, after: string) => protobufProblems(of(after), of(before), "new", "old").map((p) => p.errorType);
    expect(types("optional int32 a = 1;", "optional int32 a = 1; required int32 b = 2;")).toEqual(["REQUIRED_FIELD_ADDED"]);
    expect(types("required int32 a = 1;", "")).toEqual(["REQUIRED_FIELD_REMOVED"]);
  });
});

describe("a JSON schema takes what the one before took", () => {
  const problems = (before: unknown, after: unknown) => jsonSchemaProblems(after, before, "new", "old").map((p) => p.errorType);
  const open = (properties: object, more: object = {}) => ({ type: "object", properties, ...more });
  const closed = (properties: object, more: object = {}) => open(properties, { additionalProperties: false, ...more });
  const string = { type: "string" };
  const tree = (value: object) => ({ $ref: "#/definitions/t", definitions: { t: closed({ value, next: { $ref: "#/definitions/t" } }) } });

  it.each([
    [string, string],
    [string, true],
    [string, {}],
    [{ type: "integer" }, { type: "number" }],
    [string, { type: ["string", "null"] }],
    [
      { type: "string", maxLength: 5 },
      { type: "string", maxLength: 6 },
    ],
    [
      { type: "number", minimum: 5, multipleOf: 10 },
      { type: "number", minimum: 4, multipleOf: 5 },
    ],
    [{ enum: ["a"] }, { enum: ["a", "b"] }],
    [{ const: "a" }, { enum: ["a", "b"] }],
    [closed({ a: string }), closed({ a: string, b: string })],
    [closed({ a: string }), closed({ a: string, b: { ...string, default: "" } }, { required: ["b"] })],
    [open({ a: string }), open({ a: string, b: {} })],
    [open({ a: string, b: string }), open({ a: string })],
    [closed({ a: string }), open({ a: string })],
    [open({ a: string }, { additionalProperties: string }), open({ a: string, b: string }, { additionalProperties: string })],
    [open({ a: string }, { required: ["a"] }), open({ a: string })],
    [
      { type: "array", items: { type: "integer" } },
      { type: "array", items: { type: "number" } },
    ],
    [string, { oneOf: [string, { type: "null" }] }],
    [{ oneOf: [string, { type: "null" }] }, { oneOf: [{ type: "null" }, string, { type: "integer" }] }],
    [{ allOf: [string, { maxLength: 3 }] }, { allOf: [{ maxLength: 3 }] }],
    [tree(string), tree({ type: ["string", "null"] })],
    [
      { title: "a", ...string },
      { description: "b", ...string },
    ],
  ])("%j → %j", (before, after) => {
    expect(problems(before, after)).toEqual([]);
  });

  it.each([
    [string, { type: "integer" }, ["TYPE_CHANGED"]],
    [{ type: "number" }, { type: "integer" }, ["TYPE_CHANGED"]],
    [{ type: ["string", "null"] }, string, ["TYPE_NARROWED"]],
    [{}, string, ["TYPE_NARROWED"]],
    [string, { type: "string", maxLength: 5 }, ["MAX_LENGTH_ADDED"]],
    [{ type: "string", maxLength: 5 }, { type: "string", maxLength: 4 }, ["MAX_LENGTH_DECREASED"]],
    [{ type: "number", minimum: 1 }, { type: "number", minimum: 2 }, ["MINIMUM_INCREASED"]],
    [{ type: "number", multipleOf: 5 }, { type: "number", multipleOf: 3 }, ["MULTIPLE_OF_CHANGED"]],
    [string, { type: "string", pattern: "a" }, ["PATTERN_ADDED"]],
    [{ enum: ["a", "b"] }, { enum: ["a"] }, ["ENUM_ARRAY_NARROWED"]],
    [string, { ...string, enum: ["a"] }, ["ENUM_ARRAY_ADDED"]],
    [open({ a: string }), open({ a: string, b: string }), ["PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"]],
    [closed({ a: string, b: string }), closed({ a: string }), ["PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL"]],
    [closed({ a: string }), closed({ a: string, b: string }, { required: ["b"] }), ["REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL"]],
    [open({ a: string }), open({ a: string }, { required: ["a"] }), ["REQUIRED_ATTRIBUTE_ADDED"]],
    [open({ a: string }), closed({ a: string }), ["ADDITIONAL_PROPERTIES_REMOVED"]],
    [open({}), open({}, { additionalProperties: string }), ["ADDITIONAL_PROPERTIES_NARROWED"]],
    [
      open({}, { additionalProperties: string }),
      open({ b: { type: "integer" } }, { additionalProperties: string }),
      ["PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"],
    ],
    [open({ a: string }), open({ a: { type: "integer" } }), ["TYPE_CHANGED"]],
    [{ type: "array", items: { type: "number" } }, { type: "array", items: { type: "integer" } }, ["TYPE_CHANGED"]],
    [{ oneOf: [string, { type: "null" }] }, { oneOf: [string] }, ["SUM_TYPE_NARROWED"]],
    [{ oneOf: [string, { type: "null" }] }, string, ["TYPE_CHANGED"]],
    [{ allOf: [string] }, { allOf: [string, { maxLength: 3 }] }, ["PRODUCT_TYPE_EXTENDED"]],
    [tree(string), tree({ type: "integer" }), ["TYPE_CHANGED"]],
    [string, { ...string, not: { const: "" } }, ["NOT_TYPE_EXTENDED"]],
  ])("not %j → %j: %j", (before, after, types) => {
    expect(problems(before, after)).toEqual(types);
  });
});

import { describe, expect, it } from "vitest";
import { parseProtobuf } from "../../src/schema-registry/protobuf/parse.js";
import { findMessage, messageAt, messagePath } from "../../src/schema-registry/protobuf/schema.js";

const order = `
  syntax = "proto3";
  package shop;
  import "confluent/type/decimal.proto";
  import "google/protobuf/wrappers.proto";
  import "customer.proto";
  message Order {
    enum State { OPEN = 0; PAID = 1; }
    message Line { string sku = 1; Order parent = 2; }
    State state = 3;
    repeated Line lines = 4;
    map<string, Line> by_sku = 5;
    optional string note = 6;
    oneof paid { int32 cash = 7; string card = 8; }
    google.protobuf.Int64Value weight = 9;
    confluent.type.Decimal total = 10 [(confluent.field_meta) = { params: [{ key: "precision", value: "9" }, { value: "2", key: "scale" }] }];
    repeated sint32 marks = 11;
    Customer customer = 12;
  }
  message Second { bool b = 1; }`;
const customer = 'syntax = "proto3"; message Customer { int64 id = 1; }';

describe("a .proto file", () => {
  const file = parseProtobuf(order, [customer]);

  it("has its messages, not those that it imports", () => {
    expect([file.package, file.messages.map((m) => m.fullName)]).toEqual(["shop", ["shop.Order", "shop.Second"]]);
  });

  it("has fields with what the bytes depend on", () => {
    const shown = file.messages[0]!.fields.map((f) => [f.name, f.number, f.type.kind, f.repeated, f.packed, f.presence]);
    expect(shown).toEqual([
      ["state", 3, "enum", false, false, false],
      ["lines", 4, "message", true, false, false],
      ["by_sku", 5, "message", false, false, false],
      ["note", 6, "scalar", false, false, true],
      ["cash", 7, "scalar", false, false, true],
      ["card", 8, "scalar", false, false, true],
      ["weight", 9, "message", false, false, true],
      ["total", 10, "message", false, false, true],
      ["marks", 11, "scalar", true, true, false],
      ["customer", 12, "message", false, false, true],
    ]);
    expect(file.messages[0]!.fields.flatMap((f) => f.oneof ?? [])).toEqual(["paid", "paid"]);
    expect(file.messages[0]!.fields[7]!.params).toEqual({ precision: "9", scale: "2" });
    expect(file.messages[0]!.fields[2]!.mapKey).toBe("string");
  });

  it("finds messages by name and by their place", () => {
    expect(findMessage(file, "Line")!.fullName).toBe("shop.Order.Line");
    expect(messagePath(file, (m) => m.name === "Line")!.path).toEqual([0, 0]);
    expect(messageAt(file, [1])!.name).toBe("Second");
    expect(messageAt(file, [1, 4])).toBeUndefined();
    const line = findMessage(file, "shop.Order.Line")!.fields[1]!.type;
    expect(line.kind === "message" && line.message().name).toBe("Order");
    const imported = file.messages[0]!.fields[9]!.type;
    expect(imported.kind === "message" && imported.message().fields[0]!.name).toBe("id");
  });

  it.each([
    ["message {", /Invalid Protobuf schema: illegal .*line 1/],
    ['syntax = "proto3"; message A { Nothing n = 1; }', /Nothing/],
  ])("refuses %s", (text, message) => {
    expect(() => parseProtobuf(text)).toThrow(message);
  });
});

/** The files that schemas import and that every implementation brings along, with what serdes need of them. */
export const knownImports: Readonly<Record<string, string>> = {
  "google/protobuf/wrappers.proto": file(
    "google.protobuf",
    [
      "Double:double",
      "Float:float",
      "Int64:int64",
      "UInt64:uint64",
      "Int32:int32",
      "UInt32:uint32",
      "Bool:bool",
      "String:string",
      "Bytes:bytes",
    ]
      .map((pair) => pair.split(":"))
      .map(([name, type]) => `message ${name}Value { ${type} value = 1; }`),
  ),
  "google/protobuf/timestamp.proto": file("google.protobuf", ["message Timestamp { int64 seconds = 1; int32 nanos = 2; }"]),
  "google/protobuf/duration.proto": file("google.protobuf", ["message Duration { int64 seconds = 1; int32 nanos = 2; }"]),
  "google/protobuf/empty.proto": file("google.protobuf", ["message Empty {}"]),
  "google/protobuf/any.proto": file("google.protobuf", ["message Any { string type_url = 1; bytes value = 2; }"]),
  "google/protobuf/descriptor.proto": file("google.protobuf", [
    "message FileOptions {}",
    "message MessageOptions {}",
    "message FieldOptions {}",
  ]),
  "google/type/date.proto": file("google.type", ["message Date { int32 year = 1; int32 month = 2; int32 day = 3; }"]),
  "google/type/timeofday.proto": file("google.type", [
    "message TimeOfDay { int32 hours = 1; int32 minutes = 2; int32 seconds = 3; int32 nanos = 4; }",
  ]),
  "confluent/meta.proto": file("confluent", ["message Meta { string doc = 1; map<string, string> params = 2; }"]),
  "confluent/type/decimal.proto": file("confluent.type", ["message Decimal { bytes value = 1; int32 precision = 2; int32 scale = 3; }"]),
};

function file(name: string, messages: readonly string[]): string {
  return `syntax = "proto3"; package ${name}; ${messages.join(" ")}`;
}

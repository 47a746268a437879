import type { Enum, Field, MapField, Namespace, ReflectionObject, Type } from "protobufjs";
import { MillraceError } from "../../common/errors.js";
import { lazyPackage } from "../../common/lazy-package.js";
import { knownImports } from "./known-imports.js";
import type { ProtoField, ProtoFile, ProtoMessage, ProtoScalar, ProtoType } from "./schema.js";

const protobufjs = lazyPackage<typeof import("protobufjs")>("protobufjs");

/**
 * Reads the text of a .proto file.
 * @param references texts of what it imports, each before those that need it
 * @throws SCHEMA_INVALID with the line
 */
export function parseProtobuf(text: string, references: readonly string[] = []): ProtoFile {
  const { parse, Root } = protobufjs();
  try {
    const root = new Root();
    const known = new Set<string>();
    const add = (source: string) => {
      const parsed = parse(source, root, { keepCase: true });
      for (const path of parsed.imports ?? []) {
        const own = knownImports[path];
        if (own === undefined || known.has(path)) continue;
        known.add(path);
        add(own);
      }
      return parsed;
    };
    for (const reference of references) add(reference);
    // what other files have put at the same level is not this file's
    const before = new Set(allTypes(root));
    const parsed = add(text);
    root.resolveAll();
    const scope = parsed.package ? (root.lookup(parsed.package) as Namespace) : root;
    const reader = new Reader();
    return {
      package: parsed.package ?? null,
      imports: [...(parsed.imports ?? []), ...(parsed.weakImports ?? [])],
      messages: types(scope)
        .filter((t) => !before.has(t))
        .map((t) => reader.message(t)),
    };
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    throw new MillraceError("SCHEMA_INVALID", `Invalid Protobuf schema: ${(error as Error).message}`, { cause: error });
  }
}

function types(scope: Namespace): Type[] {
  return scope.nestedArray.filter((n): n is Type => "fieldsArray" in n);
}
function allTypes(scope: Namespace): ReflectionObject[] {
  return scope.nestedArray.flatMap((n) => [n, ...("nestedArray" in n ? allTypes(n as Namespace) : [])]);
}

class Reader {
  private readonly read = new Map<Type, ProtoMessage>();

  message(type: Type): ProtoMessage {
    const known = this.read.get(type);
    if (known) return known;
    const message: ProtoMessage = {
      name: type.name,
      fullName: type.fullName.slice(1),
      fields: type.fieldsArray.map((f) => this.field(f)),
      messages: types(type).map((t) => this.message(t)),
    };
    this.read.set(type, message);
    return message;
  }

  private field(field: Field): ProtoField {
    const type = this.type(field);
    const member = field.partOf;
    // protobufjs makes a oneof of its own for `optional`
    const written = member !== null && !field.options?.["proto3_optional"];
    return {
      name: field.name,
      number: field.id,
      type,
      repeated: field.repeated,
      packed: field.repeated && field.packed && isNumber(type),
      ...(field.map ? { mapKey: (field as unknown as MapField).keyType as ProtoScalar } : {}),
      presence: !field.repeated && !field.map && (type.kind === "message" || Boolean(field.hasPresence)),
      ...(field.required ? { required: true as const } : {}),
      ...(written ? { oneof: member.name } : {}),
      params: paramsOf(field),
    };
  }

  private type(field: Field): ProtoType {
    const resolved = field.resolvedType;
    if (!resolved) return { kind: "scalar", scalar: field.type as ProtoScalar };
    if ("values" in resolved) {
      const numbers = new Map(Object.entries((resolved as Enum).values));
      return { kind: "enum", numbers, names: new Map([...numbers].reverse().map(([name, n]) => [n, name])) };
    }
    return { kind: "message", message: () => this.message(resolved as Type) };
  }
}

function isNumber(type: ProtoType): boolean {
  return type.kind === "enum" || (type.kind === "scalar" && type.scalar !== "string" && type.scalar !== "bytes");
}

/** Written as `[(confluent.field_meta) = { params: [{ key: "precision", value: "4" }] }]`. */
function paramsOf(field: Field): Record<string, string> {
  const params: Record<string, string> = {};
  for (const option of (field.parsedOptions ?? []) as Record<string, unknown>[]) {
    const meta = option["(confluent.field_meta)"] as { params?: unknown } | undefined;
    for (const entry of [meta?.params ?? []].flat() as { key?: unknown; value?: unknown }[])
      if (entry.key !== undefined) params[String(entry.key)] = String(entry.value);
  }
  return params;
}

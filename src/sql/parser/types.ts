import type { ParsedType } from "./ast.js";
import type { TokenStream } from "./token-stream.js";

const plain: Readonly<Record<string, ParsedType>> = Object.freeze({
  BOOLEAN: { base: "BOOLEAN" },
  INT: { base: "INTEGER" },
  INTEGER: { base: "INTEGER" },
  BIGINT: { base: "BIGINT" },
  DOUBLE: { base: "DOUBLE" },
  STRING: { base: "STRING" },
  VARCHAR: { base: "STRING" },
  BYTES: { base: "BYTES" },
  TIME: { base: "TIME" },
  DATE: { base: "DATE" },
  TIMESTAMP: { base: "TIMESTAMP" },
});

/** `ARRAY<t>`, `t ARRAY`, `MAP<k, v>`, `STRUCT<name t, …>`, `DECIMAL(p, s)`, `VARCHAR(n)`, a custom type's name. */
export function parseType(ts: TokenStream): ParsedType {
  let type = baseType(ts);
  while (ts.accept("ARRAY")) type = { base: "ARRAY", element: type };
  return type;
}

function baseType(ts: TokenStream): ParsedType {
  const at = ts.position();
  if (ts.accept("ARRAY", "<")) {
    const element = parseType(ts);
    ts.expect(">");
    return { base: "ARRAY", element };
  }
  if (ts.accept("MAP", "<")) {
    const key = parseType(ts);
    ts.expect(",");
    const value = parseType(ts);
    ts.expect(">");
    return { base: "MAP", key, value };
  }
  if (ts.current.value === "STRUCT" && ts.peek(1).value === "<>" && ts.current.type === "word") {
    ts.advance();
    ts.advance();
    return { base: "STRUCT", fields: [] };
  }
  if (ts.accept("STRUCT", "<")) {
    const fields = ts.at(">") ? [] : ts.list(() => ({ name: ts.name(), type: parseType(ts) }));
    ts.expect(">");
    return { base: "STRUCT", fields };
  }
  if (ts.atAll("DECIMAL", "(") || ts.atAll("DEC", "(") || ts.atAll("NUMERIC", "(")) {
    ts.advance();
    ts.advance();
    const precision = ts.integer();
    ts.expect(",");
    const scale = ts.integer();
    ts.expect(")");
    return { base: "DECIMAL", precision, scale };
  }
  if (!ts.atName()) {
    ts.note("a type");
    throw ts.error();
  }
  const quoted = ts.current.type === "quoted";
  const name = ts.name();
  const known = quoted ? undefined : plain[name];
  if (known === undefined) return { base: "NAMED", name, at };
  if (known.base === "STRING" && ts.accept("(")) {
    if (ts.current.type === "integer" || ts.at("STRING")) ts.advance();
    else {
      ts.note("'STRING'");
      ts.note("INTEGER_VALUE");
      throw ts.error();
    }
    ts.expect(")");
  } else if (ts.at("(") && ts.peek(1).value !== ")") {
    ts.advance();
    ts.note("'STRING'");
    ts.note("INTEGER_VALUE");
    throw ts.error();
  }
  return known;
}

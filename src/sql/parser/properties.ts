import type { Properties, PropertyValue } from "./ast.js";
import type { TokenStream } from "./token-stream.js";

/**
 * `WITH (NAME = literal, …)`; empty where there is no WITH.
 * @param keepCase connector settings keep their case, those of sources are upper case
 */
export function withProperties(ts: TokenStream, keepCase = false): Properties {
  if (!ts.accept("WITH")) return {};
  ts.expect("(");
  const properties: Record<string, PropertyValue> = {};
  if (!ts.at(")"))
    ts.list(() => {
      const at = ts.position();
      const token = ts.current;
      let name = token.type === "string" ? ts.string() : ts.name();
      if (keepCase && token.type === "word") name = ts.text.slice(token.start, token.end);
      if (!keepCase) name = name.toUpperCase();
      ts.expect("=");
      if (Object.hasOwn(properties, name)) throw ts.error(`Duplicate property: ${name}`, at);
      properties[name] = literal(ts);
    });
  ts.expect(")");
  return properties;
}

function literal(ts: TokenStream): PropertyValue {
  const token = ts.current;
  if (token.type === "string") return ts.string();
  if (token.type === "word") {
    if (ts.accept("TRUE")) return true;
    if (ts.accept("FALSE")) return false;
    if (ts.accept("NULL")) return null;
  }
  const sign = ts.accept("-") ? -1 : 1;
  if (ts.current.type === "integer" || ts.current.type === "decimal" || ts.current.type === "double")
    return sign * Number(ts.advance().value);
  ts.note("a literal");
  throw ts.error();
}

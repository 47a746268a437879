import type { SourceKind, Statement } from "../ast.js";
import type { TokenStream } from "../token-stream.js";
import { parseType } from "../types.js";

/** ALTER STREAM/TABLE t ADD [COLUMN] a INT, …; ALTER SYSTEM 'name'='value' */
export function parseAlter(ts: TokenStream): Statement {
  const at = ts.position();
  ts.expect("ALTER");
  const what = ts.expectOneOf("STREAM", "TABLE", "SYSTEM");
  if (what === "SYSTEM") {
    const name = ts.string();
    ts.expect("=");
    return { kind: "alter-system", at, name, value: ts.string() };
  }
  const name = ts.name();
  const columns = ts.list(() => {
    ts.expect("ADD");
    if (ts.at("COLUMN") && ts.peek(1).type !== "symbol") ts.accept("COLUMN");
    return { name: ts.name(), type: parseType(ts) };
  });
  return { kind: "alter-source", at, source: what.toLowerCase() as SourceKind, name, columns };
}

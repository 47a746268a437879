import type { Statement } from "../ast.js";
import { parseExpr } from "../expression.js";
import { withProperties } from "../properties.js";
import { parseQuery } from "../query.js";
import type { TokenStream } from "../token-stream.js";

/** INSERT INTO t [WITH (…)] SELECT …; INSERT INTO t [(a, b)] VALUES (…) */
export function parseInsert(ts: TokenStream): Statement {
  const at = ts.position();
  ts.expect("INSERT", "INTO");
  const targetAt = ts.position();
  const target = ts.name();
  if (ts.at("WITH") && ts.peek(1).value === "(") {
    const properties = withProperties(ts);
    return { kind: "insert-select", at, target, targetAt, properties, query: parseQuery(ts) };
  }
  if (ts.at("SELECT") || ts.at("WITH")) return { kind: "insert-select", at, target, targetAt, properties: {}, query: parseQuery(ts) };
  const columns = nameList(ts);
  ts.expect("VALUES");
  ts.expect("(");
  const values = ts.list(() => parseExpr(ts));
  ts.expect(")");
  return { kind: "insert-values", at, target, columns, values };
}

/** `(a, b)`; empty where it is not there */
export function nameList(ts: TokenStream): string[] {
  if (!ts.accept("(")) return [];
  const names = ts.list(() => ts.name());
  ts.expect(")");
  return names;
}

import type { Statement } from "../ast.js";
import type { TokenStream } from "../token-stream.js";

/** SET 'name'='value', UNSET 'name' */
export function parseSet(ts: TokenStream): Statement {
  const at = ts.position();
  ts.expect("SET");
  const name = ts.string();
  ts.expect("=");
  return { kind: "set", at, name, value: ts.string() };
}
export function parseUnset(ts: TokenStream): Statement {
  const at = ts.position();
  ts.expect("UNSET");
  return { kind: "unset", at, name: ts.string() };
}

/** DEFINE name = 'value', UNDEFINE name */
export function parseDefine(ts: TokenStream): Statement {
  const at = ts.position();
  ts.expect("DEFINE");
  const name = ts.name();
  ts.expect("=");
  return { kind: "define", at, name, value: ts.string() };
}
export function parseUndefine(ts: TokenStream): Statement {
  const at = ts.position();
  ts.expect("UNDEFINE");
  return { kind: "undefine", at, name: ts.name() };
}

/** TERMINATE, PAUSE, RESUME id or ALL */
export function parseQueryControl(ts: TokenStream): Statement {
  const at = ts.position();
  const kind = ts.expectOneOf("TERMINATE", "PAUSE", "RESUME").toLowerCase() as "terminate" | "pause" | "resume";
  if (ts.at("QUERY") && ts.peek(1).type !== "end") ts.accept("QUERY");
  if (ts.accept("ALL")) return { kind, at, queryId: null };
  return { kind, at, queryId: ts.name() };
}

/** RUN SCRIPT 'file', SPOOL 'file', SPOOL OFF */
export function parseRunScript(ts: TokenStream): Statement {
  const at = ts.position();
  ts.expect("RUN", "SCRIPT");
  return { kind: "run-script", at, path: ts.string() };
}
export function parseSpool(ts: TokenStream): Statement {
  const at = ts.position();
  ts.expect("SPOOL");
  return { kind: "spool", at, path: ts.accept("OFF") ? null : ts.string() };
}

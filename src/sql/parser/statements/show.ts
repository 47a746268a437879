import type { ListTarget, Statement } from "../ast.js";
import type { TokenStream } from "../token-stream.js";

const targets = ["PROPERTIES", "TOPICS", "STREAMS", "TABLES", "FUNCTIONS", "TYPES", "VARIABLES", "QUERIES"] as const;

/** LIST or SHOW … */
export function parseList(ts: TokenStream): Statement {
  const at = ts.position();
  ts.expectOneOf("LIST", "SHOW");
  const make = (what: ListTarget, all = false): Statement => ({ kind: "list", at, what, all, extended: ts.accept("EXTENDED") });
  if (ts.accept("ALL")) {
    ts.expect("TOPICS");
    return make("TOPICS", true);
  }
  for (const kind of ["SOURCE", "SINK"] as const) {
    if (!ts.accept(kind)) continue;
    ts.expect("CONNECTORS");
    return make(`${kind} CONNECTORS`);
  }
  if (ts.accept("CONNECTOR")) {
    ts.expect("PLUGINS");
    return make("CONNECTOR PLUGINS");
  }
  if (ts.accept("CONNECTORS")) return make("CONNECTORS");
  return make(ts.expectOneOf(...targets) as ListTarget);
}

/** DESCRIBE name [EXTENDED], DESCRIBE STREAMS/TABLES [EXTENDED], DESCRIBE FUNCTION f, DESCRIBE CONNECTOR c */
export function parseDescribe(ts: TokenStream): Statement {
  const at = ts.position();
  ts.expectOneOf("DESCRIBE", "DESC");
  const early = ts.at("EXTENDED") && ts.peek(1).value !== ";" && ts.peek(1).type !== "end" && ts.accept("EXTENDED");
  for (const what of ["STREAMS", "TABLES"] as const)
    if (ts.accept(what)) return { kind: "describe", at, what, name: "", extended: ts.accept("EXTENDED") || early };
  for (const what of ["FUNCTION", "CONNECTOR"] as const) {
    if (!ts.at(what) || ts.peek(1).type === "end" || ts.peek(1).value === ";") continue;
    ts.advance();
    const name = ts.current.type === "string" ? ts.string() : ts.name();
    return { kind: "describe", at, what, name, extended: false };
  }
  const name = ts.name();
  return { kind: "describe", at, what: "SOURCE", name, extended: ts.accept("EXTENDED") || early };
}

/** PRINT topic [FROM BEGINNING] [INTERVAL n] [LIMIT n]; an unquoted topic keeps its case */
export function parsePrint(ts: TokenStream): Statement {
  const at = ts.position();
  ts.expect("PRINT");
  const topic = topicName(ts);
  const fromBeginning = ts.accept("FROM");
  if (fromBeginning) ts.expect("BEGINNING");
  const interval = ts.accept("INTERVAL") || ts.accept("SAMPLE") ? ts.integer() : null;
  const limit = ts.accept("LIMIT") ? ts.integer() : null;
  return { kind: "print", at, topic, fromBeginning, interval, limit };
}

export function topicName(ts: TokenStream): string {
  const token = ts.current;
  if (token.type === "string") return ts.string();
  const name = ts.name();
  return token.type === "word" ? ts.text.slice(token.start, token.end) : name;
}

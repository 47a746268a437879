import type { Statement } from "../ast.js";
import { parseQuery } from "../query.js";
import type { TokenStream } from "../token-stream.js";
import { parseAlter } from "./alter.js";
import { parseAssert } from "./assert.js";
import { parseCreate } from "./create.js";
import { parseDrop } from "./drop.js";
import { parseInsert } from "./insert.js";
import { parseDefine, parseQueryControl, parseRunScript, parseSet, parseSpool, parseUndefine, parseUnset } from "./settings.js";
import { parseDescribe, parseList, parsePrint } from "./show.js";

const byFirstWord: Readonly<Record<string, (ts: TokenStream) => Statement>> = {
  SELECT: (ts) => ({ kind: "query", at: ts.position(), query: parseQuery(ts) }),
  CREATE: parseCreate,
  INSERT: parseInsert,
  DROP: parseDrop,
  ALTER: parseAlter,
  EXPLAIN: parseExplain,
  TERMINATE: parseQueryControl,
  PAUSE: parseQueryControl,
  RESUME: parseQueryControl,
  SET: parseSet,
  UNSET: parseUnset,
  DEFINE: parseDefine,
  UNDEFINE: parseUndefine,
  PRINT: parsePrint,
  LIST: parseList,
  SHOW: parseList,
  DESCRIBE: parseDescribe,
  DESC: parseDescribe,
  ASSERT: parseAssert,
  RUN: parseRunScript,
  SPOOL: parseSpool,
};

export function parseStatement(ts: TokenStream): Statement {
  const token = ts.current;
  // ahead of a query, with extensions; ksqlDB's list of what may begin a statement has no such word
  if (token.type === "word" && token.value === "WITH") return { kind: "query", at: ts.position(), query: parseQuery(ts) };
  const parse = token.type === "word" && Object.hasOwn(byFirstWord, token.value) ? byFirstWord[token.value] : undefined;
  if (!parse) {
    for (const word of Object.keys(byFirstWord)) ts.note(`'${word}'`);
    throw ts.error();
  }
  return parse(ts);
}

/** EXPLAIN [ANALYZE] queryId or statement */
function parseExplain(ts: TokenStream): Statement {
  const at = ts.position();
  ts.expect("EXPLAIN");
  const analyze = ts.at("ANALYZE") && ts.peek(1).type !== "end" && ts.accept("ANALYZE");
  const { type, value } = ts.current;
  if (type === "word" && (Object.hasOwn(byFirstWord, value) || value === "WITH") && ts.peek(1).type !== "end")
    return { kind: "explain", at, queryId: null, statement: parseStatement(ts), analyze };
  return { kind: "explain", at, queryId: ts.name(), statement: null, analyze };
}

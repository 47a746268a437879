import type { SourceKind, Statement } from "../ast.js";
import { parseExpr } from "../expression.js";
import { withProperties } from "../properties.js";
import { duration } from "../query.js";
import type { TokenStream } from "../token-stream.js";
import { parseSourceDefinition } from "./create.js";
import { nameList } from "./insert.js";
import { topicName } from "./show.js";

/** ASSERT [NOT EXISTS] TOPIC/SCHEMA …; of the test tool: ASSERT VALUES, ASSERT NULL VALUES, ASSERT STREAM/TABLE */
export function parseAssert(ts: TokenStream): Statement {
  const at = ts.position();
  ts.expect("ASSERT");
  const exists = !ts.accept("NOT", "EXISTS");
  if (ts.accept("TOPIC")) {
    const topic = topicName(ts);
    const properties = withProperties(ts);
    return { kind: "assert-topic", at, topic, properties, exists, timeout: timeout(ts) };
  }
  if (ts.accept("SCHEMA")) {
    const subject = ts.accept("SUBJECT") ? topicName(ts) : null;
    const id = ts.accept("ID") ? ts.integer() : null;
    if (subject === null && id === null) throw ts.error();
    return { kind: "assert-schema", at, subject, id, exists, timeout: timeout(ts) };
  }
  if (!exists) throw ts.error();
  if (ts.at("STREAM") || ts.at("TABLE"))
    return { kind: "assert-source", at, definition: parseSourceDefinition(ts, at, ts.advance().value.toLowerCase() as SourceKind) };
  const tombstone = ts.accept("NULL");
  ts.expect("VALUES");
  const target = ts.name();
  const columns = nameList(ts);
  ts.expectOneOf(tombstone ? "KEY" : "VALUES");
  ts.expect("(");
  const values = ts.list(() => parseExpr(ts));
  ts.expect(")");
  return { kind: "assert-values", at, tombstone, target, columns, values };
}

function timeout(ts: TokenStream) {
  return ts.accept("TIMEOUT") ? duration(ts) : null;
}

import type { SourceKind, Statement } from "../ast.js";
import type { TokenStream } from "../token-stream.js";

/** DROP STREAM/TABLE/TYPE/CONNECTOR */
export function parseDrop(ts: TokenStream): Statement {
  const at = ts.position();
  ts.expect("DROP");
  const what = ts.expectOneOf("STREAM", "TABLE", "TYPE", "CONNECTOR");
  const ifExists = ts.accept("IF", "EXISTS");
  const name = what === "CONNECTOR" && ts.current.type === "string" ? ts.string() : ts.name();
  if (what === "TYPE") return { kind: "drop-type", at, name, ifExists };
  if (what === "CONNECTOR") return { kind: "drop-connector", at, name, ifExists };
  const deleteTopic = ts.accept("DELETE");
  if (deleteTopic) ts.expect("TOPIC");
  return { kind: "drop-source", at, source: what.toLowerCase() as SourceKind, name, ifExists, deleteTopic };
}

import type { ColumnDefinition, ColumnRole, CreateSource, Position, SourceKind, Statement } from "../ast.js";
import { withProperties } from "../properties.js";
import { parseQuery } from "../query.js";
import type { TokenStream } from "../token-stream.js";
import { parseType } from "../types.js";

/** CREATE [OR REPLACE] [SOURCE] STREAM/TABLE …, CREATE TYPE, CREATE SOURCE/SINK CONNECTOR */
export function parseCreate(ts: TokenStream): Statement {
  const at = ts.position();
  ts.expect("CREATE");
  const orReplace = ts.accept("OR", "REPLACE");
  if (!orReplace && ts.accept("TYPE")) {
    const ifNotExists = ts.accept("IF", "NOT", "EXISTS");
    const name = ts.name();
    ts.expect("AS");
    return { kind: "create-type", at, name, type: parseType(ts), ifNotExists };
  }
  for (const connector of ["SOURCE", "SINK"] as const) {
    if (!ts.accept(connector, "CONNECTOR")) continue;
    const ifNotExists = ts.accept("IF", "NOT", "EXISTS");
    const name = ts.current.type === "string" ? ts.string() : ts.name();
    ts.at("WITH");
    const properties = withProperties(ts, true);
    return { kind: "create-connector", at, connector: connector === "SOURCE" ? "source" : "sink", name, ifNotExists, properties };
  }
  const isSource = ts.accept("SOURCE");
  const source = ts.expectOneOf("STREAM", "TABLE").toLowerCase() as SourceKind;
  return createSource(ts, at, source, orReplace, isSource);
}

function createSource(ts: TokenStream, at: Position, source: SourceKind, orReplace: boolean, isSource: boolean): Statement {
  const ifNotExists = ts.accept("IF", "NOT", "EXISTS");
  const name = ts.name();
  const columns = ts.at("(") ? columnDefinitions(ts) : [];
  const properties = withProperties(ts);
  if (!isSource && columns.length === 0 && ts.accept("AS"))
    return { kind: "create-as", at, source, name, orReplace, ifNotExists, properties, query: parseQuery(ts) };
  return { kind: "create-source", at, source, name, orReplace, ifNotExists, isSource, columns, properties };
}

/** What ASSERT STREAM/TABLE says of a source. */
export function parseSourceDefinition(ts: TokenStream, at: Position, source: SourceKind): CreateSource {
  const name = ts.name();
  const columns = ts.at("(") ? columnDefinitions(ts) : [];
  const properties = withProperties(ts);
  return { kind: "create-source", at, source, name, orReplace: false, ifNotExists: false, isSource: false, columns, properties };
}

function columnDefinitions(ts: TokenStream): ColumnDefinition[] {
  ts.expect("(");
  const columns = ts.at(")") ? [] : ts.list(() => columnDefinition(ts));
  ts.expect(")");
  return columns;
}

function columnDefinition(ts: TokenStream): ColumnDefinition {
  const at = ts.position();
  const name = ts.name();
  const type = parseType(ts);
  let role: ColumnRole = "VALUE";
  if (ts.accept("PRIMARY")) {
    ts.expect("KEY");
    role = "PRIMARY KEY";
  } else if (ts.accept("KEY")) role = "KEY";
  else if (ts.accept("HEADERS")) role = "HEADERS";
  else if (ts.accept("HEADER")) {
    ts.expect("(");
    const headerKey = ts.string();
    ts.expect(")");
    return { at, name, type, role: "HEADERS", headerKey };
  }
  return { at, name, type, role };
}

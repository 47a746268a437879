import type { Duration, FromSource, JoinClause, Query, SelectItem, WindowClause } from "./ast.js";
import { parseExpr, parseValueExpr } from "./expression.js";
import type { TokenStream } from "./token-stream.js";

/** `SELECT … FROM … [JOIN …] [WINDOW …] [WHERE …] [GROUP BY …] [PARTITION BY …] [HAVING …] [EMIT …] [LIMIT n]` */
export function parseQuery(ts: TokenStream): Query {
  const at = ts.position();
  ts.expect("SELECT");
  const select = ts.list(() => selectItem(ts));
  ts.expect("FROM");
  const from = fromSource(ts);
  const joins: JoinClause[] = [];
  for (let join = joinClause(ts); join; join = joinClause(ts)) joins.push(join);
  const window = ts.accept("WINDOW") ? windowClause(ts) : null;
  const where = ts.accept("WHERE") ? parseExpr(ts) : null;
  const groupBy = ts.accept("GROUP", "BY") ? expressionList(ts) : null;
  const partitionBy = ts.accept("PARTITION", "BY") ? expressionList(ts) : null;
  const having = ts.accept("HAVING") ? parseExpr(ts) : null;
  const emit = ts.accept("EMIT") ? (ts.expectOneOf("CHANGES", "FINAL") as "CHANGES" | "FINAL") : null;
  const limit = ts.accept("LIMIT") ? limitOf(ts) : null;
  return { at, select, from, joins, window, where, groupBy, partitionBy, having, emit, limit };
}

/** May be negative, which the planner refuses by the kind of the query. */
function limitOf(ts: TokenStream): number {
  const { type } = ts.peek(ts.at("-") ? 1 : 0);
  if (type === "decimal" || type === "double") throw ts.refused("Failed to prepare statement: Value must be integer for command: LIMIT");
  return ts.at("-") && type === "integer" && ts.accept("-") ? -ts.integer() : ts.integer();
}

/** `a, b` or `(a, b)` or `()` */
function expressionList(ts: TokenStream) {
  if (ts.accept("(", ")")) return [];
  if (ts.at("(") && enclosesList(ts)) {
    ts.advance();
    const list = ts.list(() => parseValueExpr(ts));
    ts.expect(")");
    return list;
  }
  return ts.list(() => parseValueExpr(ts));
}

/** Whether the bracket here closes at the end of the clause around a comma, and so is the list's own. */
function enclosesList(ts: TokenStream): boolean {
  let depth = 0;
  let comma = false;
  for (let i = 0; ; i++) {
    const token = ts.peek(i);
    if (token.type === "end") return false;
    if (token.type !== "symbol") continue;
    if (token.value === "(" || token.value === "[") depth++;
    else if (token.value === ")" || token.value === "]") {
      if (--depth === 0) return comma;
    } else if (token.value === "," && depth === 1) comma = true;
  }
}

function selectItem(ts: TokenStream): SelectItem {
  const at = ts.position();
  if (ts.accept("*")) return { kind: "all", at, source: null };
  if (ts.atName() && ts.peek(1).value === "." && ts.peek(1).type === "symbol" && ts.peek(2).value === "*") {
    const source = ts.name();
    ts.expect(".", "*");
    return { kind: "all", at, source };
  }
  const expression = parseExpr(ts);
  const alias = ts.accept("AS") ? ts.name() : ts.atName() ? ts.name() : null;
  return { kind: "column", at, expression, alias };
}

function fromSource(ts: TokenStream): FromSource {
  const at = ts.position();
  const name = ts.name();
  const clause = ts.atAll("EMIT", "CHANGES") || ts.atAll("EMIT", "FINAL") || ts.atAll("PARTITION", "BY");
  const alias = ts.accept("AS") ? ts.name() : !clause && ts.atName() ? ts.name() : null;
  return { at, name, alias };
}

function joinClause(ts: TokenStream): JoinClause | undefined {
  const at = ts.position();
  const type = (["INNER", "LEFT", "RIGHT", "FULL"] as const).find((t) => ts.at(t));
  if (type === undefined && !ts.at("JOIN")) return undefined;
  if (type !== undefined) ts.advance();
  if (type !== undefined && type !== "INNER") ts.accept("OUTER");
  ts.expect("JOIN");
  const source = fromSource(ts);
  const within = ts.accept("WITHIN") ? withinClause(ts) : undefined;
  ts.expect("ON");
  return { at, type: type ?? "INNER", source, ...(within ? { within } : {}), on: parseExpr(ts) };
}

function withinClause(ts: TokenStream): NonNullable<JoinClause["within"]> {
  let before: Duration;
  let after: Duration;
  if (ts.accept("(")) {
    before = duration(ts);
    ts.expect(",");
    after = duration(ts);
    ts.expect(")");
  } else before = after = duration(ts);
  const grace = ts.accept("GRACE", "PERIOD") ? duration(ts) : undefined;
  return { before, after, ...(grace ? { grace } : {}) };
}

const unitMs: Readonly<Record<string, number>> = {
  MILLISECOND: 1,
  SECOND: 1_000,
  MINUTE: 60_000,
  HOUR: 3_600_000,
  DAY: 86_400_000,
};

/** `10 SECONDS` */
export function duration(ts: TokenStream): Duration {
  const count = ts.integer();
  const unit = ts.current.value.replace(/S$/, "");
  const ms = unitMs[unit];
  if (ts.current.type !== "word" || ms === undefined) {
    for (const name of Object.keys(unitMs)) ts.note(`${name}S`);
    throw ts.error();
  }
  return { ms: count * ms, text: `${count} ${ts.advance().value}` };
}

function windowClause(ts: TokenStream): WindowClause {
  const at = ts.position();
  // older KSQL lets a name stand ahead of the window: WINDOW w TUMBLING (…)
  if (ts.atName() && !["TUMBLING", "HOPPING", "SESSION"].includes(ts.current.value)) ts.name();
  const type = ts.expectOneOf("TUMBLING", "HOPPING", "SESSION") as WindowClause["type"];
  ts.expect("(");
  let size: Duration;
  let advance: Duration | undefined;
  if (type === "SESSION") size = duration(ts);
  else {
    ts.expect("SIZE");
    size = duration(ts);
    if (type === "HOPPING") {
      ts.expect(",", "ADVANCE", "BY");
      advance = duration(ts);
    }
  }
  let retention: Duration | undefined;
  let grace: Duration | undefined;
  while (ts.accept(",")) {
    if (ts.expectOneOf("RETENTION", "GRACE") === "RETENTION") retention = duration(ts);
    else {
      ts.expect("PERIOD");
      grace = duration(ts);
    }
  }
  ts.expect(")");
  return { at, type, size, ...(advance ? { advance } : {}), ...(retention ? { retention } : {}), ...(grace ? { grace } : {}) };
}

import type { CommonTable, Duration, FromSource, JoinClause, OrderItem, Query, SelectItem, WindowClause } from "./ast.js";
import { parseExpr, parseValueExpr } from "./expression.js";
import type { Token } from "./lexer.js";
import type { TokenStream } from "./token-stream.js";

/** `[WITH name AS (query), …] SELECT … [UNION ALL SELECT …] [ORDER BY …] [EMIT …] [LIMIT n]` */
export function parseQuery(ts: TokenStream): Query {
  const query = unions(ts);
  const orderBy = atOrderBy(ts) ? orderItems(ts) : undefined;
  const emit = ts.accept("EMIT") ? (ts.expectOneOf("CHANGES", "FINAL") as "CHANGES" | "FINAL") : null;
  const limit = ts.accept("LIMIT") ? limitOf(ts) : null;
  return { ...query, ...(orderBy ? { orderBy } : {}), emit, limit };
}

function atOrderBy(ts: TokenStream): boolean {
  return isWord(ts.current, "ORDER") && isWord(ts.peek(1), "BY");
}

/** `ORDER BY a [ASC | DESC] [NULLS FIRST | LAST], …`; nulls are last unless told otherwise, and first where it descends */
function orderItems(ts: TokenStream): OrderItem[] {
  // ksqlDB takes a word behind a source's name for its alias, and finds the next one wrong.
  const alias = isWord(ts.peek(-2), "FROM");
  if (!alias) ts.extend();
  ts.expect("ORDER");
  if (alias) ts.extend();
  ts.expect("BY");
  return ts.list(() => {
    const at = ts.position();
    const expression = parseExpr(ts);
    const descending = ts.accept("DESC");
    if (!descending) ts.accept("ASC");
    const nullsFirst = ts.accept("NULLS") ? ts.expectOneOf("FIRST", "LAST") === "FIRST" : descending;
    return { at, expression, descending, nullsFirst };
  });
}

/** In brackets, within another query. */
export function parseSubquery(ts: TokenStream): Query {
  ts.extend();
  ts.expect("(");
  const query = unions(ts);
  for (const clause of ["EMIT", "LIMIT"])
    if (ts.at(clause)) throw ts.error(`${clause} stands at the end of the whole statement, not in a subquery`);
  ts.expect(")");
  return query;
}

function unions(ts: TokenStream): Query {
  const tables: CommonTable[] = [];
  if (isWord(ts.current, "WITH")) {
    ts.extend();
    ts.expect("WITH");
    tables.push(...ts.list(() => commonTable(ts)));
  }
  const first = select(ts);
  const further: Query[] = [];
  while (isWord(ts.current, "UNION")) {
    ts.extend();
    ts.expect("UNION");
    if (isWord(ts.current, "SELECT") || isWord(ts.current, "DISTINCT"))
      throw ts.error("UNION without ALL is not supported: write SELECT DISTINCT * FROM (SELECT … UNION ALL SELECT …) AS name");
    ts.expect("ALL");
    further.push(select(ts));
  }
  return { ...first, ...(tables.length > 0 ? { with: tables } : {}), ...(further.length > 0 ? { unionAll: further } : {}) };
}

function commonTable(ts: TokenStream): CommonTable {
  const at = ts.position();
  const name = ts.name();
  ts.expect("AS");
  return { at, name, query: parseSubquery(ts) };
}

/** Without noting the word as one that could stand here: ksqlDB's lists of those do not have it. */
function isWord(token: Token, value: string): boolean {
  return token.type === "word" && token.value === value;
}

/** `SELECT [DISTINCT] … FROM … [JOIN …] [WINDOW …] [WHERE …] [GROUP BY …] [PARTITION BY …] [HAVING …]` */
function select(ts: TokenStream): Query {
  const at = ts.position();
  ts.expect("SELECT");
  const distinct = isWord(ts.current, "DISTINCT");
  if (distinct) {
    ts.extend();
    ts.expect("DISTINCT");
  }
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
  const query = { at, select, from, joins, window, where, groupBy, partitionBy, having, emit: null, limit: null };
  return distinct ? { ...query, distinct } : query;
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
  if (ts.current.type === "symbol" && ts.current.value === "(") {
    const query = parseSubquery(ts);
    const as = ts.accept("AS");
    if (!as && (!ts.atName() || isClause(ts))) throw ts.error("A subquery in FROM needs a name: (SELECT …) AS name", at);
    const name = ts.name();
    return { at, name, alias: name, query };
  }
  const name = ts.name();
  const alias = ts.accept("AS") ? ts.name() : !isClause(ts) && ts.atName() ? ts.name() : null;
  return { at, name, alias };
}

/** Words that could be a name begin a clause here. */
function isClause(ts: TokenStream): boolean {
  const union = isWord(ts.current, "UNION") && ["ALL", "SELECT", "DISTINCT"].some((word) => isWord(ts.peek(1), word));
  return union || atOrderBy(ts) || ts.atAll("EMIT", "CHANGES") || ts.atAll("EMIT", "FINAL") || ts.atAll("PARTITION", "BY");
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

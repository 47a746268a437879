import type { ParsedExpression } from "./ast.js";

type Name = Extract<ParsedExpression, { kind: "name" }>;

/** Replaces the names of columns; a lambda's own parameters are left alone. */
export function mapNames(e: ParsedExpression, change: (name: Name) => ParsedExpression): ParsedExpression {
  const within = (x: ParsedExpression, own: ReadonlySet<string>): ParsedExpression => {
    if (x.kind === "name") return x.qualifier === null && own.has(x.name) ? x : change(x);
    if (x.kind === "lambda") return { ...x, body: within(x.body, new Set([...own, ...x.parameters])) };
    // one level at a time, so that a lambda below is seen with its parameters
    return mapChildren(x, (child) => within(child, own));
  };
  return within(e, new Set());
}

function mapChildren(e: ParsedExpression, f: (e: ParsedExpression) => ParsedExpression): ParsedExpression {
  switch (e.kind) {
    case "call":
      return { ...e, args: e.args.map(f) };
    case "lambda":
      return { ...e, body: f(e.body) };
    case "binary":
      return { ...e, left: f(e.left), right: f(e.right) };
    case "unary":
    case "is-null":
    case "cast":
    case "dereference":
    case "struct-all":
    case "in-query":
      return { ...e, operand: f(e.operand) };
    case "like":
      return { ...e, operand: f(e.operand), pattern: f(e.pattern) };
    case "in":
      return { ...e, operand: f(e.operand), list: e.list.map(f) };
    case "between":
      return { ...e, operand: f(e.operand), low: f(e.low), high: f(e.high) };
    case "case":
      return {
        ...e,
        operand: e.operand && f(e.operand),
        branches: e.branches.map((b) => ({ when: f(b.when), then: f(b.then) })),
        otherwise: e.otherwise && f(e.otherwise),
      };
    case "subscript":
      return { ...e, operand: f(e.operand), index: f(e.index) };
    case "array":
      return { ...e, items: e.items.map(f) };
    case "map":
      return { ...e, entries: e.entries.map((p) => ({ key: f(p.key), value: f(p.value) })) };
    case "struct":
      return { ...e, fields: e.fields.map((p) => ({ name: p.name, value: f(p.value) })) };
    default:
      return e;
  }
}

/** All column names in an expression, a lambda's parameters aside. */
export function namesIn(e: ParsedExpression): Name[] {
  const names: Name[] = [];
  mapNames(e, (name) => {
    names.push(name);
    return name;
  });
  return names;
}

/** Visits an expression and all its parts, outermost first; `visit` returns false to stay out of the parts. */
export function visit(e: ParsedExpression, see: (e: ParsedExpression) => boolean | undefined): void {
  if (see(e) === false) return;
  mapChildren(e, (child) => {
    visit(child, see);
    return child;
  });
}

/** What AND holds together, in the order written. */
export function conjuncts(e: ParsedExpression): ParsedExpression[] {
  return e.kind === "binary" && e.op === "AND" ? [...conjuncts(e.left), ...conjuncts(e.right)] : [e];
}

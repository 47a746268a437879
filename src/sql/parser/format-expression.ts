import type { ParsedExpression, ParsedType } from "./ast.js";
import { isPlainName } from "./keywords.js";

/** A name as a statement must write it. */
export function formatName(name: string): string {
  return isPlainName(name) ? name : `\`${name.replaceAll("`", "``")}\``;
}
export function formatString(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

export function formatParsedType(type: ParsedType): string {
  switch (type.base) {
    case "NAMED":
      return formatName(type.name);
    case "DECIMAL":
      return `DECIMAL(${type.precision}, ${type.scale})`;
    case "ARRAY":
      return `ARRAY<${formatParsedType(type.element)}>`;
    case "MAP":
      return `MAP<${formatParsedType(type.key)}, ${formatParsedType(type.value)}>`;
    case "STRUCT":
      return `STRUCT<${type.fields.map((f) => `${formatName(f.name)} ${formatParsedType(f.type)}`).join(", ")}>`;
    default:
      return type.base;
  }
}

function isNumber(e: ParsedExpression): boolean {
  return e.kind === "integer" || e.kind === "decimal" || e.kind === "double";
}

/** The text of an expression, with a bracket around every operation, as ksqlDB shows it. Parses back to the same. */
export function formatExpression(e: ParsedExpression): string {
  const f = formatExpression;
  const list = (items: readonly ParsedExpression[]) => items.map(f).join(", ");
  switch (e.kind) {
    case "null":
      return "null";
    case "boolean":
      return e.value ? "true" : "false";
    case "string":
      return formatString(e.value);
    case "integer":
    case "decimal":
    case "double":
      return e.text;
    case "name":
      return e.qualifier === null ? formatName(e.name) : `${formatName(e.qualifier)}.${formatName(e.name)}`;
    case "call":
      return `${formatName(e.name)}(${e.star ? "*" : list(e.args)})`;
    case "lambda":
      return `${e.parameters.length === 1 ? formatName(e.parameters[0]!) : `(${e.parameters.map(formatName).join(", ")})`} => ${f(e.body)}`;
    case "binary":
      return `(${f(e.left)} ${e.op} ${f(e.right)})`;
    case "unary":
      if (e.op === "NOT") return `(NOT ${f(e.operand)})`;
      // a bracket keeps a sign from joining a number's, and two of them from being a comment
      return isNumber(e.operand) || e.operand.kind === "unary" ? `${e.op}(${f(e.operand)})` : `${e.op}${f(e.operand)}`;
    case "is-null":
      return `(${f(e.operand)} IS ${e.negated ? "NOT " : ""}NULL)`;
    case "like":
      return `(${f(e.operand)} ${e.negated ? "NOT " : ""}LIKE ${f(e.pattern)}${e.escape === null ? "" : ` ESCAPE ${formatString(e.escape)}`})`;
    case "in":
      return `(${f(e.operand)} ${e.negated ? "NOT " : ""}IN (${list(e.list)}))`;
    case "in-query":
      return `(${f(e.operand)} ${e.negated ? "NOT " : ""}IN (SELECT …))`;
    case "between":
      return `(${f(e.operand)} ${e.negated ? "NOT " : ""}BETWEEN ${f(e.low)} AND ${f(e.high)})`;
    case "case": {
      const branches = e.branches.map((b) => ` WHEN ${f(b.when)} THEN ${f(b.then)}`).join("");
      const otherwise = e.otherwise === null ? "" : ` ELSE ${f(e.otherwise)}`;
      return `(CASE${e.operand === null ? "" : ` ${f(e.operand)}`}${branches}${otherwise} END)`;
    }
    case "cast":
      return `CAST(${f(e.operand)} AS ${formatParsedType(e.type)})`;
    case "subscript":
      return `${f(e.operand)}[${f(e.index)}]`;
    case "dereference":
      return `${f(e.operand)}->${formatName(e.field)}`;
    case "struct-all":
      return `${f(e.operand)}->*`;
    case "array":
      return `ARRAY[${list(e.items)}]`;
    case "map":
      return `MAP(${e.entries.map((p) => `${f(p.key)}:=${f(p.value)}`).join(", ")})`;
    case "struct":
      return `STRUCT(${e.fields.map((p) => `${formatName(p.name)}:=${f(p.value)}`).join(", ")})`;
    case "interval-unit":
      return e.unit;
  }
}

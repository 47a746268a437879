import { asError } from "../../common/errors.js";
import { Decimal } from "../../data/schema.js";
import type { SqlType } from "../../data/sql-type.js";
import type { FunctionRegistry } from "../functions/registry.js";
import type { Expression } from "../plan/expression.js";
import { castFunction } from "./cast.js";
import { compareValues, sameValue } from "./compare.js";
import { addDecimal, divideDecimal, multiplyDecimal, remainderDecimal, subtractDecimal } from "./decimal.js";
import { like, likePattern } from "./like.js";
import { addLong, divideLong, multiplyLong, negateLong, remainderLong, subtractLong } from "./long.js";

/** One for all: it is thrown for rows, and a stack for each would cost more than the row. */
const missingOperand = Object.freeze(new RangeError("An operand of the arithmetic is NULL"));

const runtime = {
  asError,
  missing(): never {
    throw missingOperand;
  },
  addLong,
  subtractLong,
  multiplyLong,
  divideLong,
  remainderLong,
  negateLong,
  addDecimal,
  subtractDecimal,
  multiplyDecimal,
  divideDecimal,
  remainderDecimal,
  compareValues,
  sameValue,
  like,
  negateDecimal: (d: Decimal) => new Decimal(-d.unscaled, d.scale),
  divideInteger(a: number, b: number): number {
    if (b === 0) throw new RangeError("/ by zero");
    return (a / b) | 0;
  },
  remainderInteger(a: number, b: number): number {
    if (b === 0) throw new RangeError("/ by zero");
    return (a % b) | 0;
  },
  element(array: readonly unknown[], index: number): unknown {
    const at = index < 0 ? array.length + index : index - 1;
    return array[at] ?? null;
  },
  entry: (map: ReadonlyMap<unknown, unknown>, key: unknown): unknown => map.get(key) ?? null,
};

const longOps = { "+": "addLong", "-": "subtractLong", "*": "multiplyLong", "/": "divideLong", "%": "remainderLong" } as const;
const decimalOps = {
  "+": "addDecimal",
  "-": "subtractDecimal",
  "*": "multiplyDecimal",
  "/": "divideDecimal",
  "%": "remainderDecimal",
} as const;

/**
 * Writes JavaScript for expressions. Each is a run of statements that leave its value in a variable (or a constant); null
 * checks stand only where a value can be null, and what is used once is computed once.
 */
export class Generator {
  readonly lines: string[] = [];
  /** what the code refers to besides the runtime, as `k[0]`, bound to locals in the prologue */
  readonly constants: unknown[] = [];
  /** of the expression at hand, for `ctx.onError` */
  column = -1;
  private temps = 0;
  /**
   * Whether arithmetic on NULL fails instead of being NULL: as in ksqlDB it does wherever the result is used within the same
   * evaluation (a comparison, a condition, a lambda's body), and so fails with it.
   */
  private failOnNull = false;
  private readonly parameters = new Map<string, string>();

  constructor(private readonly functions: FunctionRegistry) {}

  /** A function of (row, ctx) whose body is the lines so far. @param rest of the body, after the lines */
  build<F>(rest: string): F {
    const prologue = this.constants.map((_, i) => `const k${i} = k[${i}];`).join("");
    const body = `"use strict";const {${Object.keys(runtime).join(",")}} = rt;${prologue}return function(row, ctx) {\n${this.lines.join("\n")}\n${rest}\n}`;
    return new Function("rt", "k", body)(runtime, this.constants) as F;
  }

  temp(): string {
    return `t${this.temps++}`;
  }
  constant(value: unknown): string {
    return `k${this.constants.push(value) - 1}`;
  }
  private line(text: string): void {
    this.lines.push(text);
  }

  /** As `emit`; a failure within is reported and gives NULL. */
  guarded(e: Expression): string {
    const outer = this.failOnNull;
    this.failOnNull = false;
    try {
      if (!canFail(e)) return this.emit(e);
      const v = this.temp();
      this.line(`let ${v} = null; try {`);
      const t = this.emit(e);
      this.line(`${v} = ${t}; } catch (error) { ctx.onError(${this.column}, asError(error)); }`);
      return v;
    } finally {
      this.failOnNull = outer;
    }
  }

  /** Of an expression that something else is computed from. */
  emitUsed(e: Expression): string {
    const outer = this.failOnNull;
    this.failOnNull = true;
    try {
      return this.emit(e);
    } finally {
      this.failOnNull = outer;
    }
  }

  /** Emits the code and returns the variable or constant that holds the value. */
  emit(e: Expression): string {
    switch (e.kind) {
      case "column": {
        const t = this.temp();
        this.line(`const ${t} = row[${e.index}];`);
        return t;
      }
      case "parameter":
        return this.parameters.get(e.name)!;
      case "literal":
        return this.literal(e.value, e.type);
      case "negate":
        return this.arithmetic([e.operand], ([a]) =>
          e.type.base === "DOUBLE"
            ? `-${a}`
            : e.type.base === "INTEGER"
              ? `(-${a}) | 0`
              : `${e.type.base === "DECIMAL" ? "negateDecimal" : "negateLong"}(${a})`,
        );
      case "arithmetic":
        return this.arithmetic([e.left, e.right], ([a, b]) => arithmetic(e.op, a!, b!, e.type));
      case "compare":
        return this.compare(e);
      case "logical":
        return this.logical(e);
      case "not": {
        const a = this.emit(e.operand);
        return this.let(`${a} === null ? null : !${a}`);
      }
      case "is-null": {
        const a = this.emitUsed(e.operand);
        return this.let(`${a} ${e.negated ? "!==" : "==="} null`);
      }
      case "like":
        return this.like(e);
      case "in": {
        const a = this.emitUsed(e.operand);
        const items = e.list.map((x) => this.emitUsed(x));
        const simple = isSimple(e.operand.type);
        return this.let(
          `${a} !== null && (${items.map((b) => (simple ? `${a} === ${b}` : `(${b} !== null && sameValue(${a}, ${b}))`)).join(" || ") || "false"})`,
        );
      }
      case "between": {
        const low: Expression = { kind: "compare", op: ">=", left: e.operand, right: e.low, type: e.type };
        const high: Expression = { kind: "compare", op: "<=", left: e.operand, right: e.high, type: e.type };
        return this.emit({ kind: "logical", op: "AND", left: low, right: high, type: e.type });
      }
      case "case":
        return this.caseWhen(e);
      case "cast": {
        const from = e.operand.type;
        if (from.base === "INTEGER" && (e.type.base === "BIGINT" || e.type.base === "DOUBLE")) return this.emit(e.operand);
        if (from.base === "BIGINT" && e.type.base === "DOUBLE") return this.strict([e.operand], ([a]) => `Number(${a})`);
        const cast = this.constant(castFunction(from, e.type));
        return this.strict([e.operand], ([a]) => `${cast}(${a})`);
      }
      case "subscript":
        return this.strict([e.operand, e.index], ([a, i]) => `${e.operand.type.base === "ARRAY" ? "element" : "entry"}(${a}, ${i})`);
      case "dereference":
        return this.strict([e.operand], ([a]) => `${a}[${e.field}]`);
      case "array":
      case "struct": {
        const items = (e.kind === "array" ? e.items : e.fields.map((f) => f.value)).map((x) => this.guarded(x));
        return this.let(`[${items.join(", ")}]`);
      }
      case "map": {
        const entries = e.entries.map((p) => `[${this.guarded(p.key)}, ${this.guarded(p.value)}]`);
        return this.let(`new Map([${entries.join(", ")}])`);
      }
      case "call":
        return this.call(e);
      case "lambda":
        return this.lambda(e);
    }
  }

  private let(code: string): string {
    const t = this.temp();
    this.line(`const ${t} = ${code};`);
    return t;
  }

  private arithmetic(operands: readonly Expression[], code: (values: string[]) => string): string {
    return this.strict(operands, code, this.failOnNull ? "missing()" : "null");
  }

  /** null (or `absent`) where any operand is null, without computing the rest */
  private strict(operands: readonly Expression[], code: (values: string[]) => string, absent = "null"): string {
    const values = operands.map((o) => this.emit(o));
    const checks = operands.flatMap((o, i) => (o.kind === "literal" && o.value !== null ? [] : [`${values[i]} === null`]));
    return this.let(checks.length === 0 ? code(values) : `${checks.join(" || ")} ? ${absent} : ${code(values)}`);
  }

  private literal(value: string | number | boolean | null, type: SqlType): string {
    if (value === null) return "null";
    switch (type.base) {
      case "BIGINT": {
        const n = Number(value);
        return Number.isSafeInteger(n) ? `${n < 0 ? `(${n})` : n}` : `${BigInt(value)}n`;
      }
      case "DECIMAL":
        return this.constant(Decimal.parse(String(value))!.rescale(type.scale));
      case "BYTES":
        return this.constant(Buffer.from(String(value), "base64"));
      case "STRING":
        return JSON.stringify(value);
      default:
        return typeof value === "number"
          ? Object.is(value, -0)
            ? "(-0)"
            : value < 0
              ? `(${value})`
              : String(value)
          : JSON.stringify(value);
    }
  }

  private compare(e: Extract<Expression, { kind: "compare" }>): string {
    const a = this.emitUsed(e.left);
    const b = this.emitUsed(e.right);
    const simple = isSimple(e.left.type);
    const same = simple ? `${a} === ${b}` : `sameValue(${a}, ${b})`;
    if (e.op === "IS DISTINCT FROM") return this.let(`!(${same})`);
    if (e.op === "IS NOT DISTINCT FROM") return this.let(same);
    // a comparison with NULL is false, and its NOT is true
    const check = [e.left, e.right].flatMap((x, i) => (x.kind === "literal" && x.value !== null ? [] : [`${i === 0 ? a : b} !== null`]));
    const test = e.op === "=" ? same : e.op === "<>" ? `!(${same})` : simple ? `${a} ${e.op} ${b}` : `compareValues(${a}, ${b}) ${e.op} 0`;
    return this.let([...check, test].join(" && "));
  }

  private logical(e: Extract<Expression, { kind: "logical" }>): string {
    const t = this.temp();
    const decided = e.op === "AND" ? "false" : "true";
    const a = this.emit(e.left);
    this.line(`let ${t} = ${a};`);
    this.line(`if (${t} !== ${decided}) {`);
    const b = this.emit(e.right);
    this.line(`${t} = ${b} === ${decided} ? ${decided} : ${t} === null || ${b} === null ? null : ${decided === "false"};`);
    this.line("}");
    return t;
  }

  private like(e: Extract<Expression, { kind: "like" }>): string {
    const a = this.emitUsed(e.operand);
    if (e.pattern.kind === "literal" && typeof e.pattern.value === "string")
      return this.let(`${a} !== null && ${this.constant(likePattern(e.pattern.value, e.escape))}.test(${a})`);
    const b = this.emitUsed(e.pattern);
    return this.let(`${a} !== null && ${b} !== null && like(${a}, ${b}, ${JSON.stringify(e.escape)})`);
  }

  private caseWhen(e: Extract<Expression, { kind: "case" }>): string {
    const t = this.temp();
    this.line(`let ${t};`);
    for (const branch of e.branches) {
      const when = this.emit(branch.when);
      this.line(`if (${when} === true) {`);
      this.line(`${t} = ${this.emit(branch.then)};`);
      this.line("} else {");
    }
    this.line(`${t} = ${e.otherwise ? this.emit(e.otherwise) : "null"};`);
    this.line("}".repeat(e.branches.length));
    return t;
  }

  private call(e: Extract<Expression, { kind: "call" }>): string {
    if (e.overload === "AS_VALUE(T)") return this.emit(e.args[0]!);
    const overload = this.functions.scalar(e.overload);
    const types = e.args.map((a) => a.type);
    const made = this.constant(overload.bind ? overload.bind(types, e.type) : overload.call);
    const values = e.args.map((a) => this.guarded(a));
    const code = `${made}(${[...values, ...(overload.context ? ["ctx"] : [])].join(", ")})`;
    const checks =
      overload.strict === false
        ? []
        : e.args.flatMap((a, i) => (a.kind === "lambda" || (a.kind === "literal" && a.value !== null) ? [] : [`${values[i]} === null`]));
    return this.let(checks.length === 0 ? code : `${checks.join(" || ")} ? null : ${code}`);
  }

  private lambda(e: Extract<Expression, { kind: "lambda" }>): string {
    const outer = new Map(this.parameters);
    const names = e.parameters.map((p) => {
      const t = this.temp();
      this.parameters.set(p, t);
      return t;
    });
    const t = this.temp();
    this.line(`const ${t} = (${names.join(", ")}) => {`);
    this.line(`return ${this.emitUsed(e.body)};`);
    this.line("};");
    this.parameters.clear();
    for (const [k, v] of outer) this.parameters.set(k, v);
    return t;
  }
}

/** Whether evaluation may throw: only then a `try` is worth its place. */
export function canFail(e: Expression): boolean {
  switch (e.kind) {
    case "column":
    case "parameter":
    case "literal":
    case "lambda":
      return false;
    case "arithmetic":
      return (
        e.type.base === "DECIMAL" || ((e.op === "/" || e.op === "%") && e.type.base !== "DOUBLE") || canFail(e.left) || canFail(e.right)
      );
    case "compare":
      return used(e.left) || used(e.right);
    case "logical":
      return canFail(e.left) || canFail(e.right);
    case "is-null":
      return used(e.operand);
    case "negate":
    case "not":
    case "dereference":
      return canFail(e.operand);
    default:
      return true;
  }
}
/** Arithmetic fails on NULL where its result is used. */
function used(e: Expression): boolean {
  return e.kind === "arithmetic" || e.kind === "negate" || canFail(e);
}

/** `===` and `<` do for the values of these types: a BIGINT is a number or a bigint, never both for one value, and they order */
function isSimple(type: SqlType): boolean {
  return !["DECIMAL", "BYTES", "ARRAY", "MAP", "STRUCT"].includes(type.base);
}

function arithmetic(op: "+" | "-" | "*" | "/" | "%", a: string, b: string, type: SqlType): string {
  switch (type.base) {
    case "INTEGER":
      if (op === "*") return `Math.imul(${a}, ${b})`;
      if (op === "/") return `divideInteger(${a}, ${b})`;
      return op === "%" ? `remainderInteger(${a}, ${b})` : `(${a} ${op} ${b}) | 0`;
    case "BIGINT":
      return `${longOps[op]}(${a}, ${b})`;
    case "DECIMAL":
      return `${decimalOps[op]}(${a}, ${b}, ${type.precision}, ${type.scale})`;
    default:
      return `${a} ${op} ${b}`;
  }
}

import type { SqlType } from "../../data/sql-type.js";
import type { Argument } from "../functions/match.js";
import { requiredType } from "../functions/match.js";
import { type Bindings, concrete, type Parameter, parseParameter } from "../functions/parameter.js";
import type { ParsedExpression } from "../parser/ast.js";
import type { Expression } from "../plan/expression.js";
import { analyzeExpression, coerce, type Environment, fail, plainType, shown, typeOf } from "./expression.js";
import { commonType } from "./types.js";

type Call = Extract<ParsedExpression, { kind: "call" }>;

/** A scalar or table function's call; the latter's type is the array of what it gives. */
export function analyzeCall(e: Call, env: Environment): Expression {
  if (env.functions.kind(e.name) === "aggregate") {
    if (env.clause === "SELECT" || env.clause === "HAVING")
      throw fail(`Use of aggregate function ${e.name} requires a GROUP BY clause.`, e.at);
    throw fail(`${env.clause} does not support aggregate functions: ${e.name} is an aggregate function.`, e.at);
  }
  if (env.clause !== "SELECT" && env.functions.kind(e.name) === "table")
    throw fail(`${env.clause} does not support table functions: ${e.name} is a table function.`, e.at);
  const early = e.args.map((arg) => (arg.kind === "lambda" ? null : analyzeExpression(arg, env)));
  const shapes: Argument[] = e.args.map((arg, i) => {
    if (arg.kind === "lambda") return { lambda: arg.parameters.length };
    if (arg.kind === "interval-unit") return { unit: true };
    return typeOf(early[i]!);
  });
  const match = env.functions.match(e.name, shapes);
  const args = e.args.map((arg, i): Expression => {
    const parameter = match.parameters[i]!;
    if (arg.kind === "lambda") return lambda(arg, parameter as Extract<Parameter, { base: "LAMBDA" }>, match.bound, env);
    const type = requiredType(parameter, typeOf(early[i]!), match.bound);
    return type === null ? early[i]! : coerce(early[i]!, type);
  });
  const { returns } = match.overload;
  const type =
    typeof returns === "string"
      ? concrete(parseParameter(returns), match.bound)
      : returns(
          args.map((a) => a.type),
          args.map((a) => (a.kind === "literal" ? a.value : undefined)),
        );
  if (!type) throw fail(`The type of ${shown(e, env)} cannot be told from its arguments`, e.at);
  return { kind: "call", overload: match.id, args, type };
}

function lambda(
  e: Extract<ParsedExpression, { kind: "lambda" }>,
  parameter: Extract<Parameter, { base: "LAMBDA" }>,
  bound: Bindings,
  env: Environment,
): Expression {
  const names = new Map(env.lambda ?? []);
  e.parameters.forEach((name, i) => {
    const type = concrete(parameter.parameters[i]!, bound);
    if (!type) throw fail(`The type of the lambda's argument ${name} cannot be told`, e.at);
    names.set(name, type);
  });
  const body = analyzeExpression(e.body, { ...env, lambda: names });
  const wanted: SqlType | undefined = concrete(parameter.result, bound);
  if (wanted === undefined) {
    if (parameter.result.base === "VARIABLE") bound.set(parameter.result.name, body.type);
    return { kind: "lambda", parameters: e.parameters, body, type: body.type };
  }
  const common = commonType(wanted, typeOf(body));
  if (!common || plainType(common) !== plainType(wanted))
    throw fail(`The lambda must give ${plainType(wanted)} but gives ${plainType(body.type)}: ${shown(e, env)}`, e.at);
  return { kind: "lambda", parameters: e.parameters, body: coerce(body, wanted), type: wanted };
}

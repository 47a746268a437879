import { MillraceError } from "../../common/errors.js";
import type { SqlType } from "../../data/sql-type.js";
import type { AggregateCall } from "../plan/step.js";
import type { Aggregator } from "./aggregate.js";

/** Every function that statements may use, by name and by overload id. */
export class FunctionRegistry {
  /** The aggregate that a plan names. @throws NOT_FOUND */
  aggregator(call: AggregateCall): Aggregator {
    throw new MillraceError("NOT_FOUND", `aggregate ${call.overload} is not known`);
  }

  /** The rows that a table function makes of one call's value: its result is an array. */
  isTableFunction(_name: string): boolean {
    return false;
  }

  returnType(_overload: string, _args: readonly SqlType[]): SqlType | undefined {
    return undefined;
  }
}
/** The functions that come with the product. */
export const builtInFunctions = new FunctionRegistry();

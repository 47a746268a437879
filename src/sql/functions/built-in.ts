import { count } from "./aggregate/count.js";
import { sum } from "./aggregate/sum.js";
import { FunctionRegistry } from "./registry.js";

/** The functions that come with the product. */
export const builtInFunctions = new FunctionRegistry([], [count, sum]);

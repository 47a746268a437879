import type { PredicatePlugin } from "../api/transform.js";

/** Every predicate that is built in. */
export const predicatePlugins: readonly PredicatePlugin[] = [];

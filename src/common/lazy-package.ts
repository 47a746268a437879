import { createRequire } from "node:module";

const load = createRequire(import.meta.url);

/** A package that is loaded when it is first used: a database's driver is some 20 MB, and most processes speak to one or two. */
export function lazyPackage<T>(name: string): () => T {
  let loaded: T | undefined;
  return () => (loaded ??= load(name) as T);
}

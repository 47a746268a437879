/** A module hook: in a user's file, wherever it lies, the modules of this package are this process's own copies. */
let ours: Readonly<Record<string, string>> = {};

export function initialize(urls: Readonly<Record<string, string>>): void {
  ours = urls;
}

interface Resolved {
  readonly url: string;
  readonly shortCircuit?: boolean;
}

export function resolve(
  specifier: string,
  context: unknown,
  next: (specifier: string, context: unknown) => Resolved | Promise<Resolved>,
): Resolved | Promise<Resolved> {
  // A second copy would have a Struct and a MillraceError of its own, which this process takes for strangers.
  const url = ours[specifier];
  return url === undefined ? next(specifier, context) : { url, shortCircuit: true };
}

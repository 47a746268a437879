/** A module hook: in a plug-in, wherever its file lies, `millrace/connect` is this process's own copy. */
let ours = "";

export function initialize(data: { readonly url: string }): void {
  ours = data.url;
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
  return specifier === "millrace/connect" ? { url: ours, shortCircuit: true } : next(specifier, context);
}

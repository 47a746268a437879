import { MillraceError } from "../../common/errors.js";

/**
 * Replaces `${name}` by the variables' values, whose names are without case. `$${name}` stays as `${name}`.
 * @throws SQL_PARSE on a variable that is not defined
 */
export function substitute(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (whole, dollar: string, name: string) => {
    if (dollar) return whole.slice(1);
    const value = variables.get(name.toUpperCase());
    if (value === undefined)
      throw new MillraceError("SQL_PARSE", `Failed to substitute the variable ${whole}: it is not defined. Use DEFINE ${name} = '…';`, {
        context: { statement: text, variable: name },
      });
    return value;
  });
}

import { withoutComments } from "../common/split-statements.js";

/** SELECT (WITH names ahead of it, too) and PRINT stream their answer; all else is answered at once. */
export function isQuery(statement: string): boolean {
  return /^(SELECT|WITH|PRINT)\b/i.test(withoutComments(statement));
}

/** What a session keeps between requests: the server keeps nothing. */
export class Session {
  readonly properties: Record<string, string> = {};
  readonly variables: Record<string, string> = {};

  /** Takes over SET, UNSET, DEFINE and UNDEFINE. Returns what to say, or undefined for any other statement. */
  apply(statement: string): string | undefined {
    const text = withoutComments(statement);
    const set = /^SET\s+'([^']+)'\s*=\s*'((?:[^']|'')*)'\s*;?$/i.exec(text);
    if (set) {
      this.properties[set[1]!] = unquote(set[2]!);
      return `Successfully changed local property '${set[1]}' to '${unquote(set[2]!)}'. Use the UNSET command to revert your change.`;
    }
    const unset = /^UNSET\s+'([^']+)'\s*;?$/i.exec(text);
    if (unset) {
      delete this.properties[unset[1]!];
      return `Successfully unset local property '${unset[1]}'.`;
    }
    const define = /^DEFINE\s+([A-Za-z_]\w*)\s*=\s*'((?:[^']|'')*)'\s*;?$/i.exec(text);
    if (define) {
      this.variables[define[1]!] = unquote(define[2]!);
      return "";
    }
    const undefine = /^UNDEFINE\s+([A-Za-z_]\w*)\s*;?$/i.exec(text);
    if (undefine) {
      delete this.variables[undefine[1]!];
      return "";
    }
    return undefined;
  }
}

const unquote = (text: string) => text.replace(/''/g, "'");

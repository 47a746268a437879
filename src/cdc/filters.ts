import { JavaPattern } from "../common/regex/java-pattern.js";

/**
 * Include and exclude lists: comma-separated regular expressions, each anchored at both ends and compared without case, as
 * Debezium reads them. A comma inside an expression is written `\,`.
 */
export function parsePatterns(list: readonly string[] | string): JavaPattern[] {
  return splitList(typeof list === "string" ? list : list.join(",")).map(anchored);
}

/** To be matched with whole names. @throws CONFIG_INVALID where the expression is malformed */
export function anchored(source: string): JavaPattern {
  return new JavaPattern(source, { ignoreCase: true });
}

export function splitList(list: string): string[] {
  const parts: string[] = [];
  let part = "";
  for (let i = 0; i < list.length; i++) {
    const c = list[i]!;
    if (c === "\\" && list[i + 1] === ",") {
      part += ",";
      i++;
    } else if (c === ",") {
      parts.push(part);
      part = "";
    } else part += c;
  }
  parts.push(part);
  return parts.map((p) => p.trim()).filter((p) => p !== "");
}

/** What is wrong with a list of expressions, for a setting's check. */
export function patternProblem(list: unknown): string | undefined {
  for (const source of splitList(Array.isArray(list) ? list.join(",") : String(list)))
    try {
      anchored(source);
    } catch (e) {
      return `The regular expression ${source} is malformed: ${(e as Error).message}`;
    }
  return undefined;
}

/** True where the name passes: in the include list if there is one, and not in the exclude list. */
export class NameFilter {
  private readonly include: readonly JavaPattern[] | null;
  private readonly exclude: readonly JavaPattern[];

  constructor(include: string | null, exclude: string | null) {
    this.include = include ? parsePatterns(include) : null;
    this.exclude = exclude ? parsePatterns(exclude) : [];
  }

  accepts(name: string): boolean {
    if (this.include) return this.include.some((r) => r.matches(name));
    return !this.exclude.some((r) => r.matches(name));
  }
}

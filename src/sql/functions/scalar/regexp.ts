import type { FunctionDeclaration } from "../declaration.js";
import { javaRegex, javaReplacement } from "../java-regex.js";

const category = "REGEXP" as const;

function groupOf(m: RegExpMatchArray, group: number): string | null {
  if (group >= m.length) return null;
  return m[group] ?? null;
}
const extract = (pattern: string, s: string, group = 0) => {
  const m = javaRegex(pattern).exec(s);
  return m ? groupOf(m, group) : null;
};
const extractAll = (pattern: string, s: string, group = 0) => {
  const all = [...s.matchAll(javaRegex(pattern, "g"))];
  return all.length > 0 && group >= all[0]!.length ? null : all.map((m) => groupOf(m, group));
};

export const regexpFunctions: readonly FunctionDeclaration[] = [
  {
    name: "REGEXP_EXTRACT",
    category,
    description: "The first match of a pattern, or of one of its groups; NULL where there is none.",
    examples: [["REGEXP_EXTRACT('(.*) (.*)', 'hello there', 2)", "there"]],
    overloads: [
      { args: "STRING, STRING", returns: "STRING", call: extract },
      { args: "STRING, STRING, INTEGER", returns: "STRING", call: extract },
    ],
  },
  {
    name: "REGEXP_EXTRACT_ALL",
    category,
    description: "All matches of a pattern, or of one of its groups.",
    examples: [["ARRAY_JOIN(REGEXP_EXTRACT_ALL('[a-z]', 'a1b2'), ',')", "a,b"]],
    overloads: [
      { args: "STRING, STRING", returns: "ARRAY<STRING>", call: extractAll },
      { args: "STRING, STRING, INTEGER", returns: "ARRAY<STRING>", call: extractAll },
    ],
  },
  {
    name: "REGEXP_REPLACE",
    category,
    description: "Every match of a pattern replaced; `$1` stands for a group.",
    examples: [["REGEXP_REPLACE('a1b2', '[0-9]', '#')", "a#b#"]],
    overloads: [
      {
        args: "STRING, STRING, STRING",
        returns: "STRING",
        call: (s: string, p: string, by: string) => s.replace(javaRegex(p, "g"), javaReplacement(by)),
      },
    ],
  },
  {
    name: "REGEXP_SPLIT_TO_ARRAY",
    category,
    description: "The parts between the matches of a pattern; every character by itself where it is empty.",
    examples: [["ARRAY_JOIN(REGEXP_SPLIT_TO_ARRAY('a1b22c', '[0-9]+'), ',')", "a,b,c"]],
    overloads: [
      {
        args: "STRING, STRING",
        returns: "ARRAY<STRING>",
        call: (s: string, p: string) => (p === "" ? [...s] : s.split(javaRegex(p.replace(/\((?!\?)/g, "(?:")))),
      },
    ],
  },
];

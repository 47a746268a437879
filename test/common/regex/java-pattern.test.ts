import { spawnSync } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JavaPattern, patternProblem } from "../../../src/common/regex/java-pattern.js";
import { javaLines } from "../../support/connect-jars.js";

describe("JavaPattern", () => {
  it("says what is wrong with a pattern and where", () => {
    expect(patternProblem("a(b")).toMatch(/Unclosed group near index 3/);
    expect(patternProblem("[a")).toMatch(/Unclosed character class/);
    expect(patternProblem("*a")).toMatch(/Dangling meta character '\*'/);
    expect(patternProblem("a{")).toMatch(/Illegal repetition/);
    expect(patternProblem("a)")).toMatch(/Unmatched closing '\)'/);
    expect(patternProblem("[b-a]")).toMatch(/Illegal character range/);
    expect(patternProblem(".*\\.(t|u)")).toBeUndefined();
  });
  it("refuses by name what JavaScript cannot say", () => {
    expect(patternProblem("\\Ga")).toMatch(/\\G/);
    expect(patternProblem("\\X")).toMatch(/\\X/);
    expect(patternProblem("(?U)a")).toMatch(/flag U/);
    expect(patternProblem("\\p{InGreek}")).toMatch(/InGreek/);
    expect(patternProblem("(?i)(a)\\1")).toMatch(/reference to a group under \(\?i\)/);
  });
  it("ignores case where it is told to, of ASCII letters", () => {
    const pattern = new JavaPattern("inventory\\.[a-c]x\\d", { ignoreCase: true });
    expect(pattern.matches("INVENTORY.BX1")).toBe(true);
    expect(pattern.matches("inventory.dx1")).toBe(false);
  });
  it("takes groups by number and name, possessive quantifiers or not", () => {
    const pattern = new JavaPattern("(?<db>\\w++)\\.(?>\\w+)\\.(.*)", {});
    expect(pattern.replaceFirst("main.public.users", "${db}_$2_$1$20")).toBe("main_users_mainusers0");
    expect(new JavaPattern("(a)|(b)").replaceFirst("b", "[$1$2]")).toBe("[b]");
    expect(new JavaPattern("(?x) a b # comment\n c").matches("abc")).toBe(true);
    expect(new JavaPattern("(?<x>a)\\k<x>").matches("aa")).toBe(true);
    expect(new JavaPattern("(a)(b)\\2\\1").matches("abba")).toBe(true);
    expect(new JavaPattern("😀+").matches("😀😀")).toBe(true);
    expect(new JavaPattern("\\bab\\b").found("x ab.")).toBe(true);
    expect(new JavaPattern("\\0101\\cA\\e").matches("A\u0001\u001b")).toBe(true);
  });
  it("names what a replacement asks for in vain", () => {
    const pattern = new JavaPattern("(a)(?<n>b)");
    expect(pattern.replaceFirst("xaby", "$2${n}\\$1")).toBe("xbb$1y");
    expect(() => pattern.replaceFirst("ab", "$3")).toThrow("No group 3");
    expect(() => pattern.replaceFirst("ab", "${m}")).toThrow("No group with name {m}");
    expect(() => pattern.replaceFirst("ab", "$x")).toThrow("Illegal group reference");
  });
});

const literal = fc.constantFrom("a", "b", "B", "1", "\\.", "-", "_", " ", "é", "\\x41", "\\u0062", "\\t", "/", "&", "#", "~");
const charClass = fc.constantFrom(
  "[abc]",
  "[^a]",
  "[a-c1]",
  "[a-z&&[^b]]",
  "[a[b-d]]",
  "[\\w&&[^a]]",
  "\\d",
  "\\w",
  "\\s",
  "\\S",
  "\\D",
  "\\p{Alpha}",
  "\\P{Upper}",
  "\\p{Punct}",
  "\\pL",
  "\\p{Lu}",
  "\\p{IsLatin}",
  "\\p{IsAlphabetic}",
  "[\\p{Lower}\\d]",
  "[]a]",
  "[a-]",
  "[&~]",
  "\\h",
  "\\v",
  "[\\Qa-z\\E]",
  "\\p{javaLowerCase}",
  ".",
  "[.*]",
  "\\p{sc=Latin}",
  "\\p{gc=Lu}",
  "[^\\s1]",
);
interface Piece {
  readonly source: string;
  /** whether it may match nothing: JavaScript and Java then repeat it differently */
  readonly empty: boolean;
}
const pattern: fc.Arbitrary<string> = fc
  .letrec<{ p: Piece; atom: Piece; seq: Piece }>((tie) => {
    const around = (open: string, empty?: true) => tie("p").map((p) => ({ source: `${open}${p.source})`, empty: empty ?? p.empty }));
    return {
      atom: fc.oneof(
        { maxDepth: 2 },
        fc.oneof(
          fc.oneof(literal, charClass, fc.constantFrom("\\Qa.b\\E", "\\R")).map((source) => ({ source, empty: false })),
          fc.constantFrom("^", "$", "\\Z", "\\A").map((source) => ({ source, empty: true })),
        ),
        around("("),
        around("(?:"),
        around("(?>"),
        around("(?i:"),
        around("(?=", true),
        around("(?!", true),
      ),
      seq: fc
        .array(fc.tuple(tie("atom"), fc.constantFrom("", "", "", "*", "+", "?", "*+", "++", "?+", "*?", "{1,2}", "{2}+")), {
          minLength: 1,
          maxLength: 3,
        })
        .map((list) => ({
          source: list.map(([a, q]) => a.source + (a.empty ? "" : q)).join(""),
          empty: list.every(([a, q]) => a.empty || /^[*?]/.test(q)),
        })),
      p: fc
        .tuple(fc.constantFrom("", "", "", "(?i)", "(?s)", "(?m)", "(?-i)"), fc.array(tie("seq"), { minLength: 1, maxLength: 2 }))
        .map(([flags, list]) => ({ source: flags + list.map((s) => s.source).join("|"), empty: list.some((s) => s.empty) })),
    };
  })
  .p.map((p) => p.source);
const text = fc
  .array(fc.constantFrom("a", "b", "B", "A", "ab", "a.b", "1", ".", "-", "_", " ", "\n", "\r\n", "é", "É", "x", "\t", "\u0085"), {
    maxLength: 6,
  })
  .map((l) => l.join(""));
const replacement = fc.constantFrom("", "x", "<$0>", "\\$", "${q}", "$9");
const noJava = spawnSync("java", ["-version"]).error !== undefined;

it.skipIf(noJava)(
  "matches what java.util.regex matches (not run without Java)",
  async () => {
    const cases = fc.sample(fc.tuple(pattern, text, replacement), { numRuns: 6000, seed: 11 });
    const lines = cases.map((c) => c.map((t) => Buffer.from(t).toString("base64")).join(" "));
    const answers = await javaLines("", join(import.meta.dirname, "java/RegexOracle.java"), lines);
    const wrong: unknown[] = [];
    let refused = 0;
    cases.forEach(([source, input, to], i) => {
      let ours: string;
      try {
        const p = new JavaPattern(source);
        ours = `${p.matches(input)}|${p.found(input)}|${Buffer.from(p.replaceFirst(input, to)).toString("base64")}`;
      } catch (e) {
        // what we refuse although Java does not: only what the class says
        if (/reference to a group under/.test((e as Error).message)) {
          refused++;
          return;
        }
        ours = "error";
      }
      if (ours !== answers[i]) wrong.push({ source, input, to, ours, theirs: answers[i] });
    });
    expect(wrong.length, JSON.stringify(wrong.slice(0, 12), null, 1)).toBe(0);
    expect(refused).toBeLessThan(cases.length / 10);
  },
  60_000,
);

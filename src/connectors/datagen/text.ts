import { MillraceError } from "../../common/errors.js";
import { type Part, RegexParser } from "../../common/regex/syntax.js";
import type { Random } from "./random.js";

export interface Length {
  readonly min: number;
  /** not reached itself */
  readonly max: number;
}

const letters = "abcdefghijklmnopqrstuvwxyz";

export function randomText(random: Random, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) text += letters[random.whole(0, 26)];
  return text;
}

const tries = 1000;

/**
 * A maker of texts that a Java regular expression matches. A repetition without an end has at most `length.max` rounds, or 8
 * more than it must have.
 * @throws CONFIG_INVALID for a pattern that cannot be read, or that texts cannot be made for
 */
export function textOf(pattern: string, length: Partial<Length>, where: string): (random: Random) => string {
  const { part } = new RegexParser(pattern, false).parse();
  const least = length.min ?? 0;
  const most = length.max ?? Number.POSITIVE_INFINITY;
  const rounds = (min: number) => (most === Number.POSITIVE_INFINITY ? Math.max(min, least) + 8 : Math.max(min, most));
  const make = maker(part, rounds, where);
  return (random) => {
    for (let i = 0; i < tries; i++) {
      const text = make(random, []);
      if (text.length >= least && text.length < most) return text;
    }
    throw new MillraceError("DATA_INVALID", `${where}: in ${tries} tries no text of ${pattern} had the length asked for`);
  };
}

type Make = (random: Random, groups: string[]) => string;

function maker(part: Part, rounds: (min: number) => number, where: string): Make {
  switch (part.kind) {
    case "char":
      return () => part.char;
    case "raw": {
      const chars = charsOf(part.source);
      // an anchor matches between characters
      return chars.length === 0 ? () => "" : (random) => random.of(chars);
    }
    case "sequence": {
      const parts = part.parts.map((p) => maker(p, rounds, where));
      return (random, groups) => {
        let text = "";
        for (const make of parts) text += make(random, groups);
        return text;
      };
    }
    case "choice": {
      const branches = part.branches.map((p) => maker(p, rounds, where));
      return (random, groups) => random.of(branches)(random, groups);
    }
    case "group": {
      const body = maker(part.body, rounds, where);
      const { capture } = part;
      return capture === undefined ? body : (random, groups) => (groups[capture] = body(random, groups));
    }
    case "atomic":
      return maker(part.body, rounds, where);
    case "repeat": {
      const body = maker(part.body, rounds, where);
      const [min, max] = boundsOf(part.count, rounds);
      return (random, groups) => {
        let text = "";
        for (let i = random.whole(min, max + 1); i > 0; i--) text += body(random, groups);
        return text;
      };
    }
    case "back":
      return (_random, groups) => groups[part.group] ?? "";
    case "look":
      throw new MillraceError("CONFIG_INVALID", `${where}: texts cannot be made for a lookahead or lookbehind`);
  }
}

function boundsOf(count: string, rounds: (min: number) => number): [min: number, max: number] {
  if (count === "?") return [0, 1];
  if (count === "*") return [0, rounds(0)];
  if (count === "+") return [1, rounds(1)];
  const [min, max] = count.slice(1, -1).split(",");
  return [Number(min), max === undefined ? Number(min) : max === "" ? rounds(Number(min)) : Number(max)];
}

/** Printable ASCII that the class holds, else other characters. */
function charsOf(source: string): string[] {
  const pattern = new RegExp(`^(?:${source})$`, "v");
  const within = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => String.fromCharCode(from + i)).filter((c) => pattern.test(c));
  const printable = within(0x20, 0x7f);
  if (printable.length > 0) return printable;
  const controls = within(0, 0x20);
  return controls.length > 0 ? controls : within(0xa0, 0x500);
}

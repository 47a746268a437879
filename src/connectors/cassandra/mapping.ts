/** What a mapping's right side says: where a value comes from. */
export type Source =
  | FieldSource
  /** `now()` and other functions, as CQL */
  | { readonly kind: "function"; readonly name: string; readonly cql: string }
  /** a CQL constant */
  | { readonly kind: "literal"; readonly cql: string };

export interface FieldSource {
  readonly kind: "field";
  readonly part: "key" | "value" | "header";
  /** empty: the whole key or value */
  readonly path: readonly string[];
}

export interface MappingEntry {
  /** the column or query variable, or `__ttl`, `__timestamp` */
  readonly target: string;
  readonly quoted: boolean;
  readonly source: Source;
  /** of the entry's first character, from 0 */
  readonly position: number;
}

/** What is wrong with a mapping, and where. */
export class MappingError extends Error {
  constructor(
    readonly position: number,
    problem: string,
  ) {
    super(`at position ${position + 1}: ${problem}`);
    this.name = "MappingError";
  }
}

/**
 * `column = source, …` where a source is `key`, `value`, `key.field`, `value.a.b`, `header.name`, a function as `now()`, or a
 * CQL constant. Names in double quotes are kept as they are; a quote in them is doubled.
 * @throws MappingError
 */
export function parseMapping(text: string): MappingEntry[] {
  return new MappingParser(text).entries();
}

const space = /\s/;
const endsName = /[\s,=.()"]/;

class MappingParser {
  private at = 0;

  constructor(private readonly text: string) {}

  entries(): MappingEntry[] {
    const entries: MappingEntry[] = [];
    const seen = new Set<string>();
    this.skip();
    if (this.at === this.text.length) throw new MappingError(0, "the mapping is empty; expected `column=value.field, …`");
    for (;;) {
      const position = this.at;
      const quoted = this.text[this.at] === '"';
      const target = this.name("a column's name");
      if (seen.has(target)) throw new MappingError(position, `${target} is mapped twice`);
      seen.add(target);
      this.expect("=", `after ${target}`);
      entries.push({ target, quoted, source: this.source(), position });
      this.skip();
      if (this.at === this.text.length) return entries;
      this.expect(",", "between two columns");
      this.skip();
      if (this.at === this.text.length) return entries; // a comma may end the list
    }
  }

  private source(): Source {
    this.skip();
    const start = this.at;
    const c = this.text[start];
    if (c === undefined) throw new MappingError(start, "expected key, value, header, a function or a constant, found the end");
    if (c === "'" || /[0-9+-]/.test(c)) return { kind: "literal", cql: this.constant() };
    const name = this.name("key, value, header, a function or a constant");
    this.skip();
    if (this.text[this.at] === "(") return { kind: "function", name: name.toLowerCase(), cql: this.call(start) };
    if (c !== '"' && /^(true|false|null)$/i.test(name)) return { kind: "literal", cql: name.toLowerCase() };
    if (c === '"' || (name !== "key" && name !== "value" && name !== "header"))
      throw new MappingError(start, `${name} is neither key, value nor header; write key.${name} or value.${name}`);
    const path: string[] = [];
    while (this.text[this.at] === ".") {
      this.at++;
      path.push(this.name(`a field's name after ${name}.`));
    }
    if (name === "header" && path.length === 0) throw new MappingError(start, "the header as a whole cannot be mapped; write header.name");
    return { kind: "field", part: name, path };
  }

  /** From the name's start through the closing bracket, as CQL. */
  private call(start: number): string {
    let depth = 0;
    for (; this.at < this.text.length; this.at++) {
      const c = this.text[this.at];
      if (c === "'") this.string();
      else if (c === "(") depth++;
      else if (c === ")" && --depth === 0) return this.text.slice(start, ++this.at);
    }
    throw new MappingError(start, "the function's closing bracket is missing");
  }

  private constant(): string {
    const start = this.at;
    if (this.text[start] === "'") {
      this.string();
      this.at++;
      return this.text.slice(start, this.at);
    }
    while (this.at < this.text.length && !/[\s,]/.test(this.text[this.at]!)) this.at++;
    const cql = this.text.slice(start, this.at);
    const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
    if (!/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(cql) && !/^0x[0-9a-f]*$/i.test(cql) && !uuid.test(cql))
      throw new MappingError(start, `${cql} is not a constant; expected a number, a uuid, 0x… or a text in single quotes`);
    return cql;
  }

  /** Leaves the position on the closing quote. */
  private string(): void {
    const start = this.at;
    for (this.at++; this.at < this.text.length; this.at++) {
      if (this.text[this.at] !== "'") continue;
      if (this.text[this.at + 1] !== "'") return;
      this.at++;
    }
    throw new MappingError(start, "the text's closing quote is missing");
  }

  private name(what: string): string {
    this.skip();
    const start = this.at;
    if (this.text[start] === '"') {
      let name = "";
      for (this.at++; this.at < this.text.length; this.at++) {
        if (this.text[this.at] === '"') {
          if (this.text[this.at + 1] !== '"') {
            this.at++;
            if (name === "") throw new MappingError(start, "a name is empty");
            return name;
          }
          this.at++;
        }
        name += this.text[this.at];
      }
      throw new MappingError(start, "the name's closing quote is missing");
    }
    while (this.at < this.text.length && !endsName.test(this.text[this.at]!)) this.at++;
    if (this.at === start) {
      const found = this.at === this.text.length ? "the end" : `'${this.text[this.at]}'`;
      throw new MappingError(start, `expected ${what}, found ${found}`);
    }
    return this.text.slice(start, this.at);
  }

  private expect(c: string, where: string): void {
    this.skip();
    if (this.text[this.at] === c) {
      this.at++;
      return;
    }
    const found = this.at === this.text.length ? "the end" : `'${this.text[this.at]}'`;
    throw new MappingError(this.at, `expected '${c}' ${where}, found ${found}`);
  }

  private skip(): void {
    while (this.at < this.text.length && space.test(this.text[this.at]!)) this.at++;
  }
}

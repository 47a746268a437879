import { MillraceError } from "../../common/errors.js";
import { type Field, fieldNamed, type Schema, Struct, type Value } from "../../data/schema.js";
import { fieldValue, refused, requireMap } from "./side.js";

/**
 * A field's name as `field.syntax.version` says: V1 is the name as it stands; V2 has steps into nested structs and maps with dots
 * between, and backticks around a name that has dots itself (`a.\`b.c\``).
 */
export class FieldPath {
  readonly steps: readonly string[];

  /** @throws CONFIG_INVALID for a backtick that does not close */
  constructor(
    readonly text: string,
    syntax: "V1" | "V2",
  ) {
    this.steps = syntax === "V2" ? stepsOf(text) : [text];
  }

  /** undefined where the schema has no such field */
  fieldIn(schema: Schema): Field | undefined {
    let at: Schema = schema;
    let field: Field | undefined;
    for (const step of this.steps) {
      if (!at.fields) throw refused("Cannot look up fields on non-struct type");
      field = fieldNamed(at, step);
      if (!field) return undefined;
      at = field.schema;
    }
    return field;
  }

  valueIn(struct: Struct, nullToDefault: boolean): Value {
    let at: Value = struct;
    for (const step of this.steps) {
      if (!(at instanceof Struct)) return null;
      at = fieldValue(at, fieldNamed(at.schema, step)!, nullToDefault);
    }
    return at;
  }

  /** null where a step is missing. @throws TRANSFORM where a step leads into what is no map */
  valueInMap(map: Map<Value, Value>): Value {
    let at: Value = map.get(this.steps[0]!) ?? null;
    for (const step of this.steps.slice(1)) {
      if (at === null) return null;
      at = requireMap(at, "nested field access").get(step) ?? null;
    }
    return at;
  }
}

function stepsOf(text: string): string[] {
  const steps: string[] = [];
  let at = 0;
  for (;;) {
    if (text[at] === "`") {
      // it closes at a backtick that a dot or the end follows
      const close = /`(?=\.|$)/g;
      close.lastIndex = at + 1;
      const end = close.exec(text)?.index;
      if (end === undefined)
        throw new MillraceError(
          "CONFIG_INVALID",
          `Incomplete backtick pair in path: [${text}], consider adding a backslash before backtick at position ${at} to escape it`,
        );
      steps.push(text.slice(at + 1, end).replace(/\\`/g, "`"));
      at = end + 1;
    } else {
      const dot = text.indexOf(".", at);
      const end = dot < 0 ? text.length : dot;
      steps.push(text.slice(at, end));
      at = end;
    }
    if (at >= text.length) return steps;
    at++;
  }
}

import { MillraceError } from "./errors.js";
import { hideInUrls } from "./secrets.js";

/**
 * A setting is declared once, here: the declaration parses it, answers Connect's `/config/validate`, writes the
 * reference docs, the CLI help and the console's form.
 */
export type SettingType = "STRING" | "BOOLEAN" | "INT" | "LONG" | "DOUBLE" | "LIST" | "PASSWORD" | "CLASS";
export type Importance = "HIGH" | "MEDIUM" | "LOW";
export type RawConfig = Readonly<Record<string, string>>;

export interface Setting {
  readonly name: string;
  readonly type: SettingType;
  /** `undefined` means required; `null` means optional without a default. */
  readonly default?: string | number | boolean | readonly string[] | null;
  readonly importance?: Importance;
  readonly doc: string;
  readonly group?: string;
  readonly displayName?: string;
  /** Accepted words, compared without case; the parsed value is the word as listed here. */
  readonly values?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  /** Older names of the same setting; using one is answered with a deprecation note. The first present name wins. */
  readonly aliases?: readonly string[];
  /** A further check of the parsed value; returns what is wrong, or undefined. */
  readonly check?: (value: unknown, config: RawConfig) => string | undefined;
}

export type ParsedValue = string | number | boolean | readonly string[] | null;

export interface SettingResult {
  readonly setting: Setting;
  /** As given (or the default, as text); null where there is none. */
  readonly value: string | null;
  readonly parsed: ParsedValue;
  readonly errors: string[];
  readonly notes: string[];
}

export class ConfigDef {
  readonly settings: ReadonlyMap<string, Setting>;
  private readonly byAnyName = new Map<string, Setting>();

  constructor(settings: readonly Setting[]) {
    this.settings = new Map(settings.map((s) => [s.name, s]));
    for (const s of settings) for (const name of [s.name, ...(s.aliases ?? [])]) this.byAnyName.set(name, s);
  }

  /** These settings and further ones; a later declaration of a name replaces an earlier one. */
  with(settings: readonly Setting[]): ConfigDef {
    return new ConfigDef([...new Map([...this.settings.values(), ...settings].map((s) => [s.name, s])).values()]);
  }

  /** The setting of this name, or of which this is an older name. */
  find(name: string): Setting | undefined {
    return this.byAnyName.get(name);
  }

  /** Every declared setting with its value and what is wrong with it, in the order of declaration. */
  validate(config: RawConfig): SettingResult[] {
    return [...this.settings.values()].map((setting) => this.read(setting, config));
  }

  /**
   * The typed values by name.
   * @throws MillraceError CONFIG_INVALID that names every wrong setting at once
   */
  parse(config: RawConfig): Config {
    const results = this.validate(config);
    const wrong = results.flatMap((r) => r.errors);
    if (wrong.length) throw new MillraceError("CONFIG_INVALID", wrong.join("; "), { context: { errors: wrong } });
    return new Config(new Map(results.map((r) => [r.setting.name, r.parsed])), config);
  }

  private read(setting: Setting, config: RawConfig): SettingResult {
    const errors: string[] = [];
    const notes: string[] = [];
    let raw: string | undefined = config[setting.name];
    for (const alias of setting.aliases ?? []) {
      if (config[alias] === undefined) continue;
      notes.push(`${alias} is an older name of ${setting.name}`);
      raw ??= config[alias];
    }
    if (raw === undefined) {
      if (setting.default === undefined) errors.push(`Missing required configuration "${setting.name}" which has no default value.`);
      const parsed = (setting.default ?? null) as ParsedValue;
      return { setting, value: parsed === null ? null : Array.isArray(parsed) ? parsed.join(",") : String(parsed), parsed, errors, notes };
    }
    const { parsed, error } = parseValue(setting, raw);
    const wrong = error ?? (parsed === null ? undefined : setting.check?.(parsed, config));
    if (wrong)
      errors.push(
        `Invalid value ${setting.type === "PASSWORD" ? "[hidden]" : hideInUrls(raw)} for configuration ${setting.name}: ${wrong}`,
      );
    return { setting, value: raw, parsed, errors, notes };
  }
}

function parseValue(setting: Setting, raw: string): { parsed: ParsedValue; error?: string } {
  const text = setting.type === "PASSWORD" ? raw : raw.trim();
  switch (setting.type) {
    case "BOOLEAN": {
      const word = text.toLowerCase();
      return word === "true" || word === "false"
        ? { parsed: word === "true" }
        : { parsed: null, error: "Expected value to be either true or false" };
    }
    case "INT":
    case "LONG":
    case "DOUBLE": {
      const n = Number(text);
      const whole = setting.type !== "DOUBLE";
      if (text === "" || Number.isNaN(n) || (whole && !Number.isInteger(n)))
        return { parsed: null, error: `Not a number of type ${setting.type}` };
      if (setting.min !== undefined && n < setting.min) return { parsed: n, error: `Value must be at least ${setting.min}` };
      if (setting.max !== undefined && n > setting.max) return { parsed: n, error: `Value must be no more than ${setting.max}` };
      return { parsed: n };
    }
    case "LIST":
      return { parsed: text === "" ? [] : text.split(",").map((s) => s.trim()) };
    default: {
      if (!setting.values) return { parsed: text };
      const word = setting.values.find((v) => v.toLowerCase() === text.toLowerCase());
      return word === undefined ? { parsed: null, error: `String must be one of: ${setting.values.join(", ")}` } : { parsed: word };
    }
  }
}

/** Parsed settings. A getter throws INTERNAL on a name that was not declared or a type that does not fit. */
export class Config {
  constructor(
    private readonly values: ReadonlyMap<string, ParsedValue>,
    /** Everything as given, undeclared keys too. */
    readonly raw: RawConfig,
  ) {}

  get(name: string): ParsedValue {
    const value = this.values.get(name);
    if (value === undefined) throw new MillraceError("INTERNAL", `setting ${name} is not declared`);
    return value;
  }
  string(name: string): string {
    return this.typed(name, "string") as string;
  }
  optionalString(name: string): string | null {
    return this.get(name) === null ? null : this.string(name);
  }
  number(name: string): number {
    return this.typed(name, "number") as number;
  }
  optionalNumber(name: string): number | null {
    return this.get(name) === null ? null : this.number(name);
  }
  boolean(name: string): boolean {
    return this.typed(name, "boolean") as boolean;
  }
  list(name: string): readonly string[] {
    const value = this.get(name);
    return value === null ? [] : (this.typed(name, "object") as readonly string[]);
  }

  private typed(name: string, type: string): ParsedValue {
    const value = this.get(name);
    if (value === null || typeof value !== type) throw new MillraceError("INTERNAL", `setting ${name} is not a ${type}`);
    return value;
  }
}

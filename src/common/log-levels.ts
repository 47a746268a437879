import { MillraceError } from "./errors.js";

/** 0: debug, 1: info, 2: warn, 3: error, 4: nothing */
const thresholds: Readonly<Record<string, number>> = { TRACE: 0, DEBUG: 0, INFO: 1, WARN: 2, ERROR: 3, FATAL: 4, OFF: 4 };

/** What the parts of this process are called in the stack that they replace, whose names users set levels by. */
const partNames: Readonly<Record<string, string>> = {
  broker: "org.apache.kafka",
  connect: "org.apache.kafka.connect",
  registry: "io.confluent.kafka.schemaregistry",
  sql: "io.confluent.ksql",
};

export interface LevelInfo {
  readonly level: string;
  /** ms; null where it is as it was at the start */
  readonly last_modified: number | null;
}

/**
 * Levels by logger name, as log4j has them: a logger without a level of its own has its nearest ancestor's (`io.debezium` for
 * `io.debezium.connector.mysql`), at last `root`'s.
 */
export class LogLevels {
  private readonly set = new Map<string, LevelInfo>();
  private readonly seen = new Set<string>();
  /** Grows with every change, so that a logger may keep its threshold until then. */
  version = 0;

  constructor(root = "INFO") {
    this.set.set("root", { level: wordOf(root), last_modified: null });
  }

  /** A logger's name by the fields that it adds to its lines; remembered, so that `get` finds it. */
  nameOf(fields: Readonly<Record<string, unknown>>): string {
    const part = fields["part"];
    const name = String(fields["logger"] ?? (part === undefined ? "root" : (partNames[String(part)] ?? `millrace.${String(part)}`)));
    this.seen.add(name);
    return name;
  }

  /** The least level that the logger writes, as a threshold. */
  threshold(name: string): number {
    return thresholds[this.effective(name).level]!;
  }

  /** Every logger that there is or that a level was set of. */
  all(): Record<string, LevelInfo> {
    const names = [...new Set([...this.set.keys(), ...this.seen])].sort();
    return Object.fromEntries(names.map((name) => [name, this.effective(name)]));
  }

  /** undefined where there is neither such a logger nor one below it */
  get(name: string): LevelInfo | undefined {
    const key = keyOf(name);
    const there = this.set.get(key);
    if (there) return there;
    return [...this.seen].some((s) => below(s, key)) ? this.effective(key) : undefined;
  }

  /**
   * Sets the level of a name and of all below it. Returns the loggers that it concerns, sorted.
   * @throws NOT_FOUND for a level that there is not, as Connect answers
   */
  change(name: string, level: string, now: number): string[] {
    const word = wordOf(level);
    const key = keyOf(name);
    for (const other of [...this.set.keys()]) if (other !== "root" && below(other, key)) this.set.delete(other);
    this.set.set(key, { level: word, last_modified: now });
    this.version++;
    return [...new Set([key, ...[...this.seen].filter((s) => s !== "root" && below(s, key))])].sort();
  }

  private effective(name: string): LevelInfo {
    for (let at = name; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) {
      const there = this.set.get(at);
      if (there) return there;
    }
    return this.set.get("root")!;
  }
}

function keyOf(name: string): string {
  return name.toLowerCase() === "root" ? "root" : name;
}

function below(name: string, ancestor: string): boolean {
  return ancestor === "root" || name === ancestor || name.startsWith(`${ancestor}.`);
}

function wordOf(level: string): string {
  const word = level.trim().toUpperCase();
  if (thresholds[word] === undefined) throw new MillraceError("NOT_FOUND", `invalid log level '${level}'.`);
  return word;
}

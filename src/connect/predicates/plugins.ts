import { ConfigDef } from "../../common/config-def.js";
import { JavaPattern, patternProblem } from "../../common/regex/java-pattern.js";
import type { ConnectRecord } from "../api/record.js";
import type { RecordShape } from "../api/shape.js";
import type { Predicate, PredicatePlugin } from "../api/transform.js";

const version = "4.3.1";
const named = (name: string) => [`org.apache.kafka.connect.transforms.predicates.${name}`];

class TopicNameMatches implements Predicate {
  private readonly pattern: JavaPattern;
  constructor(pattern: string) {
    this.pattern = new JavaPattern(pattern);
  }
  test(record: ConnectRecord): boolean {
    return this.pattern.matches(record.topic);
  }
  compile(shape: RecordShape): boolean {
    return this.pattern.matches(shape.topic);
  }
}

class HasHeaderKey implements Predicate {
  constructor(private readonly name: string) {}
  test(record: ConnectRecord): boolean {
    return record.headers.some((h) => h.key === this.name);
  }
  compile(shape: RecordShape): boolean {
    return shape.headers.some((h) => h.key === this.name);
  }
}

class RecordIsTombstone implements Predicate {
  test(record: ConnectRecord): boolean {
    return record.value === null;
  }
  compile({ value }: RecordShape): boolean | undefined {
    if (value === null) return true;
    if (value.kind === "const") return value.value === null;
    return value.kind === "struct" || value.kind === "template" ? false : undefined;
  }
}

/** Every predicate that is built in. */
export const predicatePlugins: readonly PredicatePlugin[] = [
  {
    classes: named("TopicNameMatches"),
    version,
    config: new ConfigDef([
      {
        name: "pattern",
        type: "STRING",
        importance: "MEDIUM",
        doc: "Regular expression of the whole topic name, in Java's syntax.",
        check: patternProblem,
      },
    ]),
    create: (config) => new TopicNameMatches(config["pattern"] ?? ""),
  },
  {
    classes: named("HasHeaderKey"),
    version,
    config: new ConfigDef([{ name: "name", type: "STRING", importance: "MEDIUM", doc: "The header name." }]),
    create: (config) => new HasHeaderKey((config["name"] ?? "").trim()),
  },
  { classes: named("RecordIsTombstone"), version, config: new ConfigDef([]), create: () => new RecordIsTombstone() },
];

import { ConfigDef } from "../../common/config-def.js";
import { MillraceError } from "../../common/errors.js";
import type { TransformPlugin } from "../api/transform.js";
import { setting } from "./side.js";

const why = (instead: string) => `scripts (Groovy, JavaScript through JSR 223) are not run here: ${instead}`;

function script(name: string, expression: string, instead: string): TransformPlugin {
  return {
    classes: [`io.debezium.transforms.${name}`],
    version: "3.7.0.Final",
    config: new ConfigDef([
      setting("language", "Not available.", { importance: "HIGH", check: () => why(instead) }),
      setting(expression, "Not available.", { importance: "HIGH" }),
      setting("topic.regex", "Not available.", { default: null }),
      setting("null.handling.mode", "Not available.", { default: "keep", values: ["keep", "drop", "evaluate"] }),
    ]),
    create() {
      throw new MillraceError("UNSUPPORTED", `${name}: ${why(instead)}`);
    },
  };
}

/** Debezium's transforms that need a script engine: known, so that the refusal says what to use instead. */
export const scriptTransforms: readonly TransformPlugin[] = [
  script("Filter", "condition", "use org.apache.kafka.connect.transforms.Filter with a predicate, a transform of your own, or SQL"),
  script("ContentBasedRouter", "topic.expression", "use route.by.field of ExtractNewRecordState, a transform of your own, or SQL"),
];

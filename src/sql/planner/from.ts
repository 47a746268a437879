import type { QuerySource } from "../analyzer/query.js";
import { rowSchemaOf } from "../metastore/data-source.js";
import { formatExpression, formatName } from "../parser/format-expression.js";
import type { SourceStep } from "../plan/step.js";
import type { Relation } from "./relation.js";

/** A source, or a subquery that is planned, as the first step of a plan. @param prefix ahead of the step's id where there are several sources */
export function planSource({ alias, source, derived }: QuerySource, prefix: string): Relation {
  const schema = rowSchemaOf(source);
  const headers = source.columns.filter((c) => c.role === "headers").map((c) => ({ column: c.name, key: c.headerKey ?? null }));
  const read: SourceStep = {
    step: source.kind === "stream" ? "stream-source" : "table-source",
    id: `${prefix}Source`,
    schema,
    topic: source.topic,
    formats: source.formats,
    ...(source.timestamp ? { timestamp: source.timestamp } : {}),
    ...(source.window ? { window: source.window } : {}),
    ...(headers.length > 0 ? { headers } : {}),
    ...(source.keyInValue ? { keyInValue: true } : {}),
    ...(source.ttl === undefined ? {} : { ttl: source.ttl }),
  };
  const columns = [...schema.key, ...schema.value].map((c, index) => ({ source: alias, name: c.name, index, type: c.type }));
  const keys = schema.key.map((c) => ({
    name: c.name,
    type: c.type,
    viable: [formatExpression({ kind: "name", at: { line: 1, column: 1 }, qualifier: alias, name: c.name })],
    shown: [formatName(c.name)],
  }));
  return {
    step: derived?.step ?? read,
    ...(derived?.scattered ? { scattered: true } : {}),
    kind: source.kind,
    columns,
    keys,
    origin: "key column",
    formats: source.formats,
    ...(source.window ? { window: source.window } : {}),
  };
}

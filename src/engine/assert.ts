import type { Broker } from "../broker/api/broker.js";
import { MillraceError } from "../common/errors.js";
import type { Clock } from "../common/time.js";
import type { SchemaClient } from "../schema-registry/client.js";
import type { Statement } from "../sql/parser/ast.js";
import { type Entity, entity } from "./entities.js";

const defaultTimeoutMs = 1000;
const betweenLooksMs = 50;

/** Looks again until it holds or the time is over; returns what was wrong the last time. */
async function holds(look: () => Promise<string | undefined>, timeoutMs: number, clock: Clock): Promise<void> {
  const until = clock.now() + timeoutMs;
  for (;;) {
    const wrong = await look();
    if (wrong === undefined) return;
    if (clock.now() >= until) throw new MillraceError("SQL_STATEMENT", wrong);
    await clock.sleep(betweenLooksMs);
  }
}

export async function assertTopic(
  text: string,
  s: Extract<Statement, { kind: "assert-topic" }>,
  broker: Broker,
  clock: Clock,
): Promise<Entity> {
  const look = async () => {
    const [there] = await broker.describeTopics([s.topic]);
    if (!s.exists) return there ? `Topic ${s.topic} exists` : undefined;
    if (!there) return `Topic ${s.topic} does not exist`;
    const wrong: string[] = [];
    for (const [name, value] of Object.entries(s.properties)) {
      const key = name.toLowerCase();
      if (key !== "partitions" && key !== "replicas") {
        wrong.push(`Cannot assert unknown topic property: ${name}`);
        continue;
      }
      const actual = key === "partitions" ? there.partitions : 1;
      if (Number(value) !== actual)
        wrong.push(`Mismatched configuration for topic ${s.topic}: For config ${key}, expected ${String(value)} got ${actual}`);
    }
    return wrong.length > 0 ? wrong.join("\n") : undefined;
  };
  await holds(look, s.timeout?.ms ?? defaultTimeoutMs, clock);
  return entity("assert_topic", text, { topicName: s.topic, exists: s.exists });
}

export async function assertSchema(
  text: string,
  s: Extract<Statement, { kind: "assert-schema" }>,
  registry: SchemaClient,
  clock: Clock,
): Promise<Entity> {
  const what = [s.subject === null ? "" : ` subject name ${s.subject}`, s.id === null ? "" : ` id ${s.id}`].filter(Boolean).join(" and");
  const look = async () => {
    let there = true;
    try {
      const byId = s.id === null ? undefined : await registry.getById(s.id);
      const bySubject = s.subject === null ? undefined : await registry.latest(s.subject);
      there = !byId || !bySubject || byId.id === bySubject.id;
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== "NOT_FOUND") throw error;
      there = false;
    }
    return there === s.exists ? undefined : `Schema with${what} ${there ? "exists" : "does not exist"}`;
  };
  await holds(look, s.timeout?.ms ?? defaultTimeoutMs, clock);
  return entity("assert_schema", text, { subject: s.subject, id: s.id, exists: s.exists });
}

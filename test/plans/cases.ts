import { builtInFunctions } from "../../src/sql/functions/built-in.js";
import { Metastore } from "../../src/sql/metastore/metastore.js";
import { parse } from "../../src/sql/parser/parse.js";
import type { QueryPlan } from "../../src/sql/plan/step.js";
import { planStatement } from "../../src/sql/planner/plan-statement.js";

const json = "VALUE_FORMAT='JSON', KEY_FORMAT='DELIMITED'";
const sources = `CREATE STREAM s (k STRING KEY, a INTEGER) WITH (KAFKA_TOPIC='s', ${json});
  CREATE STREAM s2 (k STRING KEY, b INTEGER) WITH (KAFKA_TOPIC='s2', ${json});
  CREATE TABLE l (k STRING PRIMARY KEY, a INTEGER) WITH (KAFKA_TOPIC='s', ${json});
  CREATE TABLE t (k STRING PRIMARY KEY, b INTEGER) WITH (KAFKA_TOPIC='s2', ${json});
  CREATE TABLE e (k STRING PRIMARY KEY, a INTEGER) WITH (KAFKA_TOPIC='s', TTL_MS=350000000, ${json});`;

/**
 * What makes the plan of a file that is not there yet: `UPDATE_PLANS=1 npx vitest run test/plans` writes it. A file that is there is
 * never planned again: it stands for the queries that run with such a plan, and keeps working.
 */
export const statements: Readonly<Record<string, string>> = {
  "filter-select": "CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT k, a + 1 AS b FROM s WHERE a > 2;",
  "select-key": "CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT a, k FROM s PARTITION BY a;",
  "table-filter": "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT k, b FROM t WHERE b > 2;",
  aggregate: "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT k, COUNT(*) AS n, SUM(a) AS total FROM s GROUP BY k HAVING COUNT(*) > 1;",
  "stream-group-by": "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT a, COUNT(*) AS n FROM s GROUP BY a;",
  "table-group-by": "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT b, COUNT(*) AS n FROM t GROUP BY b;",
  "aggregate-tumbling":
    "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT k, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 2 SECONDS, GRACE PERIOD 1 SECOND) GROUP BY k;",
  "aggregate-hopping":
    "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT k, COUNT(*) AS n FROM s WINDOW HOPPING (SIZE 4 SECONDS, ADVANCE BY 2 SECONDS, GRACE PERIOD 0 SECONDS) GROUP BY k;",
  "aggregate-session":
    "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT k, COUNT(*) AS n FROM s WINDOW SESSION (2 SECONDS, GRACE PERIOD 1 SECOND) GROUP BY k;",
  "suppress-tumbling":
    "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT k, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 2 SECONDS, GRACE PERIOD 1 SECOND) GROUP BY k EMIT FINAL;",
  "suppress-session":
    "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT k, COUNT(*) AS n FROM s WINDOW SESSION (1 SECOND, GRACE PERIOD 1 SECOND) GROUP BY k EMIT FINAL;",
  "stream-table-join": "CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT s.k, s.a AS a, t.b AS b FROM s LEFT JOIN t ON s.k = t.k;",
  "stream-stream-join":
    "CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT s.k, s.a AS a, s2.b AS b FROM s LEFT JOIN s2 WITHIN 3 SECONDS ON s.k = s2.k;",
  "stream-stream-join-deferred":
    "CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT ROWKEY, s.a AS a, s2.b AS b FROM s FULL OUTER JOIN s2 WITHIN 1 SECOND GRACE PERIOD 1 SECOND ON s.k = s2.k;",
  "table-table-join": "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT ROWKEY, l.a AS a, t.b AS b FROM l FULL OUTER JOIN t ON l.k = t.k;",
  "foreign-key-join":
    "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT l.k, l.a AS a, t.b AS b FROM l JOIN t ON 'k' + CAST(l.a AS STRING) = t.k;",
  "foreign-key-join-left":
    "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT l.k, l.a AS a, t.b AS b FROM l LEFT JOIN t ON 'k' + CAST(l.a AS STRING) = t.k;",
  "stream-stream-join-residual":
    "CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT ROWKEY, s.a AS a, s2.b AS b FROM s FULL OUTER JOIN s2 WITHIN 1 SECOND GRACE PERIOD 1 SECOND ON s.k = s2.k AND s.a < s2.b;",
  "stream-stream-join-columns":
    "CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT s.a, LEN(s.k), s.k AS k, s2.k AS k2 FROM s LEFT JOIN s2 WITHIN 3 SECONDS ON s.a = s2.b AND LEN(s.k) = LEN(s2.k);",
  "table-table-join-residual":
    "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT l.k, l.a AS a, t.b AS b FROM l LEFT JOIN t ON l.k = t.k AND l.a < t.b;",
  "foreign-key-join-residual":
    "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT l.k, l.a AS a, t.b AS b FROM l JOIN t ON 'k' + CAST(l.a AS STRING) = t.k AND l.a <> t.b;",
  "aggregate-ttl":
    "CREATE TABLE o WITH (KAFKA_TOPIC='o', TTL_MS=350000000) AS SELECT a, COUNT(*) AS n FROM s GROUP BY a HAVING COUNT(*) < 3;",
  "table-ttl": "CREATE TABLE o WITH (KAFKA_TOPIC='o', TTL_MS=350000000) AS SELECT k, a FROM l WHERE a > 0;",
  "table-group-by-ttl": "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT a, COUNT(*) AS n FROM e GROUP BY a;",
  union:
    "CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT k, a, 's' AS source FROM s WHERE a > 0 UNION ALL SELECT k, b * 10, 's2' FROM s2;",
  "union-aggregate":
    "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT a, COUNT(*) AS n FROM (SELECT a FROM s UNION ALL SELECT b FROM s2 UNION ALL SELECT a + 1 FROM s WHERE a > 2) AS u GROUP BY a;",
  "subquery-shared-source":
    "CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT s.k, s.a AS a, n FROM s JOIN (SELECT k, COUNT(*) AS n FROM s GROUP BY k) AS c ON s.k = c.k;",
  distinct: "CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT DISTINCT k, a FROM s;",
  "distinct-keyless": "CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT DISTINCT a FROM (SELECT a FROM s UNION ALL SELECT b FROM s2) AS u;",
  "membership-stream":
    "CREATE STREAM o WITH (KAFKA_TOPIC='o') AS SELECT k, a FROM s WHERE a IN (SELECT b FROM t WHERE b < 4) OR k NOT IN (SELECT k FROM t);",
  "membership-table":
    "CREATE TABLE o WITH (KAFKA_TOPIC='o') AS SELECT k, a FROM l WHERE a IN (SELECT b FROM t) AND k IN (SELECT k FROM t WHERE b <> 2);",
};

export interface Input {
  readonly topic: string;
  readonly key: string;
  readonly value: Record<string, number> | null;
  readonly timestamp: number;
}

/** Times go back and forth, so that some records are late. */
export const inputs: readonly Input[] = Array.from({ length: 24 }, (_, i) => ({
  topic: i % 3 === 1 ? "s2" : "s",
  key: `k${(i * 5) % 3}`,
  value: i % 7 === 6 ? null : { [i % 3 === 1 ? "B" : "A"]: i % 5 },
  timestamp: 10_000 + i * 700 - (i % 4 === 3 ? 3_500 : 0),
}));

/** The same with keys that both topics have; for the statements that are not named here the ones above. */
const shared = inputs.map((input, i) => ({ ...input, key: `k${Math.floor(i / 3) % 2}` }));
/** The same over a month: rows end by these times and not by the clock of the run. */
const slow = inputs.map((input) => ({ ...input, timestamp: input.timestamp * 100_000 }));
export function inputsOf(name: string): readonly Input[] {
  if (name.includes("ttl")) return slow;
  return /residual|columns|union|distinct|membership|shared/.test(name) ? shared : inputs;
}

export function planOf(sql: string): QueryPlan {
  let metastore = Metastore.empty;
  let found: QueryPlan | undefined;
  for (const parsed of parse(`${sources}${sql}`)) {
    const planned = planStatement(parsed, {
      metastore,
      functions: builtInFunctions,
      properties: {},
      nextQueryId: (prefix) => prefix,
      topicPartitions: () => 1,
    });
    if (planned.kind !== "command") throw new Error(planned.kind);
    metastore = planned.metastore;
    if (planned.command && "plan" in planned.command && planned.command.plan) found = planned.command.plan;
  }
  return found!;
}

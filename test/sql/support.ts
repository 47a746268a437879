import { builtInFunctions } from "../../src/sql/functions/built-in.js";
import { Metastore } from "../../src/sql/metastore/metastore.js";
import { parse } from "../../src/sql/parser/parse.js";
import { type PlanContext, type PlannedStatement, planStatement } from "../../src/sql/planner/plan-statement.js";

/** Plans a script statement by statement, each against what those before it left. */
export class Planner {
  metastore = Metastore.empty;
  private queries = 0;

  constructor(
    private readonly topics?: Readonly<Record<string, number>>,
    private readonly inferred?: PlanContext["inferred"],
  ) {}

  run(sql: string): PlannedStatement[] {
    return parse(sql).map((parsed) => {
      const context: PlanContext = {
        metastore: this.metastore,
        functions: builtInFunctions,
        properties: {},
        nextQueryId: (prefix) => `${prefix}_${this.queries++}`,
        ...(this.inferred ? { inferred: this.inferred } : {}),
        ...(this.topics ? { topicPartitions: (topic: string) => this.topics![topic] } : {}),
      };
      const planned = planStatement(parsed, context);
      if (planned.kind === "command") this.metastore = planned.metastore;
      return planned;
    });
  }
}

export const sources = `
  CREATE STREAM s (k INT KEY, a INT, v STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
  CREATE STREAM s2 (k INT KEY, v STRING) WITH (KAFKA_TOPIC='s2', VALUE_FORMAT='JSON');
  CREATE TABLE t (k INT PRIMARY KEY, a INT, b DOUBLE) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON');
`;

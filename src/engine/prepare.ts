import { MillraceError } from "../common/errors.js";
import type { Metastore } from "../sql/metastore/metastore.js";
import type { ParsedStatement } from "../sql/parser/parse.js";
import type { PlannedCommand } from "../sql/plan/command.js";
import { type InsertPlan, type PlanContext, type PlannedStatement, planStatement, schemaNeeded } from "../sql/planner/plan-statement.js";
import { buildTopology } from "./physical/build-topology.js";
import { checkProperty, propertyName } from "./properties.js";
import { SchemaView } from "./schemas.js";
import type { EngineServices } from "./services.js";
import { StatementError } from "./statement-error.js";
import { createTopic, type ResolvedTopic, resolveTopic, type TopicView } from "./topics.js";

/** A statement that passed the sandbox, with all that its execution needs: nothing is planned twice. */
export type PreparedStatement = { readonly parsed: ParsedStatement; readonly properties: Readonly<Record<string, string>> } & (
  | {
      readonly kind: "command";
      /** null: nothing to do */
      readonly command: PlannedCommand | null;
      readonly topic: ResolvedTopic | null;
      readonly message: string;
      readonly warnings: readonly string[];
    }
  | { readonly kind: "insert-values"; readonly insert: InsertPlan }
  | { readonly kind: "direct"; readonly variables: ReadonlyMap<string, string> }
);

export interface RequestScope {
  /** server properties under the request's own */
  readonly serverProperties: Readonly<Record<string, string>>;
  readonly requestProperties: Readonly<Record<string, string>>;
  readonly variables: ReadonlyMap<string, string>;
  readonly metastore: Metastore;
  readonly topics: TopicView;
  readonly isPushQuery?: (queryId: string) => boolean;
  /** the offset that the next command will get */
  readonly nextOffset: number;
  /** the failing statement's own check, for those that are not planned */
  readonly checkDirect: (parsed: ParsedStatement, metastore: Metastore, topics: TopicView) => Promise<void> | void;
}

/**
 * Runs a request through a sandbox: each statement sees what those ahead of it would leave behind, and nothing is changed.
 * @throws StatementError naming the first statement that fails
 */
export async function prepare(
  statements: readonly ParsedStatement[],
  scope: RequestScope,
  services: EngineServices,
): Promise<PreparedStatement[]> {
  const schemas = new SchemaView(services.registry);
  const overrides: Record<string, string> = { ...scope.requestProperties };
  const variables = new Map(scope.variables);
  const prepared: PreparedStatement[] = [];
  let { metastore, nextOffset } = scope;
  const { topics } = scope;

  for (const parsed of statements) {
    const { statement } = parsed;
    try {
      if (statement.kind === "set") {
        checkProperty(statement.name, statement.value);
        overrides[propertyName(statement.name)] = statement.value;
      } else if (statement.kind === "unset") {
        checkProperty(statement.name, null);
        delete overrides[propertyName(statement.name)];
      } else if (statement.kind === "define") variables.set(statement.name, statement.value);
      else if (statement.kind === "undefine") variables.delete(statement.name);

      const properties = { ...scope.serverProperties, ...overrides };
      const context: PlanContext = {
        metastore,
        functions: services.functions,
        properties,
        nextQueryId: (prefix) => `${prefix}_${nextOffset}`,
        topicPartitions: (topic) => topics.partitionsOf(topic),
        ...(scope.isPushQuery ? { isPushQuery: scope.isPushQuery } : {}),
      };
      const planned = await planWithSchemas(parsed, context, schemas);
      switch (planned.kind) {
        case "push-query":
        case "pull-query":
        case "batch-query":
          throw new QueryEndpointError();
        case "direct":
          if (statement.kind === "print") throw new QueryEndpointError();
          await scope.checkDirect(parsed, metastore, topics);
          prepared.push({ parsed, properties, kind: "direct", variables: new Map(variables) });
          break;
        case "insert-values":
          if (topics.partitionsOf(planned.insert.source.topic) === undefined)
            throw new MillraceError("SQL_STATEMENT", `Kafka topic does not exist: ${planned.insert.source.topic}`);
          prepared.push({ parsed, properties, kind: "insert-values", insert: planned.insert });
          break;
        case "command": {
          const { command, message, warnings } = planned;
          let topic: ResolvedTopic | null = null;
          if (command && (command.command === "create-source" || command.command === "create-as")) {
            topic = resolveTopic(command.topic, metastore, topics);
            await createTopic(services.broker, topic, { validateOnly: true });
            if (topic.create) topics.add(topic.name, topic.partitions);
            schemas.add(command.source);
          } else if (command?.command === "drop-source" && command.deleteTopic !== null) topics.remove(command.deleteTopic);
          // A plan that cannot run must not get on the command topic.
          if (command && "plan" in command && command.plan)
            buildTopology(command.plan, {
              registry: services.registry,
              functions: services.functions,
              properties,
              partitionsOf: (t) => topics.partitionsOf(t),
            });
          prepared.push({
            parsed,
            properties,
            kind: "command",
            command: command && withOverrides(command, overrides),
            topic,
            message,
            warnings,
          });
          if (command) {
            metastore = planned.metastore;
            nextOffset++;
          }
        }
      }
    } catch (error) {
      throw new StatementError(parsed.text, error);
    }
  }
  return prepared;
}

/** A SELECT or PRINT was sent where only statements are answered. */
export class QueryEndpointError extends MillraceError {
  constructor() {
    super("SQL_STATEMENT", "The following statement types should be issued to the websocket endpoint '/query':\n\t* PRINT\n\t* SELECT\n");
  }
}

export async function planWithSchemas(parsed: ParsedStatement, context: PlanContext, schemas: SchemaView): Promise<PlannedStatement> {
  const need = schemaNeeded(parsed, context);
  return planStatement(parsed, need ? { ...context, inferred: await schemas.infer(need) } : context);
}

/** The stored command carries what the session set, not the server's own settings: those may change between restarts. */
function withOverrides(command: PlannedCommand, overrides: Readonly<Record<string, string>>): PlannedCommand {
  return { ...command, properties: { ...overrides } };
}

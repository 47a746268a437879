import { MillraceError } from "../common/errors.js";
import type { DataSource } from "../sql/metastore/data-source.js";
import type { Metastore } from "../sql/metastore/metastore.js";
import type { Statement } from "../sql/parser/ast.js";
import { maskStatement } from "../sql/parser/mask.js";
import type { ParsedStatement } from "../sql/parser/parse.js";
import { type PlanContext, planStatement } from "../sql/planner/plan-statement.js";
import { assertSchema, assertTopic } from "./assert.js";
import {
  createConnector,
  describeConnector,
  dropConnector,
  listConnectorPlugins,
  listConnectors,
  requireConnectors,
} from "./connectors.js";
import { queryDescription, runningPushQuery, runningQuery, sourceDescription } from "./describe.js";
import { type Entity, entity, schemaInfo } from "./entities.js";
import { describeFunction, listFunctions } from "./functions.js";
import { listTopics } from "./list-topics.js";
import type { QuerySet } from "./persistent/query-set.js";
import { listProperties } from "./properties.js";
import type { EngineServices } from "./services.js";
import { extendedDescription } from "./statistics.js";

export interface DirectScope {
  readonly metastore: Metastore;
  /** in force at this statement */
  readonly properties: Readonly<Record<string, string>>;
  readonly variables: ReadonlyMap<string, string>;
}

/** Statements that are answered from what there is, and leave nothing on the command topic. */
export class DirectStatements {
  constructor(
    private readonly services: EngineServices,
    private readonly queries: QuerySet,
    private readonly pushQueries: () => readonly { readonly id: string; readonly sql: string }[],
    private readonly sourcesOn: (topics: readonly string[]) => DataSource[],
    private readonly closePushQuery: (queryId: string) => Promise<boolean>,
  ) {}

  /** What can be said of a statement before the request runs. @throws SQL_STATEMENT */
  check(parsed: ParsedStatement, metastore: Metastore): void {
    const { statement } = parsed;
    if (statement.kind === "describe" && statement.what === "SOURCE") requireSource(metastore, statement.name);
    if (statement.kind === "describe" && statement.what === "FUNCTION")
      describeFunction(parsed.text, statement.name, this.services.functions);
    if (statement.kind === "create-connector" || statement.kind === "drop-connector") requireConnectors(this.services.connectorAdmin);
    if (statement.kind === "explain" && statement.statement)
      this.plan(parsed, statement.statement, { metastore, properties: {}, variables: new Map() });
    if (
      statement.kind === "assert-values" ||
      statement.kind === "assert-source" ||
      statement.kind === "run-script" ||
      statement.kind === "spool"
    )
      throw new MillraceError("SQL_STATEMENT", "Statement not supported: it belongs to the command line and the test tool");
  }

  /** undefined: nothing to answer (SET, DEFINE) */
  async run(parsed: ParsedStatement, scope: DirectScope): Promise<Entity | undefined> {
    const { statement, text } = parsed;
    const { connectorAdmin, broker, registry, clock } = this.services;
    switch (statement.kind) {
      case "set":
      case "unset":
      case "define":
      case "undefine":
        return undefined;
      case "list":
        return this.list(statement, text, scope);
      case "describe":
        return this.describe(statement, text, scope);
      case "explain":
        return this.explain(statement, parsed, scope);
      case "create-connector":
        return createConnector(maskStatement(text), statement, requireConnectors(connectorAdmin));
      case "drop-connector":
        return dropConnector(text, statement, requireConnectors(connectorAdmin));
      case "terminate":
        return this.terminate(statement.queryId!, text);
      case "assert-topic":
        return assertTopic(text, statement, broker, clock);
      case "assert-schema":
        return assertSchema(text, statement, registry, clock);
      default:
        throw new MillraceError("SQL_STATEMENT", `Statement not supported: ${statement.kind}`);
    }
  }

  private async terminate(queryId: string, text: string): Promise<Entity> {
    await this.closePushQuery(queryId);
    return entity("currentStatus", text, {
      commandId: `terminate/${queryId}/execute`,
      commandStatus: { status: "SUCCESS", message: "Query terminated.", queryId: null },
      commandSequenceNumber: -1,
    });
  }

  private async list(statement: Extract<Statement, { kind: "list" }>, text: string, scope: DirectScope): Promise<Entity> {
    const { metastore } = scope;
    const admin = this.services.connectorAdmin;
    switch (statement.what) {
      case "STREAMS":
      case "TABLES": {
        const kind = statement.what === "STREAMS" ? "stream" : "table";
        const sources = metastore
          .sources()
          .filter((s) => s.kind === kind)
          .sort((a, b) => (a.name < b.name ? -1 : 1));
        if (statement.extended) return this.descriptions(text, sources, scope);
        return entity(`${kind}s`, text, {
          [`${kind}s`]: sources.map((s) => ({
            type: kind.toUpperCase(),
            name: s.name,
            topic: s.topic,
            keyFormat: s.formats.key.format,
            valueFormat: s.formats.value.format,
            isWindowed: s.window !== undefined,
          })),
        });
      }
      case "QUERIES":
        if (statement.extended)
          return entity("queryDescriptions", text, {
            queryDescriptions: this.queries.all().map((q) => queryDescription(q.plan, q.statement, q, metastore, "localhost:8088")),
          });
        return entity("queries", text, {
          queries: [
            ...this.queries.all().map((q) => runningQuery(q, metastore)),
            ...this.pushQueries().map(({ id, sql }) => runningPushQuery(id, sql)),
          ],
        });
      case "TOPICS":
        return listTopics(text, statement, this.services);
      case "PROPERTIES":
        return entity("properties", text, {
          properties: listProperties(scope.properties),
          overwrittenProperties: [],
          defaultProperties: [],
        });
      case "FUNCTIONS":
        return listFunctions(text, this.services.functions);
      case "TYPES":
        return entity("type_list", text, {
          types: Object.fromEntries([...metastore.types()].map(([name, type]) => [name, schemaInfo(type)])),
        });
      case "VARIABLES":
        return entity("variables", text, { variables: [...scope.variables].map(([name, value]) => ({ name, value })) });
      case "CONNECTORS":
        return listConnectors(text, null, requireConnectors(admin));
      case "SOURCE CONNECTORS":
        return listConnectors(text, "source", requireConnectors(admin));
      case "SINK CONNECTORS":
        return listConnectors(text, "sink", requireConnectors(admin));
      case "CONNECTOR PLUGINS":
        return listConnectorPlugins(text, requireConnectors(admin));
    }
  }

  private async describe(statement: Extract<Statement, { kind: "describe" }>, text: string, scope: DirectScope): Promise<Entity> {
    const { metastore } = scope;
    switch (statement.what) {
      case "SOURCE": {
        const source = requireSource(metastore, statement.name);
        return entity("sourceDescription", text, { sourceDescription: await this.describeSource(source, metastore, statement.extended) });
      }
      case "STREAMS":
      case "TABLES": {
        const kind = statement.what === "STREAMS" ? "stream" : "table";
        return this.descriptions(
          text,
          metastore.sources().filter((s) => s.kind === kind),
          scope,
          statement.extended,
        );
      }
      case "FUNCTION":
        return describeFunction(text, statement.name, this.services.functions);
      case "CONNECTOR": {
        const admin = requireConnectors(this.services.connectorAdmin);
        const described = (topics: readonly string[]) =>
          this.sourcesOn(topics).map((s) => sourceDescription(s, metastore, (id) => this.queries.get(id), null));
        return describeConnector(text, statement.name, admin, described);
      }
    }
  }

  private async descriptions(text: string, sources: readonly DataSource[], scope: DirectScope, extended = true): Promise<Entity> {
    const all = await Promise.all(sources.map((s) => this.describeSource(s, scope.metastore, extended)));
    return entity("source_descriptions", text, { sourceDescriptions: all });
  }

  private async describeSource(source: DataSource, metastore: Metastore, extended: boolean): Promise<Record<string, unknown>> {
    const more = extended ? await extendedDescription(source, metastore, this.queries, this.services) : null;
    return sourceDescription(source, metastore, (id) => this.queries.get(id), more);
  }

  private explain(statement: Extract<Statement, { kind: "explain" }>, parsed: ParsedStatement, scope: DirectScope): Entity {
    const { text } = parsed;
    const describe = (description: Record<string, unknown>) => entity("queryDescription", text, { queryDescription: description });
    if (statement.queryId !== null) {
      const query = this.queries.get(statement.queryId) ?? this.queries.get(statement.queryId.toUpperCase());
      if (!query)
        throw new MillraceError(
          "SQL_STATEMENT",
          `Query with id:${statement.queryId} does not exist, use SHOW QUERIES to view the full set of queries.`,
        );
      return describe(queryDescription(query.plan, query.statement, query, scope.metastore, "localhost:8088"));
    }
    return describe(this.plan(parsed, statement.statement!, scope));
  }

  /** @throws SQL_STATEMENT where the explained statement has no query, or is wrong */
  private plan(parsed: ParsedStatement, inner: Statement, scope: DirectScope): Record<string, unknown> {
    const context: PlanContext = {
      metastore: scope.metastore,
      functions: this.services.functions,
      properties: scope.properties,
      nextQueryId: (prefix) => `${prefix}_0`,
    };
    const text = parsed.text.replace(/^\s*EXPLAIN\s+(ANALYZE\s+)?/i, "");
    const planned = planStatement({ ...parsed, text, statement: inner }, context);
    if (planned.kind === "push-query") return queryDescription(planned.plan, text, undefined, scope.metastore, "");
    if (planned.kind === "command" && planned.command && "plan" in planned.command && planned.command.plan)
      return queryDescription(planned.command.plan, text, undefined, planned.metastore, "");
    if (planned.kind === "pull-query" || planned.kind === "batch-query") {
      const { columns } = planned.kind === "pull-query" ? planned.pull : planned.batch;
      const reads = planned.kind === "pull-query" ? [planned.pull] : planned.batch.inputs.map((input) => input.read);
      return {
        id: "",
        statementText: text,
        windowType: reads[0]!.source.window?.type ?? null,
        fields: columns.map((c) => ({ name: c.name, schema: schemaInfo(c.type), ...(c.isKey ? { type: "KEY" } : {}) })),
        sources: reads.map(({ source }) => source.name),
        sinks: [],
        topology: "",
        executionPlan: reads.map(({ source, lookup }) => ` > [ PULL ] | Source: ${source.name} | Lookup: ${lookup.kind}`).join("\n"),
        overriddenProperties: {},
        ksqlHostQueryStatus: {},
        queryType: "PULL",
        queryErrors: [],
        tasksMetadata: [],
        state: null,
      };
    }
    throw new MillraceError("SQL_STATEMENT", "The provided statement does not run a ksql query");
  }
}

function requireSource(metastore: Metastore, name: string): DataSource {
  const source = metastore.source(name);
  if (!source)
    throw new MillraceError("SQL_STATEMENT", `Could not find STREAM/TABLE '${name}' in the Metastore`, { context: { source: name } });
  return source;
}

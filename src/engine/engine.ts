import type { Broker } from "../broker/api/broker.js";
import { describeError, MillraceError } from "../common/errors.js";
import type { Logger } from "../common/logger.js";
import type { Metrics } from "../common/metrics.js";
import { type Clock, systemClock } from "../common/time.js";
import type { ConnectorAdmin } from "../connect/api/admin.js";
import type { ErrorStore } from "../errors/error-store.js";
import type { SchemaClient } from "../schema-registry/client.js";
import { builtInFunctions } from "../sql/functions/built-in.js";
import type { FunctionRegistry } from "../sql/functions/registry.js";
import { type UserFunction, withUserFunctions } from "../sql/functions/user-function.js";
import { Metastore } from "../sql/metastore/metastore.js";
import { type ParsedStatement, parse } from "../sql/parser/parse.js";
import type { PlannedCommand } from "../sql/plan/command.js";
import { type PlanContext, planStatement } from "../sql/planner/plan-statement.js";
import { applyCommand } from "./command-topic/apply.js";
import { CommandTopic, commandIdOf, type StoredCommand } from "./command-topic/command-topic.js";
import { DirectStatements } from "./direct.js";
import { type CommandStatus, type Entity, entity } from "./entities.js";
import { insertValues, RowWriter } from "./insert-values.js";
import { QuerySet } from "./persistent/query-set.js";
import { sweepLeftovers } from "./persistent/sweep.js";
import { givesTable } from "./physical/gives-table.js";
import { type PreparedStatement, planWithSchemas, prepare } from "./prepare.js";
import { printTopic } from "./print-topic.js";
import { checkProperty, mergeProperties } from "./properties.js";
import { startBatchQuery } from "./pull/batch.js";
import { PullPlanCache } from "./pull/plan-cache.js";
import { type PreparedPull, preparePull, startPullQuery } from "./pull/pull-query.js";
import { type PushOptions, startPushQuery } from "./push/push-query.js";
import { followOutput } from "./push/shared-output.js";
import type { PrintResult, QueryResult } from "./query-result.js";
import { registerSchemas, SchemaView } from "./schemas.js";
import { type EngineServices, servicePrefix } from "./services.js";
import { StatementError } from "./statement-error.js";
import { createTopic, TopicView } from "./topics.js";

export interface EngineOptions {
  readonly broker: Broker;
  readonly registry: SchemaClient;
  readonly connectorAdmin?: ConnectorAdmin;
  /** folder of the queries' state */
  readonly stateDir: string;
  readonly clock?: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly errors?: ErrorStore;
  /** `ksql.*` settings; `ksql.streams.*` with or without that prefix */
  readonly config?: Readonly<Record<string, string>>;
  /** `default_` if absent */
  readonly serviceId?: string;
  /** the built-in ones if absent */
  readonly functions?: FunctionRegistry;
}

export interface StatementRequest {
  readonly sql: string;
  /** `streamsProperties` */
  readonly properties?: Readonly<Record<string, unknown>>;
  /** `sessionVariables` */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** wait for this command first */
  readonly commandSequenceNumber?: number;
}

/**
 * The streaming SQL engine: statements in, entities out; persistent queries in between. What it knows stands on the command
 * topic: opening it replays the commands, rebuilds the metastore and starts the queries from their stored plans.
 */
export class Engine {
  private metastore = Metastore.empty;
  private topics!: TopicView;
  private readonly queries: QuerySet;
  private readonly direct: DirectStatements;
  private readonly statuses = new Map<string, CommandStatus>();
  private readonly transient = new Map<string, { readonly result: QueryResult; readonly sql: string }>();
  private transientCount = 0;
  private readonly pullPlans: PullPlanCache;
  private systemProperties: Record<string, string>;
  private commands!: CommandTopic;
  /** One request after another: each is planned on what the one before left behind. */
  private turn: Promise<unknown> = Promise.resolve();
  private closed = false;

  private constructor(
    readonly services: EngineServices,
    config: Readonly<Record<string, string>>,
  ) {
    // As ksqlDB: a query sees what comes after it, unless it or the server says `earliest`.
    this.systemProperties = mergeProperties({ "auto.offset.reset": "latest" }, config);
    this.pullPlans = new PullPlanCache(services);
    this.queries = new QuerySet(services, (topic) => this.topics.partitionsOf(topic));
    this.direct = new DirectStatements(
      services,
      this.queries,
      () => [...this.transient].map(([id, { sql }]) => ({ id, sql })),
      (topics) => this.sourcesOn(topics),
      (queryId) => this.closeQuery(queryId),
    );
  }

  /** Resolves when the metastore is rebuilt and the queries are starting. @throws what the broker says; DATA_FOLDER_VERSION */
  static async open(options: EngineOptions): Promise<Engine> {
    const { config = {}, serviceId = "default_", clock = systemClock, functions = builtInFunctions, ...rest } = options;
    const engine = new Engine({ ...rest, clock, functions, serviceId }, config);
    const { topic, commands } = await CommandTopic.open(options.broker, `${servicePrefix(engine.services)}_command_topic`, clock);
    engine.commands = topic;
    engine.topics = await TopicView.load(options.broker);
    engine.replay(commands);
    // Before the queries start: what they make from now on is not left over.
    await sweepLeftovers(new Set(engine.queries.all().map((q) => q.applicationId)), engine.services);
    engine.queries.startAll();
    return engine;
  }

  get clusterId(): string {
    return this.services.broker.clusterId;
  }
  get serviceId(): string {
    return this.services.serviceId;
  }
  get sources(): Metastore {
    return this.metastore;
  }
  get persistentQueries(): QuerySet {
    return this.queries;
  }

  /**
   * Runs all statements of a request, in order, and answers each; none runs where one is wrong.
   * @throws MillraceError SQL_PARSE; StatementError naming the statement, with the entities of those that ran before it
   */
  execute(request: StatementRequest): Promise<Entity[]> {
    this.checkOpen();
    const properties = this.requestProperties(request);
    const variables = variablesOf(request);
    const statements = parse(request.sql, this.substitutes(properties) ? variables : null);
    return this.inTurn(async () => {
      this.checkOpen();
      if (request.commandSequenceNumber !== undefined && request.commandSequenceNumber >= this.commands.nextOffset)
        throw new MillraceError(
          "TIMEOUT",
          `Timed out while waiting for a previous command to execute. command sequence number: ${request.commandSequenceNumber}`,
        );
      this.topics = await TopicView.load(this.services.broker);
      const prepared = await prepare(
        statements,
        {
          serverProperties: this.systemProperties,
          requestProperties: properties,
          variables,
          metastore: this.metastore,
          topics: await TopicView.load(this.services.broker),
          nextOffset: this.commands.nextOffset,
          isPushQuery: (id) => this.pushQuery(id) !== undefined,
          checkDirect: (parsed, metastore) => this.direct.check(parsed, metastore),
        },
        this.services,
      );
      const entities: Entity[] = [];
      for (const p of prepared) {
        try {
          const answer = await this.run(p);
          if (answer) entities.push(answer);
        } catch (error) {
          throw new StatementError(p.parsed.text, error, entities);
        }
      }
      return entities;
    });
  }

  /** @throws MillraceError CONFIG_INVALID where a name is taken */
  addFunctions(functions: readonly UserFunction[]): void {
    this.services.functions = withUserFunctions(this.services.functions, functions);
  }

  private substitutes(requestProperties: Readonly<Record<string, string>>): boolean {
    return { ...this.systemProperties, ...requestProperties }["ksql.variable.substitution.enable"]?.toLowerCase() !== "false";
  }

  /**
   * Starts the one SELECT or PRINT of a request.
   * @throws SQL_PARSE, StatementError
   */
  async query(request: StatementRequest): Promise<QueryResult | PrintResult> {
    this.checkOpen();
    const properties = this.requestProperties(request);
    const known = Object.keys(properties).length === 0 ? this.knownPull(request.sql) : undefined;
    if (known) return known;
    const statements = parse(request.sql, this.substitutes(properties) ? variablesOf(request) : null);
    if (statements.length !== 1)
      throw new MillraceError("SQL_STATEMENT", `Expected exactly one KSQL statement; found ${statements.length} instead`);
    const [parsed] = statements;
    try {
      return await this.startQuery(parsed!, { ...this.systemProperties, ...properties });
    } catch (error) {
      throw new StatementError(parsed!.text, error);
    }
  }

  /** Ends a push query by its id; false where there is none. */
  async closeQuery(queryId: string): Promise<boolean> {
    const found = this.pushQuery(queryId);
    await found?.result.close();
    return found !== undefined;
  }

  /** Without case: a statement's names are in upper case, these ids are not. */
  private pushQuery(queryId: string): { readonly result: QueryResult } | undefined {
    for (const [id, query] of this.transient) if (id.toUpperCase() === queryId.toUpperCase()) return query;
    return undefined;
  }

  /** Rows by column name into a source, as /inserts-stream sends them. @throws SQL_STATEMENT where there is no such source */
  rowWriter(name: string): RowWriter {
    const source = this.metastore.source(name) ?? this.metastore.source(name.toUpperCase());
    if (!source) throw new MillraceError("SQL_STATEMENT", `Cannot insert values into an unknown stream: ${name}`);
    return new RowWriter(source, this.services);
  }

  status(commandId: string): CommandStatus | undefined {
    return this.statuses.get(commandId);
  }
  allStatuses(): ReadonlyMap<string, CommandStatus> {
    return this.statuses;
  }

  /** Ends every query and forgets every source (POST /ksql/terminate); deletes the sink topics whose names match. */
  terminateCluster(deleteTopics: readonly string[]): Promise<void> {
    return this.inTurn(async () => {
      const patterns = deleteTopics.map((p) => new RegExp(`^(?:${p})$`));
      const doomed = this.metastore.sources().filter((s) => s.isCasTarget && patterns.some((p) => p.test(s.topic)));
      const base = { version: 1 as const, statement: "TERMINATE CLUSTER;", properties: {} };
      await this.append({ ...base, command: "terminate", queryId: null });
      for (const s of this.metastore.sources())
        await this.append({
          ...base,
          command: "drop-source",
          kind: s.kind,
          name: s.name,
          deleteTopic: doomed.includes(s) ? s.topic : null,
          terminates: [],
        });
    });
  }

  /** Commits and stops every query; they go on at the next open. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.turn.catch(() => {});
    await Promise.all([...this.transient.values()].map((q) => q.result.close()));
    await this.queries.close();
  }

  /** Undefined where it is no pull query or must be planned by itself, or where it fails: then the whole way says why. */
  private knownPull(sql: string): QueryResult | undefined {
    const { metastore, systemProperties: properties } = this;
    const { functions } = this.services;
    const found = this.pullPlans.find(sql, { metastore, functions, properties }, (text) => {
      const statements = parse(text);
      const planned = statements.length === 1 ? planStatement(statements[0]!, this.planContext(properties, this.topics)) : undefined;
      return planned?.kind === "pull-query" ? planned.pull : undefined;
    });
    try {
      return found && this.runPull(found.pull, found.values);
    } catch {
      return undefined;
    }
  }

  private runPull(pull: PreparedPull, values: readonly unknown[] = []): QueryResult {
    return startPullQuery(
      pull,
      values,
      this.transientId("query"),
      this.queries.materializing(pull.plan.source.name, this.metastore),
      this.services,
    );
  }

  private transientId(prefix: string): string {
    return `${prefix}_${++this.transientCount}_${this.services.clock.now()}`;
  }

  private planContext(properties: Record<string, string>, topics: TopicView): PlanContext {
    return {
      metastore: this.metastore,
      functions: this.services.functions,
      properties,
      nextQueryId: (prefix) => this.transientId(prefix),
      topicPartitions: (topic) => topics.partitionsOf(topic),
    };
  }

  private async startQuery(parsed: ParsedStatement, properties: Record<string, string>): Promise<QueryResult | PrintResult> {
    const { statement } = parsed;
    const { broker, registry } = this.services;
    if (statement.kind === "print")
      return printTopic(
        { topic: statement.topic, fromBeginning: statement.fromBeginning, interval: statement.interval ?? 1, limit: statement.limit },
        broker,
        registry,
      );
    if (statement.kind !== "query")
      throw new MillraceError("SQL_STATEMENT", `Statement type \`${statement.kind}\` not supported for this resource`);
    // A look-up by key should not wait for a list of all topics.
    const topics = statement.query.emit === null ? this.topics : await TopicView.load(broker);
    const planned = await planWithSchemas(parsed, this.planContext(properties, topics), new SchemaView(registry));
    if (planned.kind === "pull-query") return this.runPull(preparePull(planned.pull, this.services));
    if (planned.kind === "batch-query") {
      const { metastore } = this;
      return startBatchQuery(
        planned.batch,
        this.transientId("query"),
        properties,
        (name) => this.queries.materializing(name, metastore),
        this.services,
      );
    }
    if (planned.kind !== "push-query") throw new MillraceError("INTERNAL", `a ${planned.kind} is no query`);
    const { plan, columns, limit } = planned;
    const options: PushOptions = {
      plan,
      columns,
      limit,
      isTable: givesTable(plan.root),
      properties,
      partitionsOf: (topic) => topics.partitionsOf(topic),
      onClose: () => this.transient.delete(plan.queryId),
    };
    const result = await (this.followed(options) ?? startPushQuery(options, this.services));
    this.transient.set(plan.queryId, { result, sql: parsed.text });
    return result;
  }

  /** Undefined where the query is not to share what another writes. */
  private followed(options: PushOptions): Promise<QueryResult> | undefined {
    const { queryId, sources } = options.plan;
    const source = queryId.startsWith("SCALABLE_PUSH_QUERY") ? this.metastore.source(sources[0]!) : undefined;
    if (!source) return undefined;
    const [writer] = this.metastore.queriesWriting(source.name);
    return followOutput(options, source, this.queries.get(writer!), this.services.functions);
  }

  private async run(p: PreparedStatement): Promise<Entity | undefined> {
    switch (p.kind) {
      case "insert-values":
        await insertValues(p.insert, this.services);
        return undefined;
      case "direct":
        return this.direct.run(p.parsed, { metastore: this.metastore, properties: p.properties, variables: p.variables });
      case "command": {
        if (!p.command) return entity("warning_entity", p.parsed.text, { message: p.message }, p.warnings);
        const { command } = p;
        // Topic and schemas come first: a command that stands on the topic can be executed by every restart.
        if (p.topic) await createTopic(this.services.broker, p.topic);
        if (p.topic) this.topics.add(p.topic.name, p.topic.partitions);
        if (command.command === "create-source" || command.command === "create-as")
          await registerSchemas(command.source, this.services.registry, command.command === "create-as");
        const { offset, status } = await this.append(command, p.message);
        return entity(
          "currentStatus",
          p.parsed.text,
          { commandId: commandIdOf(command), commandStatus: status, commandSequenceNumber: offset },
          p.warnings,
        );
      }
    }
  }

  private async append(command: PlannedCommand, message = ""): Promise<{ offset: number; status: CommandStatus }> {
    const commandId = commandIdOf(command);
    // Durable before it is executed: a crash in between is made good by the replay.
    const offset = await this.commands.append(commandId, command);
    const { metastore, changes } = applyCommand(this.metastore, command);
    this.metastore = metastore;
    await this.queries.apply(changes, command.statement, mergeProperties(this.systemProperties, command.properties));
    if (command.command === "alter-system")
      this.systemProperties = mergeProperties(this.systemProperties, { [command.name]: command.value });
    if (command.command === "drop-source" && command.deleteTopic !== null) {
      const [result] = await this.services.broker.deleteTopics([command.deleteTopic]);
      if (result?.error && result.error.code !== "NOT_FOUND") throw result.error;
    }
    const status: CommandStatus = { status: "SUCCESS", message, queryId: changes.start?.queryId ?? null };
    this.statuses.set(commandId, status);
    return { offset, status };
  }

  private replay(commands: readonly StoredCommand[]): void {
    for (const { commandId, command, offset } of commands) {
      try {
        const { metastore, changes } = applyCommand(this.metastore, command);
        this.metastore = metastore;
        this.queries.replay(changes, command.statement, mergeProperties(this.systemProperties, command.properties));
        if (command.command === "alter-system")
          this.systemProperties = mergeProperties(this.systemProperties, { [command.name]: command.value });
        this.statuses.set(commandId, { status: "SUCCESS", message: "", queryId: changes.start?.queryId ?? null });
      } catch (error) {
        this.services.logger.error("a command could not be applied again", { commandId, offset, error });
        this.statuses.set(commandId, { status: "ERROR", message: describeError(error), queryId: null });
      }
    }
  }

  private requestProperties(request: StatementRequest): Record<string, string> {
    const given = request.properties ?? {};
    for (const [name, value] of Object.entries(given)) if (value !== null) checkProperty(name, String(value));
    return mergeProperties(given);
  }

  private sourcesOn(topics: readonly string[]) {
    return this.metastore.sources().filter((s) => topics.includes(s.topic));
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.turn.then(work, work);
    this.turn = next.catch(() => {});
    return next;
  }

  private checkOpen(): void {
    if (this.closed) throw new MillraceError("SHUTTING_DOWN", "The server is shutting down");
  }
}

function variablesOf(request: StatementRequest): Map<string, string> {
  return new Map(Object.entries(request.variables ?? {}).map(([name, value]) => [name, String(value)]));
}

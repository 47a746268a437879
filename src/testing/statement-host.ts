import { silentLogger } from "../common/logger.js";
import { Metrics } from "../common/metrics.js";
import type { Clock } from "../common/time.js";
import { applyCommand } from "../engine/command-topic/apply.js";
import { insertValues } from "../engine/insert-values.js";
import { buildTopology, type PhysicalQuery } from "../engine/physical/build-topology.js";
import { prepare } from "../engine/prepare.js";
import { mergeProperties, propertyName } from "../engine/properties.js";
import { registerSchemas } from "../engine/schemas.js";
import type { EngineServices } from "../engine/services.js";
import { createTopic, TopicView } from "../engine/topics.js";
import { SchemaRegistry } from "../schema-registry/registry.js";
import { MemorySchemaStore } from "../schema-registry/store.js";
import type { FunctionRegistry } from "../sql/functions/registry.js";
import type { DataSource } from "../sql/metastore/data-source.js";
import { Metastore } from "../sql/metastore/metastore.js";
import { parse } from "../sql/parser/parse.js";
import type { QueryPlan } from "../sql/plan/step.js";
import { MemoryBroker } from "./memory-broker.js";

export interface HostOptions {
  readonly functions: FunctionRegistry;
  /** of the server, under what statements SET */
  readonly properties: Readonly<Record<string, string>>;
  readonly serviceId: string;
}

/** A query that statements have made, in the order of creation; `CREATE OR REPLACE` keeps the place. */
export interface HostedQuery {
  readonly plan: QueryPlan;
  readonly applicationId: string;
  build(): PhysicalQuery;
}

/** Stands still at 0. */
const stoppedClock: Clock = { now: () => 0, sleep: async () => {}, timer: () => () => {} };

/** Takes statements as the engine does, on topics and a registry in memory; queries are planned and built, and left to the caller to run. */
export class StatementHost {
  metastore = Metastore.empty;
  /** every source that ever was, the latest of its topic last */
  readonly seen: DataSource[] = [];
  private readonly plans = new Map<string, { readonly plan: QueryPlan; readonly properties: Readonly<Record<string, string>> }>();
  private session: Record<string, string> = {};
  private nextOffset = 0;

  private constructor(
    readonly services: EngineServices,
    readonly registry: SchemaRegistry,
    readonly broker: MemoryBroker,
    private readonly properties: Readonly<Record<string, string>>,
  ) {}

  static async open({ functions, properties, serviceId }: HostOptions): Promise<StatementHost> {
    const broker = new MemoryBroker();
    const registry = await SchemaRegistry.open({ logger: silentLogger, store: new MemorySchemaStore() });
    await registry.setCompatibility("", "NONE"); // as of the registry that ksqlDB's tests run against
    const services: EngineServices = {
      broker: broker.asBroker(),
      registry,
      stateDir: "",
      clock: stoppedClock,
      logger: silentLogger,
      metrics: new Metrics(),
      functions,
      serviceId,
    };
    return new StatementHost(services, registry, broker, properties);
  }

  get queries(): HostedQuery[] {
    return [...this.plans.values()].map(({ plan, properties }) => ({
      plan,
      applicationId: `_confluent-ksql-${this.services.serviceId}query_${plan.queryId}`,
      build: () =>
        buildTopology(plan, {
          registry: this.registry,
          functions: this.services.functions,
          properties,
          materialize: false,
        }),
    }));
  }

  /** Runs the statements of one text, in order. @throws as Engine.execute does */
  async run(sql: string): Promise<void> {
    const prepared = await prepare(
      parse(sql),
      {
        serverProperties: this.properties,
        requestProperties: this.session,
        variables: new Map(),
        metastore: this.metastore,
        topics: await TopicView.load(this.services.broker),
        nextOffset: this.nextOffset,
        checkDirect: () => {},
      },
      this.services,
    );
    for (const p of prepared) {
      if (p.kind === "insert-values") await insertValues(p.insert, this.services);
      if (p.kind === "direct") {
        const { statement } = p.parsed;
        if (statement.kind === "set") this.session = mergeProperties(this.session, { [statement.name]: statement.value });
        if (statement.kind === "unset") delete this.session[propertyName(statement.name)];
      }
      if (p.kind !== "command" || !p.command) continue;
      const { command } = p;
      if (p.topic) await createTopic(this.services.broker, p.topic);
      if (command.command === "create-source" || command.command === "create-as") {
        await registerSchemas(command.source, this.registry, command.command === "create-as");
        this.seen.push(command.source);
      }
      const { metastore, changes } = applyCommand(this.metastore, command);
      this.metastore = metastore;
      this.nextOffset++;
      for (const id of changes.destroy) this.plans.delete(id);
      if (changes.start)
        this.plans.set(changes.start.queryId, { plan: changes.start, properties: mergeProperties(this.properties, command.properties) });
    }
  }
}

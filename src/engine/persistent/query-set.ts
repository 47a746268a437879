import type { Metastore } from "../../sql/metastore/metastore.js";
import type { QueryPlan } from "../../sql/plan/step.js";
import type { QueryChanges } from "../command-topic/apply.js";
import type { EngineServices } from "../services.js";
import { PersistentQuery } from "./persistent-query.js";

/** A start is waited for this long; a query that restores a large state goes on starting behind the reply. */
const startPatienceMs = 5000;

/** The persistent queries by id, in the order of their creation. */
export class QuerySet {
  private readonly byId = new Map<string, PersistentQuery>();

  constructor(
    private readonly services: EngineServices,
    private readonly partitionsOf: (topic: string) => number | undefined,
  ) {
    services.metrics.gauge("millrace_queries", "Persistent queries", {}, () => this.byId.size);
    services.metrics.gauge(
      "millrace_queries_failed",
      "Persistent queries in ERROR",
      {},
      () => this.all().filter((q) => q.state === "ERROR").length,
    );
  }

  all(): PersistentQuery[] {
    return [...this.byId.values()];
  }
  get(id: string): PersistentQuery | undefined {
    return this.byId.get(id);
  }

  /** The query whose state holds a table's rows. */
  materializing(table: string, metastore: Metastore): PersistentQuery | undefined {
    for (const id of metastore.queriesWriting(table)) {
      const query = this.byId.get(id);
      if (query?.plan.queryId.startsWith("CTAS_")) return query;
    }
    // CREATE SOURCE TABLE: a query without sink that reads the table itself.
    return this.all().find((q) => q.plan.sink === null && q.plan.sources.includes(table));
  }

  /** Executes what a command changes; resolves when queries have been started and ended. */
  async apply(changes: QueryChanges, statement: string, properties: Readonly<Record<string, string>>): Promise<void> {
    await Promise.all(changes.destroy.map((id) => this.destroy(id)));
    if (changes.start) {
      const { queryId } = changes.start;
      // The old version has to let go of the application id before the new one takes it.
      if (changes.replaces !== null) await this.byId.get(changes.replaces)?.close();
      const query = this.make(changes.start, statement, properties, false);
      if (changes.replaces !== null && changes.replaces !== queryId) this.byId.delete(changes.replaces);
      await Promise.race([query.start(), new Promise((resolve) => setTimeout(resolve, startPatienceMs).unref())]);
    }
    for (const id of changes.pause) await this.byId.get(id)?.pause();
    for (const id of changes.resume) await this.byId.get(id)?.resume();
  }

  /** The same without running anything: the replay of commands ends with `startAll`. */
  replay(changes: QueryChanges, statement: string, properties: Readonly<Record<string, string>>): void {
    for (const id of changes.destroy) this.byId.delete(id);
    if (changes.start) {
      if (changes.replaces !== null) this.byId.delete(changes.replaces);
      this.make(changes.start, statement, properties, false);
    }
    for (const paused of [true, false])
      for (const id of paused ? changes.pause : changes.resume) {
        const query = this.byId.get(id);
        if (query) this.make(query.plan, query.statement, query.properties, paused);
      }
  }

  startAll(): void {
    for (const query of this.byId.values()) void query.start();
  }

  async close(): Promise<void> {
    await Promise.all(this.all().map((q) => q.close()));
  }

  private make(plan: QueryPlan, statement: string, properties: Readonly<Record<string, string>>, paused: boolean): PersistentQuery {
    const query = new PersistentQuery(plan, statement, properties, this.services, this.partitionsOf, { paused });
    this.byId.set(query.id, query);
    return query;
  }

  private async destroy(id: string): Promise<void> {
    const query = this.byId.get(id);
    this.byId.delete(id);
    await query?.destroy();
  }
}

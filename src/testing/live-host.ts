import { sourceSerdes } from "../engine/source-serdes.js";
import type { Row } from "../serde/row-serde.js";
import type { DataSource } from "../sql/metastore/data-source.js";
import { parse } from "../sql/parser/parse.js";
import { TopologyTestDriver } from "../streams/test-driver.js";
import { windowSize } from "../streams/topology/key-window.js";
import type { StoredRecord } from "./memory-broker.js";
import { type HostOptions, StatementHost } from "./statement-host.js";

interface RunningQuery {
  readonly build: unknown;
  readonly driver: TopologyTestDriver;
  readonly sources: ReadonlySet<string>;
  readonly sinks: readonly string[];
}

/** A record of a source as a row. */
export interface TopicRow {
  /** `[...key, ...value]`; null where the record has no value */
  readonly row: Row | null;
  readonly key: Row;
  readonly timestamp: number;
  readonly windowStart: number | null;
  readonly windowEnd: number | null;
}

/** Statements whose queries run at once: what is inserted has gone through all of them when `run` resolves. */
export class LiveHost {
  private readonly queries = new Map<string, RunningQuery>();
  /** records that the queries have seen, by topic */
  private readonly seen = new Map<string, number>();

  private constructor(readonly host: StatementHost) {}

  static async open(options: HostOptions): Promise<LiveHost> {
    return new LiveHost(await StatementHost.open(options));
  }

  /** @throws as Engine.execute does; what a query fails with */
  async run(sql: string): Promise<void> {
    for (const { statement } of parse(sql)) {
      const topic = statement.kind === "create-source" ? statement.properties["KAFKA_TOPIC"] : undefined;
      if (typeof topic === "string") this.host.broker.topic(topic); // a test's topics are there when they are named
    }
    await this.host.run(sql);
    await this.startQueries();
    await this.pump();
  }

  /** What the source's topic holds. */
  async rows(source: DataSource): Promise<TopicRow[]> {
    const { topic } = source;
    const serdes = sourceSerdes({ ...source }, this.host.registry);
    const suffix = windowSize(source.window);
    const rows: TopicRow[] = [];
    for (const { key, value, timestamp } of this.host.broker.topic(topic).records) {
      const keyEnd = key ? key.length - suffix : 0;
      const keyRow: Row = serdes.keyPositions.map(() => null);
      if (serdes.key && key) {
        await serdes.key.prepareRead(topic, key, 0, keyEnd);
        serdes.key.deserialize(topic, key, 0, keyEnd).forEach((v, i) => {
          keyRow[i] = v;
        });
      }
      let row: Row | null = null;
      if (value) {
        row = [...keyRow, ...new Array<unknown>(serdes.width - keyRow.length).fill(null)];
        await serdes.value.prepareRead(topic, value, 0, value.length);
        const values = serdes.value.deserialize(topic, value, 0, value.length);
        serdes.valuePositions.forEach((position, i) => {
          row![position] = values[i];
        });
      }
      rows.push({ row, key: keyRow, timestamp, ...boundsOf(source, key, keyEnd) });
    }
    return rows;
  }

  /** Those that statements have made since; one that was replaced begins anew and keeps what it has seen. */
  private async startQueries(): Promise<void> {
    const hosted = this.host.queries;
    for (const id of [...this.queries.keys()]) if (!hosted.some((q) => q.plan.queryId === id)) this.queries.delete(id);
    for (const query of hosted) {
      const before = this.queries.get(query.plan.queryId);
      if (before?.build === query.plan) continue;
      const { topology } = query.build();
      const driver = new TopologyTestDriver(topology, { applicationId: query.applicationId });
      const sources = new Set<string>();
      const sinks: string[] = [];
      for (const node of topology.nodes.values()) {
        if (node.kind === "source" && !node.spec.internal) sources.add(node.spec.topic);
        if (node.kind === "sink" && !node.spec.internal && !node.spec.subscribersOnly) sinks.push(node.spec.topic);
      }
      this.queries.set(query.plan.queryId, { build: query.plan, driver, sources, sinks });
      for (const topic of sources)
        for (const record of this.host.broker.topic(topic).records.slice(0, this.seen.get(topic) ?? 0)) await pipe(driver, topic, record);
      // what a replaced query wrote once stands on its topic already
      if (before) for (const sink of sinks) driver.read(sink);
      else this.collect(driver, sinks);
    }
  }

  private async pump(): Promise<void> {
    for (let moved = true; moved; ) {
      moved = false;
      for (const { name, records } of [...this.host.broker.topics.values()]) {
        const from = this.seen.get(name) ?? 0;
        if (from >= records.length) continue;
        moved = true;
        this.seen.set(name, from + 1);
        for (const { driver, sources, sinks } of this.queries.values()) {
          if (!sources.has(name)) continue;
          await pipe(driver, name, records[from]!);
          this.collect(driver, sinks);
        }
      }
    }
  }

  private collect(driver: TopologyTestDriver, sinks: readonly string[]): void {
    for (const sink of sinks) this.host.broker.topic(sink).records.push(...driver.read(sink));
  }
}

function pipe(driver: TopologyTestDriver, topic: string, r: StoredRecord): Promise<void> {
  return driver.pipe(topic, r.key, r.value, r.timestamp, r.headers);
}

function boundsOf({ window }: DataSource, key: Buffer | null, end: number): { windowStart: number | null; windowEnd: number | null } {
  if (!window || !key) return { windowStart: null, windowEnd: null };
  const windowStart = Number(key.readBigInt64BE(key.length - 8));
  if (window.type === "SESSION") return { windowStart, windowEnd: Number(key.readBigInt64BE(end)) };
  return { windowStart, windowEnd: window.size === undefined ? null : windowStart + window.size };
}

import { randomInt } from "node:crypto";
import { asError, MillraceError } from "../../common/errors.js";
import type { ConnectHeader, SourceRecord } from "../../connect/api/record.js";
import type { ConnectorConfig, SourceConnector, SourceItem, SourceTask, SourceTaskContext } from "../../connect/api/source.js";
import { primitive, type Struct } from "../../data/schema.js";
import { Random } from "./random.js";
import { datagenConfig, type Plan, planOf } from "./settings.js";

/** Confluent's generator of records for demonstrations and tests. */
export const datagenSource: SourceConnector = {
  type: "source",
  classes: ["io.confluent.kafka.connect.datagen.DatagenConnector"],
  version: "0.6.6",
  config: datagenConfig,
  async check(raw) {
    try {
      planOf(datagenConfig.parse(raw));
      return [];
    } catch (error) {
      const setting = error instanceof MillraceError ? error.context["setting"] : undefined;
      return [{ setting: typeof setting === "string" ? setting : "quickstart", message: asError(error).message }];
    }
  },
  taskConfigs: (raw, maxTasks) => Array.from({ length: maxTasks }, (_, id): ConnectorConfig => ({ ...raw, "task.id": String(id) })),
  createTask: () => new DatagenTask(),
};

const batchRecords = 1000;
const waitMs = 500;
const int64 = primitive("int64");

/**
 * Every record is made from the seed, the task and its number alone, and how often nested iterations were asked for is part of
 * the offset: after a restart the task goes on as if it had not stopped.
 */
class DatagenTask implements SourceTask {
  private plan!: Plan;
  private context!: SourceTaskContext;
  private task = 0;
  private generation = 0;
  private seed = 0;
  /** the number of the next record */
  private iteration = 0;
  private counts: number[] = [];
  /** when the next record is due, ms */
  private due = 0;
  private told = false;

  async start(raw: ConnectorConfig, context: SourceTaskContext): Promise<void> {
    this.plan = planOf(datagenConfig.parse(raw));
    this.context = context;
    this.task = Number(raw["task.id"] ?? 0);
    const stored = context.offset({ "task.id": this.task });
    this.generation = stored ? Number(stored["task.generation"] ?? 0) + 1 : 0;
    this.iteration = Number(stored?.["current.iteration"] ?? 0);
    this.seed = this.plan.seed ?? Number(stored?.["random.seed"] ?? randomInt(2 ** 47));
    const counts = stored?.["schema.iterations"];
    // after offsets that were set by hand: each iteration once a record
    this.counts = Array.isArray(counts) ? counts.map(Number) : new Array<number>(this.plan.generator.iterations).fill(this.iteration);
    this.due = context.clock.now();
  }

  async poll(): Promise<readonly SourceItem[]> {
    const { plan, context } = this;
    const { clock, signal } = context;
    if (this.iteration >= plan.iterations) {
      if (!this.told) context.logger.info(`all ${plan.iterations} records are made; the task is idle`);
      this.told = true;
      await clock.sleep(waitMs, signal).catch(() => undefined);
      return [];
    }
    const now = clock.now();
    const records: SourceRecord[] = [];
    while (this.due <= now && records.length < batchRecords && this.iteration < plan.iterations) {
      records.push(this.record());
      this.due += Math.random() * plan.maxInterval;
    }
    if (records.length > 0) {
      // behind by a pause or a slow broker: what was missed is not made up for
      this.due = Math.max(this.due, now);
      return records;
    }
    await clock.sleep(Math.min(this.due - now, waitMs), signal).catch(() => undefined);
    return [];
  }

  committed(): void {}

  async stop(): Promise<void> {}

  private record(): SourceRecord {
    const { plan, counts } = this;
    const number = this.iteration++;
    const next = (id: number) => {
      const n = counts[id]!;
      counts[id] = n + 1;
      return n;
    };
    const value = plan.generator.generate({ random: new Random(this.seed, this.task, number), next }) as Struct;
    const header = (key: string, v: number): ConnectHeader => ({ key, schema: int64, value: v });
    return {
      topic: plan.topic,
      partition: null,
      keySchema: plan.keyField?.schema ?? null,
      key: plan.keyField ? value.values[plan.keyField.index]! : null,
      valueSchema: plan.schema,
      value,
      timestamp: null,
      headers: [header("task.generation", this.generation), header("task.id", this.task), header("current.iteration", number)],
      sourcePartition: { "task.id": this.task },
      sourceOffset: {
        "task.generation": this.generation,
        "current.iteration": this.iteration,
        "random.seed": this.seed,
        ...(counts.some((c) => c !== this.iteration) ? { "schema.iterations": [...counts] } : {}),
      },
    };
  }
}

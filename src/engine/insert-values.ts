import { partitionFor } from "../broker/api/partitioner.js";
import { MillraceError } from "../common/errors.js";
import type { RecordHeader } from "../data/headers.js";
import { RecordBatchBuilder } from "../protocol/record-batch-builder.js";
import type { Row, RowSerde } from "../serde/row-serde.js";
import { compileValue } from "../sql/evaluate/compile.js";
import type { EvalContext } from "../sql/evaluate/context.js";
import type { DataSource } from "../sql/metastore/data-source.js";
import type { Expression } from "../sql/plan/expression.js";
import { inserting } from "../sql/planner/insert-values.js";
import type { InsertPlan } from "../sql/planner/plan-statement.js";
import type { EngineServices } from "./services.js";
import { type SourceSerdes, sourceSerdes } from "./source-serdes.js";

/** Constant expressions have neither a row nor a failure that may be passed over. */
export function constantContext(services: EngineServices): EvalContext {
  return {
    now: () => services.clock.now(),
    random: Math.random,
    onError: (_column, error) => {
      throw error;
    },
  };
}

export function evaluateConstant(expression: Expression, services: EngineServices): unknown {
  // Compiling costs more than a whole look-up by key: a literal that stands for itself is taken as it is.
  if (expression.kind === "literal" && (typeof expression.value !== "string" || expression.type.base === "STRING")) return expression.value;
  return compileValue(expression, services.functions)([], constantContext(services));
}

/** Writes one row and resolves when it is on disk. @throws what the serde or the broker says */
export async function insertValues(plan: InsertPlan, services: EngineServices): Promise<void> {
  const [row, timestamp] = inserting(plan.source.name, () => [
    [...plan.key, ...plan.value].map((e) => evaluateConstant(e, services)),
    plan.rowtime === null ? services.clock.now() : Number(evaluateConstant(plan.rowtime, services)),
  ]);
  await new RowWriter(plan.source, services).write(row, timestamp, plan.onlyKey && plan.source.kind === "table");
}

/** Rows into a source's topic, one produce each. */
export class RowWriter {
  private readonly serdes: SourceSerdes;
  private prepared = false;

  constructor(
    readonly source: DataSource,
    private readonly services: EngineServices,
  ) {
    this.serdes = sourceSerdes(source, services.registry);
  }

  /** @param row `[...key, ...value]` of the source */
  async write(row: Row, timestamp: number, tombstone = false): Promise<void> {
    const { source, serdes, services } = this;
    if (!this.prepared) {
      await serdes.key?.prepareWrite(source.topic);
      if (serdes.valuePositions.length > 0) await serdes.value.prepareWrite(source.topic);
      this.prepared = true;
    }
    const keyRow = serdes.keyPositions.map((p) => row[p] ?? null);
    const valueRow = serdes.valuePositions.map((p) => row[p] ?? null);
    const key = serdes.key === null || keyRow.every((v) => v === null) ? null : serialized("key", source, serdes.key, keyRow);
    const value = tombstone ? null : serialized("value", source, serdes.value, valueRow);
    const [description] = await services.broker.describeTopics([source.topic]);
    if (!description) throw new MillraceError("SQL_STATEMENT", `Kafka topic does not exist: ${source.topic}`);
    const builder = new RecordBatchBuilder(1024);
    builder.append(timestamp, key, value, headersOf(serdes, row));
    const partition = partitionFor(key, description.partitions, services.clock.now());
    const [result] = await services.broker.produce({ acks: "all", batches: [{ topic: source.topic, partition, batch: builder.finish() }] });
    if (result!.error) throw result!.error;
  }
}

/** @throws SQL_STATEMENT where its format or its schema has no such row */
function serialized(what: string, source: DataSource, serde: RowSerde, row: Row): Buffer | null {
  try {
    return serde.serialize(source.topic, row);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw new MillraceError(
      "SQL_STATEMENT",
      `Failed to insert values into '${source.name}'. Could not serialize ${what}: [ ${row.map(String).join(" | ")} ]. ${error.message}`,
      { cause: error, context: error.context },
    );
  }
}

/** Values of HEADER('k') columns; HEADERS itself cannot be written. */
function headersOf(serdes: SourceSerdes, row: Row): RecordHeader[] {
  return serdes.headers.flatMap((h) =>
    h.key === null || row[h.position] == null ? [] : [{ key: h.key, value: row[h.position] as Uint8Array }],
  );
}

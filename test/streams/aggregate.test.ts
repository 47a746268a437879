import fc from "fast-check";
import { expect, it } from "vitest";
import { compileAggregate } from "../../src/engine/physical/aggregates.js";
import type { Row } from "../../src/serde/row-serde.js";
import { builtInFunctions } from "../../src/sql/functions/built-in.js";
import type { AggregateStep } from "../../src/sql/plan/step.js";
import { Aggregate } from "../../src/streams/processor/aggregate.js";
import type { Processor, ProcessorContext } from "../../src/streams/processor/processor.js";
import { WindowedAggregate } from "../../src/streams/processor/windowed-aggregate.js";
import { KeyedStore } from "../../src/streams/state/keyed-store.js";

const integer = { base: "INTEGER" } as const;
const bigint = { base: "BIGINT" } as const;
const key = [{ name: "K", type: integer }];
const step = {
  id: "Aggregate",
  aggregates: ["COUNT(T)", "SUM(INTEGER)", "MAX(INTEGER)", "COLLECT_LIST(T)"].map((overload) => ({
    overload,
    args: [{ kind: "column", index: 1, name: "V", type: integer }],
    constants: [],
  })),
  carried: [],
  schema: { key, value: [] },
  source: { step: "stream-group-by", schema: { key, value: [{ name: "V", type: integer }] } },
} as unknown as AggregateStep;

interface Input {
  readonly key: number;
  readonly value: number | null;
  readonly time: number;
  readonly commit: boolean;
}
const input = fc.record({
  key: fc.integer({ min: 0, max: 3 }),
  value: fc.option(fc.integer({ min: -9, max: 9 })),
  time: fc.integer({ min: 0, max: 50 }),
  commit: fc.boolean(),
});

/** The last row of each key, or key and window, that was handed on. */
function run(windowed: boolean, coalesce: boolean, inputs: readonly Input[]): Map<string, Row> {
  const { bind, stored } = compileAggregate(step, builtInFunctions, windowed);
  const schema = { key: windowed ? [...key, { name: "WINDOWSTART", type: bigint }] : key, value: stored };
  const store = new KeyedStore("s", schema, windowed ? 20 : undefined);
  const last = new Map<string, Row>();
  const next: Processor = {
    process: (_key, row) => last.set(windowed ? `${row![0]}@${row!.at(-2)}` : String(row![0]), structuredClone(row!)),
  };
  const context = { next, store: () => store, sourceTime: -1, logError() {}, now: () => 0 } as unknown as ProcessorContext;
  const options = { store: "s", aggregator: bind, coalesce, needOld: false };
  const aggregate = windowed ? new WindowedAggregate({ ...options, size: 20, advance: 10, grace: 1000 }) : new Aggregate(options);
  aggregate.init(context);
  const commit = () => {
    aggregate.flush(Number.POSITIVE_INFINITY);
    store.applyCommit();
  };
  for (const { key: k, value, time, commit: now } of inputs) {
    const row: Row = [k, value, time, 0, 0, null, null];
    aggregate.process(row, row, null, time);
    if (now) commit();
  }
  commit();
  return last;
}

for (const windowed of [false, true])
  it(`comes to the same rows ${windowed ? "of windows " : ""}whether changes are held back until the commit or not`, () => {
    fc.assert(
      fc.property(fc.array(input, { maxLength: 40 }), (inputs) => {
        expect(run(windowed, true, inputs)).toEqual(run(windowed, false, inputs));
      }),
    );
  });

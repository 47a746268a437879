import { MillraceError } from "../../common/errors.js";
import type { FunctionRegistry } from "../../sql/functions/registry.js";
import type { JoinStep } from "../../sql/plan/step.js";
import type { Bind, RowPredicate } from "../../streams/processor/stateless.js";
import { joinBufferSchema, StreamJoinSide } from "../../streams/processor/stream-join.js";
import { conditional, type Joiner, JoinGetter, StreamTableJoin, TableJoinSide } from "../../streams/processor/table-join.js";
import type { BuildContext, Built } from "./built.js";
import { compileFilter } from "./row-functions.js";

/** The joined row's columns from `[...key, ...value]` of either side; pseudo columns are null until the join sets its time. */
export function compileJoiner(step: JoinStep): Joiner {
  const code = step.columns.map(({ side, part, index }) => {
    const at = part === "key" ? index : step[side].schema.key.length + index;
    return `${side} === null ? null : ${side}[${at}]`;
  });
  const keys = step.schema.key.map((_, i) => `key[${i}]`);
  return new Function(
    "key",
    "left",
    "right",
    `"use strict"; return [${[...keys, ...code, "null, null, null, null, null"].join(", ")}];`,
  ) as Joiner;
}

/** The condition beyond the keys' equality. */
export function compileMatches(step: JoinStep, functions: FunctionRegistry): Bind<RowPredicate> | undefined {
  return step.residual && compileFilter(step.residual, functions, step.id).bind;
}

export function buildTableJoin(step: JoinStep, left: Built, right: Built, { topology, functions }: BuildContext): Built {
  const [leftGetter, rightGetter] = [left.getter, right.getter];
  if (!leftGetter || !rightGetter)
    throw new MillraceError("UNSUPPORTED", "a side of the join is not a table that can be looked up", { context: { step: step.id } });
  topology.copartition([...left.sources, ...right.sources]);
  const joiner = compileJoiner(step);
  const matches = compileMatches(step, functions);
  const side = (which: "left" | "right", other: typeof leftGetter) => () => new TableJoinSide(which, step.join, joiner, other, matches);
  topology.addProcessor(`${step.id}-Left`, side("left", rightGetter), left.parents, right.stores);
  topology.addProcessor(`${step.id}-Right`, side("right", leftGetter), right.parents, left.stores);
  return {
    parents: [`${step.id}-Left`, `${step.id}-Right`],
    kind: "table",
    knowsOld: true,
    stores: [...left.stores, ...right.stores],
    sources: [...left.sources, ...right.sources],
    getter: (c) => new JoinGetter(step.join, conditional(step.join, joiner, matches?.(c)), leftGetter(c), rightGetter(c)),
  };
}

export function buildStreamTableJoin(step: JoinStep, left: Built, right: Built, { topology, functions }: BuildContext): Built {
  const getter = right.getter;
  if (!getter) throw new MillraceError("UNSUPPORTED", "the table of the join cannot be looked up", { context: { step: step.id } });
  if (step.join !== "INNER" && step.join !== "LEFT") throw new MillraceError("UNSUPPORTED", `${step.join} joins of a stream with a table`);
  topology.copartition([...left.sources, ...right.sources]);
  const joiner = compileJoiner(step);
  const type = step.join;
  const matches = compileMatches(step, functions);
  const supplier = () => new StreamTableJoin(type, joiner, getter, step.schema.key.length, matches);
  topology.addProcessor(step.id, supplier, left.parents, right.stores);
  return { parents: [step.id], kind: "stream", knowsOld: false, stores: [], sources: left.sources };
}

export function buildStreamJoin(step: JoinStep, left: Built, right: Built, { topology, functions }: BuildContext): Built {
  const { before, after, grace } = step.within!;
  topology.copartition([...left.sources, ...right.sources]);
  const joiner = compileJoiner(step);
  const matches = compileMatches(step, functions);
  // Without a grace period late records are taken for a day, as by Kafka Streams.
  const retention = before + after + (grace ?? Math.max(86_400_000 - before - after, 0));
  // The key's bytes hold the start of a time window, and both ends of a session.
  const windowColumns = left.window === undefined ? 0 : left.window.type === "SESSION" ? 2 : 1;
  const bounds = ["WINDOWSTART", "WINDOWEND"].slice(0, windowColumns).map((name) => ({ name, type: { base: "BIGINT" } as const }));
  const storeOf = { left: `${step.id}-Left-Buffer`, right: `${step.id}-Right-Buffer` };
  for (const side of ["left", "right"] as const) {
    const { schema } = step[side];
    const deferred = grace !== undefined && (step.join === "FULL" || step.join === (side === "left" ? "LEFT" : "RIGHT"));
    topology.addStore({
      name: storeOf[side],
      kind: "join-buffer",
      schema: joinBufferSchema([...schema.key, ...bounds], schema.value, deferred),
      changelog: { type: "own" },
      // What waits for its window to close must not go before the next record of the join has closed it.
      retention: deferred ? retention * 2 : retention,
    });
  }
  for (const [side, built] of [["left", left] as const, ["right", right] as const]) {
    const other = side === "left" ? "right" : "left";
    const options = {
      side,
      type: step.join,
      joiner,
      ...(matches ? { matches } : {}),
      store: storeOf[side],
      otherStore: storeOf[other],
      keyColumns: step.schema.key.length,
      windowColumns: windowColumns as 0 | 1 | 2,
      valueColumns: step[side].schema.value.length,
      otherColumns: step[other].schema.value.length,
      before,
      after,
      retention,
      ...(grace === undefined ? {} : { grace }),
    };
    topology.addProcessor(`${step.id}-${side}`, () => new StreamJoinSide(options), built.parents, [storeOf.left, storeOf.right]);
  }
  return {
    parents: [`${step.id}-left`, `${step.id}-right`],
    kind: "stream",
    knowsOld: false,
    stores: [],
    sources: [...left.sources, ...right.sources],
    ...(left.window ? { window: left.window } : {}),
  };
}

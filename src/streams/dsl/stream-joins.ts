import { joinBufferSchema, StreamJoinSide } from "../processor/stream-join.js";
import type { BothSerdes, Graph, Node } from "./graph.js";
import { type Joiner, rowJoiner } from "./k-stream.js";
import { Pass } from "./stateless.js";
import type { JoinWindows } from "./windows.js";

type Side = Node<unknown, unknown> & BothSerdes<unknown, unknown>;

export interface StreamJoin {
  readonly name: string;
  readonly type: "INNER" | "LEFT" | "FULL";
  readonly joiner: Joiner<unknown, unknown, unknown, unknown>;
  readonly windows: JoinWindows;
  readonly left: unknown;
  readonly right: unknown;
}

/** Two streams joined within a window: each keeps its records for the other one's. */
export function addStreamJoin(graph: Graph, join: StreamJoin): { name: string; sources: readonly string[] } {
  const { name, type, windows } = join;
  const { before, after, grace } = windows;
  const sides = { left: join.left as Side, right: join.right as Side };
  const joiner = rowJoiner(join.joiner);
  const storeOf = { left: `${name}-this`, right: `${name}-other` };
  const retention = before + after + grace;
  const sources = [...new Set([...sides.left.sources, ...sides.right.sources])];
  graph.topology.copartition(sources);
  for (const side of ["left", "right"] as const) {
    const deferred = type === "FULL" || (type === "LEFT" && side === "left");
    const { key, value } = graph.binding.storeSchema(storeOf[side], sides[side].key, sides[side].value, "changelog");
    graph.topology.addStore({
      name: storeOf[side],
      kind: "join-buffer",
      schema: joinBufferSchema(key, value, deferred),
      changelog: { type: "own" },
      // What waits for its window to close must not go before the next record of the join has closed it.
      retention: deferred ? retention * 2 : retention,
    });
  }
  const parents = (["left", "right"] as const).map((side) => {
    const options = {
      side,
      type,
      joiner,
      store: storeOf[side],
      otherStore: storeOf[side === "left" ? "right" : "left"],
      keyColumns: 1,
      windowColumns: 0 as const,
      valueColumns: 1,
      otherColumns: 1,
      before,
      after,
      retention,
      grace,
    };
    return graph.add(`${name}-${side}`, () => new StreamJoinSide(options), [sides[side].name], [storeOf.left, storeOf.right]);
  });
  return { name: graph.add(graph.name("KSTREAM-MERGE"), () => new Pass(), parents), sources };
}

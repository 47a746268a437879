import { MillraceError } from "../../common/errors.js";
import type { RecordHeader } from "../../data/headers.js";
import type { Row } from "../../serde/row-serde.js";
import type { Processor } from "../processor/processor.js";
import type { StoreSchema } from "../state/store.js";
import type { RecordFormat } from "./record-format.js";

export interface SourceSpec {
  readonly name: string;
  readonly topic: string;
  /** The application's own topic: created and named with its prefix, purged as it is consumed. */
  readonly internal?: boolean;
  /** Of an internal topic; by default as many as its writers' inputs have. */
  readonly partitions?: number;
  readonly format: RecordFormat;
  /** The record's time taken from the row (ms); the record's own if absent. A throw or NaN makes it a bad record. */
  readonly timestampOf?: (row: Row) => number;
  /** A record whose time cannot be told ends the query: `ksql.timestamp.throw.on.invalid`. */
  readonly timestampRequired?: boolean;
  /** Value columns filled from the record's headers, after decoding. */
  readonly readHeaders?: (row: Row, headers: readonly RecordHeader[]) => void;
  /** Its records go ahead of others of the same time: a stream's record meets the table's row that was written with it. */
  readonly table?: boolean;
  /** Where a query that has committed nothing yet begins; the query's `auto.offset.reset` if absent. */
  readonly offsetReset?: "earliest" | "latest";
  /** `old` travels in the record (a repartitioned table's changes): see table-group-by. */
  readonly changes?: boolean;
}

export interface SinkSpec {
  readonly name: string;
  readonly topic: string;
  readonly internal?: boolean;
  readonly format: RecordFormat;
  readonly timestampOf?: (row: Row) => number;
  /** The partition that a row goes to; by its key's bytes if absent. */
  readonly partitionOf?: (row: Row) => number;
  /** Internal topics: carries `old` beside the row. */
  readonly changes?: boolean;
  /** No topic: rows go to the query's subscribers alone. `format` then only names the columns. */
  readonly subscribersOnly?: boolean;
}

export interface StoreSpec {
  readonly name: string;
  readonly kind: "key-value" | "window" | "session" | "join-buffer";
  readonly schema: StoreSchema;
  /**
   * "own": a compacted topic `<applicationId>-<store>-changelog`. `source`: the named source's topic is the changelog (a table's
   * topic holds the very rows). `sink`: the named sink's topic is.
   */
  readonly changelog:
    | { readonly type: "own" }
    | { readonly type: "source"; readonly source: string }
    | { readonly type: "sink"; readonly sink: string };
  /** ms; of window, session and join-buffer stores */
  readonly retention?: number;
  readonly windowSize?: number;
  /** Told apart from other layouts of the same columns when a snapshot is read: which of them are filled. */
  readonly layout?: string;
  /** ms between the starts of hopping windows */
  readonly windowAdvance?: number;
}

/** A table of all partitions of a topic, which every task looks up and none owns. Not a node: `ProcessorContext.store` finds it by name. */
export interface GlobalStoreSpec {
  readonly name: string;
  readonly schema: StoreSchema;
  readonly source: SourceSpec;
}

export interface SourceNode {
  readonly kind: "source";
  readonly name: string;
  readonly spec: SourceSpec;
  readonly children: TopologyNode[];
}
export interface ProcessorNode {
  readonly kind: "processor";
  readonly name: string;
  readonly supplier: () => Processor;
  readonly stores: string[];
  readonly children: TopologyNode[];
}
export interface SinkNode {
  readonly kind: "sink";
  readonly name: string;
  readonly spec: SinkSpec;
  readonly children: TopologyNode[];
}
export type TopologyNode = SourceNode | ProcessorNode | SinkNode;

/** Nodes that records reach from each other without passing through a topic; one task a partition. */
export interface SubTopology {
  readonly id: number;
  readonly sources: readonly SourceNode[];
  readonly processors: readonly ProcessorNode[];
  readonly sinks: readonly SinkNode[];
  readonly stores: readonly StoreSpec[];
  /** Upstream before downstream. */
  readonly order: readonly TopologyNode[];
}

/** A graph of sources, processors and sinks, with the stores that processors use. Names are unique and stable: they name stores and topics. */
export class Topology {
  readonly nodes = new Map<string, TopologyNode>();
  readonly stores = new Map<string, StoreSpec>();
  readonly globalStores = new Map<string, GlobalStoreSpec>();
  /** Groups of sources that must have equally many partitions. */
  readonly copartitioned: string[][] = [];

  addSource(spec: SourceSpec): this {
    return this.add({ kind: "source", name: spec.name, spec, children: [] }, []);
  }

  /** @param supplier makes one processor a task */
  addProcessor(name: string, supplier: () => Processor, parents: readonly string[], stores: readonly string[] = []): this {
    for (const store of stores)
      if (!this.stores.has(store)) throw new MillraceError("INTERNAL", `store ${store} of processor ${name} is not in the topology`);
    return this.add({ kind: "processor", name, supplier, stores: [...stores], children: [] }, parents);
  }

  addSink(spec: SinkSpec, parents: readonly string[]): this {
    return this.add({ kind: "sink", name: spec.name, spec, children: [] }, parents);
  }

  addStore(spec: StoreSpec): this {
    if (this.stores.has(spec.name)) throw new MillraceError("INTERNAL", `store ${spec.name} is there twice`);
    this.stores.set(spec.name, spec);
    return this;
  }

  addGlobalStore(spec: GlobalStoreSpec): this {
    if (this.stores.has(spec.name) || this.globalStores.has(spec.name))
      throw new MillraceError("INTERNAL", `store ${spec.name} is there twice`);
    this.globalStores.set(spec.name, spec);
    return this;
  }

  /** Sources (by name) whose topics must have the same number of partitions: the inputs of a join. */
  copartition(sources: readonly string[]): this {
    this.copartitioned.push([...sources]);
    return this;
  }

  /** In a stable order: by the first source added. */
  subTopologies(): SubTopology[] {
    const group = new Map<string, string>();
    const find = (name: string): string => {
      let at = name;
      while (group.get(at) !== at) at = group.get(at)!;
      return at;
    };
    for (const node of this.nodes.values()) group.set(node.name, node.name);
    const storeOwner = new Map<string, string>();
    for (const node of this.nodes.values()) {
      for (const child of node.children) group.set(find(child.name), find(node.name));
      if (node.kind !== "processor") continue;
      for (const store of node.stores) {
        const owner = storeOwner.get(store);
        if (owner === undefined) storeOwner.set(store, node.name);
        else group.set(find(node.name), find(owner));
      }
    }
    const members = new Map<string, TopologyNode[]>();
    for (const node of this.nodes.values()) {
      const root = find(node.name);
      const list = members.get(root);
      if (list) list.push(node);
      else members.set(root, [node]);
    }
    return [...members.values()].map((nodes, id) => {
      const names = new Set(nodes.flatMap((n) => (n.kind === "processor" ? n.stores : [])));
      return {
        id,
        sources: nodes.filter((n) => n.kind === "source"),
        processors: nodes.filter((n) => n.kind === "processor"),
        sinks: nodes.filter((n) => n.kind === "sink"),
        stores: [...names].map((name) => this.stores.get(name)!),
        order: topologicalOrder(nodes),
      };
    });
  }

  private add(node: TopologyNode, parents: readonly string[]): this {
    if (this.nodes.has(node.name)) throw new MillraceError("INTERNAL", `node ${node.name} is there twice`);
    for (const parent of parents) {
      const from = this.nodes.get(parent);
      if (!from || from.kind === "sink") throw new MillraceError("INTERNAL", `node ${node.name} has no parent ${parent}`);
      from.children.push(node);
    }
    this.nodes.set(node.name, node);
    return this;
  }
}

function topologicalOrder(nodes: readonly TopologyNode[]): TopologyNode[] {
  const order: TopologyNode[] = [];
  const seen = new Set<string>();
  const visit = (node: TopologyNode) => {
    if (seen.has(node.name)) return;
    seen.add(node.name);
    for (const child of node.children) visit(child);
    order.push(node);
  };
  for (const node of nodes) visit(node);
  return order.reverse();
}

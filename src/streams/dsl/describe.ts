import type { Topology, TopologyNode } from "../topology/topology.js";

/** The topology in the words of Kafka Streams' `Topology.describe()`. */
export function describeTopology(topology: Topology): string {
  const lines = ["Topologies:"];
  for (const sub of topology.subTopologies()) {
    lines.push(`   Sub-topology: ${sub.id}`);
    const parents = new Map<TopologyNode, string[]>();
    for (const node of sub.order) for (const child of node.children) parents.set(child, [...(parents.get(child) ?? []), node.name]);
    const of = (names: readonly string[] | undefined) => (names?.length ? names.join(", ") : "none");
    for (const node of sub.order) {
      if (node.kind === "source") {
        lines.push(`    Source: ${node.name} (topics: [${node.spec.topic}])`);
        lines.push(`      --> ${of(node.children.map((c) => c.name))}`);
      } else if (node.kind === "processor") {
        lines.push(`    Processor: ${node.name} (stores: [${node.stores.join(", ")}])`);
        lines.push(`      --> ${of(node.children.map((c) => c.name))}`);
        lines.push(`      <-- ${of(parents.get(node))}`);
      } else {
        lines.push(`    Sink: ${node.name} (topic: ${node.spec.topic})`);
        lines.push(`      <-- ${of(parents.get(node))}`);
      }
    }
    lines.push("");
  }
  for (const { name, source } of topology.globalStores.values()) {
    lines.push(`   Global store: ${name}`);
    lines.push(`    Source: ${source.name} (topics: [${source.topic}])`, "");
  }
  return lines.join("\n");
}

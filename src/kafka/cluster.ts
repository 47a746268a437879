import { BrokerError } from "../broker/api/errors.js";
import { findCoordinator, metadata } from "../protocol/messages/metadata.js";
import { type ConnectionSettings, type Node, NodeConnection } from "./connection.js";
import { check, isMoved } from "./response-errors.js";

export interface ClusterSettings extends ConnectionSettings {
  readonly bootstrapServers: readonly string[];
  /** How long moved leaders, coordinators that load and lost connections are waited for. */
  readonly retryMs: number;
}

export interface ClusterTopic {
  readonly name: string;
  readonly topicId: string;
  readonly internal: boolean;
  /** leader of each partition, -1 where there is none */
  readonly leaders: readonly number[];
}

type Use = "produce" | "fetch" | "other";
/** Groups' coordinators and transactions' in FindCoordinator. */
const GROUP = 0;
const TRANSACTION = 1;

/** The brokers of a cluster: who leads which partition, and connections to them. Long polls and produce have connections of their own. */
export class Cluster {
  private nodes = new Map<number, Node>();
  private controller = -1;
  private readonly topics = new Map<string, ClusterTopic>();
  private readonly connections = new Map<string, Promise<NodeConnection>>();
  private readonly coordinators = new Map<string, number>();
  clusterId = "";
  private closed = false;

  constructor(private readonly settings: ClusterSettings) {}

  /** @throws BrokerError where no bootstrap server answers */
  async open(): Promise<void> {
    await this.refresh([]);
  }

  private at(node: Node, use: Use): Promise<NodeConnection> {
    if (this.closed) return Promise.reject(new BrokerError("UNKNOWN_SERVER_ERROR", "the client of the Kafka cluster is closed"));
    const key = `${node.host}:${node.port}/${use}`;
    const known = this.connections.get(key);
    if (known) return known.then((c) => (c.closed ? this.anew(key, node, known) : c));
    return this.anew(key, node, undefined);
  }

  private anew(key: string, node: Node, instead: Promise<NodeConnection> | undefined): Promise<NodeConnection> {
    const now = this.connections.get(key);
    if (now && now !== instead) return now;
    const made = NodeConnection.open(node, this.settings);
    this.connections.set(key, made);
    made.catch(() => {
      if (this.connections.get(key) === made) this.connections.delete(key);
    });
    return made;
  }

  async node(id: number, use: Use = "other"): Promise<NodeConnection> {
    const node = this.nodes.get(id);
    if (!node) throw new BrokerError("COORDINATOR_NOT_AVAILABLE", `the cluster has no broker ${id} at the moment`);
    return this.at(node, use);
  }

  get nodeIds(): number[] {
    return [...this.nodes.keys()];
  }

  async any(): Promise<NodeConnection> {
    let failure: unknown;
    const bootstrap = this.settings.bootstrapServers.map((text) => {
      const at = text.lastIndexOf(":");
      return { host: text.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(text.slice(at + 1)) };
    });
    for (const node of [...this.nodes.values(), ...bootstrap])
      try {
        return await this.at(node, "other");
      } catch (error) {
        failure = error;
      }
    throw failure ?? new BrokerError("INVALID_CONFIG", "bootstrap.servers names no server");
  }

  async controllerNode(): Promise<NodeConnection> {
    return this.nodes.has(this.controller) ? this.node(this.controller) : this.any();
  }

  /** Asks the cluster; null: about all topics. Returns those that exist. */
  async refresh(names: readonly string[] | null): Promise<ClusterTopic[]> {
    const connection = await this.any();
    const answer = await connection.call(metadata, {
      topics: names === null ? null : names.map((name) => ({ name })),
      allowAutoTopicCreation: false,
    });
    this.nodes = new Map(answer.brokers.map((b) => [b.nodeId, { host: b.host, port: b.port }]));
    this.controller = answer.controllerId;
    this.clusterId = answer.clusterId ?? this.clusterId;
    const found: ClusterTopic[] = [];
    for (const t of answer.topics) {
      const leaders: number[] = [];
      for (const p of t.partitions) leaders[p.partitionIndex] = p.leaderId;
      if (t.errorCode !== 0 || t.name === null) {
        if (t.name !== null) this.topics.delete(t.name);
        continue;
      }
      const topic = { name: t.name, topicId: t.topicId, internal: t.isInternal, leaders };
      this.topics.set(t.name, topic);
      found.push(topic);
    }
    return found;
  }

  forget(topic: string): void {
    this.topics.delete(topic);
  }

  /** The leader's id. @throws BrokerError UNKNOWN_TOPIC_OR_PARTITION; COORDINATOR_NOT_AVAILABLE where there is none now */
  async leader(topic: string, partition: number): Promise<number> {
    let known = this.topics.get(topic);
    if (!known || known.leaders[partition] === undefined) [known] = await this.refresh([topic]);
    const id = known?.leaders[partition];
    if (id === undefined) throw new BrokerError("UNKNOWN_TOPIC_OR_PARTITION", `the cluster has no partition ${topic}-${partition}`);
    if (id < 0) {
      this.topics.delete(topic);
      throw new BrokerError("COORDINATOR_NOT_AVAILABLE", `${topic}-${partition} has no leader at the moment`);
    }
    return id;
  }

  group(groupId: string): Promise<NodeConnection> {
    return this.coordinator(GROUP, groupId);
  }
  transaction(transactionalId: string): Promise<NodeConnection> {
    return this.coordinator(TRANSACTION, transactionalId);
  }

  private async coordinator(keyType: number, key: string): Promise<NodeConnection> {
    const id = `${keyType}/${key}`;
    const known = this.coordinators.get(id);
    if (known !== undefined && this.nodes.has(known)) return this.node(known);
    const connection = await this.any();
    const answer = await connection.call(findCoordinator, { key, keyType, coordinatorKeys: [key] });
    const found = connection.versionOf(findCoordinator) >= 4 ? answer.coordinators[0]! : answer;
    check(found.errorCode, `finding the coordinator of ${key}`, found.errorMessage);
    if (!this.nodes.has(found.nodeId)) this.nodes.set(found.nodeId, { host: found.host, port: found.port });
    this.coordinators.set(id, found.nodeId);
    return this.node(found.nodeId);
  }

  /** Runs the call again, with fresh knowledge of leaders and coordinators, as long as its error says that they moved. */
  async retried<T>(call: () => Promise<T>, again: (error: BrokerError) => boolean = () => false): Promise<T> {
    const until = Date.now() + this.settings.retryMs;
    for (let pause = 20; ; pause = Math.min(pause * 2, 1000)) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof BrokerError) || this.closed) throw error;
        const code = error.context["code"];
        const moved = error.kafka === "COORDINATOR_NOT_AVAILABLE" || (typeof code === "number" && isMoved(code));
        if ((!moved && !again(error)) || Date.now() + pause > until) throw error;
        if (moved) {
          this.coordinators.clear();
          this.topics.clear();
          await this.refresh([]).catch(() => {});
        }
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const c of this.connections.values())
      c.then(
        (open) => open.close(),
        () => {},
      );
    this.connections.clear();
  }
}

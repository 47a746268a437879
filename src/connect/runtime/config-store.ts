import type { Broker } from "../../broker/api/broker.js";
import { CompactedTopic, type StoredRecord } from "../../broker/api/compacted-topic.js";
import { MillraceError } from "../../common/errors.js";
import { HIDDEN, type SecretKey } from "../../common/secrets.js";

export type TargetState = "STARTED" | "PAUSED" | "STOPPED";

export interface StoredConnector {
  /** As posted, with secrets in clear; in the topic they are encrypted. */
  readonly config: Readonly<Record<string, string>>;
  readonly target: TargetState;
}

/**
 * The connectors' configs and target states on `connect-configs`, in Kafka Connect's own records: `connector-NAME` with
 * `{"properties": …}`, `target-state-NAME` with `{"state": …, "state.v2": …}`, null where a connector was deleted.
 */
export class ConfigStore {
  private readonly configs = new Map<string, Record<string, string>>();
  private readonly targets = new Map<string, TargetState>();
  private table!: CompactedTopic;

  private constructor(private readonly key: SecretKey) {}

  static async open(broker: Broker, topic: string, key: SecretKey): Promise<ConfigStore> {
    const store = new ConfigStore(key);
    store.table = await CompactedTopic.open({ broker, topic, onRecord: (r) => store.apply(r) });
    return store;
  }

  names(): string[] {
    return [...this.configs.keys()].sort();
  }

  has(name: string): boolean {
    return this.configs.has(name);
  }

  /** @throws CONFIG_INVALID where its secrets were encrypted with another key */
  get(name: string): StoredConnector | undefined {
    const config = this.configs.get(name);
    return config && { config: this.decrypted(config), target: this.targets.get(name) ?? "STARTED" };
  }

  /** As `get`, for showing: what no key opens is `********`. */
  shown(name: string): StoredConnector | undefined {
    const config = this.configs.get(name);
    return config && { config: this.decrypted(config, HIDDEN), target: this.targets.get(name) ?? "STARTED" };
  }

  /** @param secrets the settings to encrypt */
  async put(name: string, config: Readonly<Record<string, string>>, secrets: ReadonlySet<string>, target?: TargetState): Promise<void> {
    const properties: Record<string, string> = {};
    for (const [k, v] of Object.entries(config)) properties[k] = secrets.has(k) ? this.key.encrypt(v) : v;
    const records: { key: Buffer; value: Buffer }[] = [{ key: Buffer.from(`connector-${name}`), value: json({ properties }) }];
    // The target state first: a crash between the two must not start a connector that is to be created stopped.
    if (target) records.unshift(this.targetRecord(name, target));
    await this.table.append(records);
  }

  async setTarget(name: string, target: TargetState): Promise<void> {
    await this.table.append([this.targetRecord(name, target)]);
  }

  async delete(name: string): Promise<void> {
    await this.table.append([
      { key: Buffer.from(`connector-${name}`), value: null },
      { key: Buffer.from(`target-state-${name}`), value: null },
    ]);
  }

  private targetRecord(name: string, target: TargetState): { key: Buffer; value: Buffer } {
    // Workers older than `state.v2` know no STOPPED and take PAUSED for it.
    return {
      key: Buffer.from(`target-state-${name}`),
      value: json({ state: target === "STOPPED" ? "PAUSED" : target, "state.v2": target }),
    };
  }

  private apply(record: StoredRecord): void {
    const key = record.key?.toString() ?? "";
    const value = record.value === null ? null : (JSON.parse(record.value.toString()) as Record<string, unknown> | null);
    const connector = after(key, "connector-");
    if (connector !== undefined) {
      if (value === null) this.configs.delete(connector);
      else this.configs.set(connector, (value["properties"] ?? {}) as Record<string, string>);
      return;
    }
    const target = after(key, "target-state-");
    if (target === undefined) return;
    if (value === null) this.targets.delete(target);
    else this.targets.set(target, ((value["state.v2"] ?? value["state"]) as TargetState) ?? "STARTED");
  }

  private decrypted(config: Record<string, string>, unopened?: string): Record<string, string> {
    const out: Record<string, string> = {};
    for (const [k, v] of Object.entries(config)) {
      try {
        out[k] = this.key.decrypt(v);
      } catch (cause) {
        if (unopened !== undefined) {
          out[k] = unopened;
          continue;
        }
        throw new MillraceError("CONFIG_INVALID", `${k}: ${(cause as Error).message}`, { cause });
      }
    }
    return out;
  }
}

export function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

export function after(text: string, prefix: string): string | undefined {
  return text.startsWith(prefix) ? text.slice(prefix.length) : undefined;
}

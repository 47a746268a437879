import type { ConnectorConfig } from "./source.js";

export type TaskState = "UNASSIGNED" | "RUNNING" | "PAUSED" | "FAILED" | "RESTARTING" | "STOPPED";
export interface ConnectorStatus {
  readonly name: string;
  readonly type: "source" | "sink";
  readonly connector: { readonly state: TaskState; readonly worker_id: string; readonly trace?: string };
  readonly tasks: readonly { readonly id: number; readonly state: TaskState; readonly worker_id: string; readonly trace?: string }[];
}

/** How SQL and the console see and make connectors; implemented by the runtime. */
export interface ConnectorAdmin {
  list(): Promise<string[]>;
  /** @throws CONFIG_INVALID naming each setting, ALREADY_EXISTS */
  create(name: string, config: ConnectorConfig): Promise<void>;
  /** Secrets are `********`. @throws NOT_FOUND */
  config(name: string): Promise<ConnectorConfig>;
  status(name: string): Promise<ConnectorStatus>;
  topics(name: string): Promise<string[]>;
  delete(name: string): Promise<void>;
  plugins(): {
    class: string;
    type: "source" | "sink" | "converter" | "transformation" | "predicate" | "header_converter";
    version: string;
  }[];
}

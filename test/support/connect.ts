import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedBroker } from "../../src/broker/embedded/embedded-broker.js";
import { createLogger, silentLogger } from "../../src/common/logger.js";
import { Metrics } from "../../src/common/metrics.js";
import { createConverterPlugins } from "../../src/connect/converters/plugins.js";
import { ConnectWorker } from "../../src/connect/runtime/worker.js";
import type { ConnectWorkerOptions } from "../../src/connect/runtime/worker-options.js";
import { ErrorStore } from "../../src/errors/error-store.js";
import { SchemaRegistry } from "../../src/schema-registry/registry.js";
import { CollectingSink, CountingSource } from "./connectors.js";

/** A worker with a counting source and a collecting sink, on an embedded broker in a folder of its own. */
export class ConnectBed {
  readonly dir = mkdtempSync(join(tmpdir(), "millrace-connect-"));
  readonly source = new CountingSource();
  readonly sink = new CollectingSink();
  readonly log: string[] = [];
  metrics = new Metrics();
  broker!: EmbeddedBroker;
  registry!: SchemaRegistry;
  errors!: ErrorStore;
  worker!: ConnectWorker;

  async open(options: Partial<ConnectWorkerOptions> = {}): Promise<this> {
    this.broker = await EmbeddedBroker.open({ dir: join(this.dir, "log") });
    this.registry = await SchemaRegistry.open({ broker: this.broker, logger: silentLogger });
    this.errors = await ErrorStore.open({ broker: this.broker });
    this.worker = await ConnectWorker.open({
      broker: this.broker,
      sources: [this.source],
      sinks: [this.sink],
      converters: createConverterPlugins({ registry: this.registry }),
      errorStore: this.errors,
      dataDir: this.dir,
      workerConfig: {
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
      },
      metrics: this.metrics,
      logger: createLogger({ write: (line) => void this.log.push(line), format: "json" }),
      ...options,
    });
    return this;
  }

  async close(): Promise<void> {
    await this.worker.close();
    await this.broker.close();
  }

  async reopen(options: Partial<ConnectWorkerOptions> = {}): Promise<void> {
    await this.close();
    await this.open(options);
  }

  async remove(): Promise<void> {
    await this.close().catch(() => undefined);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export async function until(what: string, test: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await test())) {
    if (Date.now() > end) throw new Error(`timed out waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

import type { Config } from "../../common/config-def.js";
import type { Clock } from "../../common/time.js";
import type { ConnectorConfig } from "../../connect/api/source.js";
import { changeHandler } from "./change-events.js";
import { idStrategy } from "./id-strategies.js";
import { type Namespace, namespaceMapper } from "./namespace.js";
import { postProcessors } from "./post-processors.js";
import { type CdcHandlerName, simpleName, topicConfig } from "./settings.js";
import type { SinkDocument } from "./sink-document.js";
import { timeConversion } from "./time-series.js";
import { type WriteModel, writeStrategy } from "./write-models.js";

/** How one topic's records are written. */
export interface TopicWrites {
  readonly config: Config;
  readonly maxBatch: number;
  readonly ordered: boolean;
  readonly rate: { readonly every: number; readonly pauseMs: number } | null;
  /** null: as the runtime's `errors.*` have it */
  readonly tolerate: boolean | null;
  readonly logErrors: boolean;
  /** null: the record is nothing to write. @throws RECORD_REFUSED */
  write(document: SinkDocument): (WriteModel & { readonly namespace: Namespace }) | null;
}

/** @throws CONFIG_INVALID naming the settings */
export function topicWrites(raw: ConnectorConfig, topic: string, clock: Clock): TopicWrites {
  const config = topicConfig(raw, topic);
  const now = () => clock.now();
  const id = idStrategy(config);
  const namespace = namespaceMapper(config, topic);
  const every = config.number("rate.limiting.every.n");
  const pauseMs = config.number("rate.limiting.timeout");
  const tolerance = config.string("mongo.errors.tolerance");
  const handler = config.string("change.data.capture.handler");
  const common = {
    config,
    maxBatch: config.number("max.batch.size") || 1000,
    ordered: config.boolean("bulk.write.ordered"),
    rate: every > 0 && pauseMs > 0 ? { every, pauseMs } : null,
    tolerate: tolerance === "" ? null : tolerance !== "none",
    logErrors: config.boolean("mongo.errors.log.enable"),
  };
  if (handler !== "") {
    const change = changeHandler(simpleName(handler) as CdcHandlerName);
    return {
      ...common,
      write(document) {
        const model = change(document);
        return model && { ...model, namespace: namespace(document) };
      },
    };
  }
  const processors = [...timeConversion(config), ...postProcessors(config, id)];
  const write = writeStrategy(config, "writemodel.strategy", id, now);
  const remove = config.boolean("delete.on.null.values") ? writeStrategy(config, "delete.writemodel.strategy", id, now) : () => null;
  return {
    ...common,
    write(document) {
      const strategy = document.value === null ? remove : write;
      // where it goes is read before the processors take fields out
      const to = namespace(document);
      for (const process of processors) process(document);
      const model = strategy(document);
      return model && { ...model, namespace: to };
    },
  };
}

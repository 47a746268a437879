import { MillraceError } from "../../common/errors.js";
import type { ConverterPlugin } from "../api/converter.js";
import type { SinkConnector } from "../api/sink.js";
import type { SourceConnector } from "../api/source.js";
import type { PredicatePlugin, TransformPlugin } from "../api/transform.js";

export type ConnectorPlugin = SourceConnector | SinkConnector;

export interface PluginListing {
  readonly class: string;
  readonly type: "source" | "sink" | "converter" | "transformation" | "predicate" | "header_converter";
  readonly version: string;
}

interface Named {
  readonly classes: readonly string[];
}

/** Plug-ins by their class names, and by Connect's short ones: the simple name, with or without its kind at the end. */
class ByName<P extends Named> {
  private readonly names = new Map<string, P>();

  constructor(
    readonly all: readonly P[],
    private readonly what: string,
    suffix: RegExp,
  ) {
    for (const plugin of all)
      for (const name of plugin.classes) {
        const simple = name.slice(name.lastIndexOf(".") + 1);
        for (const alias of [simple.replace(suffix, ""), simple, name])
          if (!this.names.has(alias) || alias === name) this.names.set(alias, plugin);
      }
  }

  find(name: string): P | undefined {
    return this.names.get(name.trim());
  }

  /** @throws NOT_FOUND that lists what there is */
  get(name: string): P {
    const plugin = this.find(name);
    if (plugin) return plugin;
    const there = this.all.map((p) => p.classes[0]).join(", ");
    throw new MillraceError(
      "NOT_FOUND",
      `Failed to find any class that implements ${this.what} and which name matches ${name}, available are: ${there || "none"}`,
    );
  }
}

export interface PluginSet {
  readonly sources: readonly SourceConnector[];
  readonly sinks: readonly SinkConnector[];
  readonly converters: readonly ConverterPlugin[];
  readonly transforms: readonly TransformPlugin[];
  readonly predicates: readonly PredicatePlugin[];
}

export class Plugins {
  readonly connectors: ByName<ConnectorPlugin>;
  readonly converters: ByName<ConverterPlugin>;
  readonly transforms: ByName<TransformPlugin>;
  readonly predicates: ByName<PredicatePlugin>;

  constructor(set: PluginSet) {
    this.connectors = new ByName<ConnectorPlugin>([...set.sources, ...set.sinks], "Connector", /Connector$/);
    this.converters = new ByName(set.converters, "Converter", /Converter$/);
    this.transforms = new ByName(set.transforms, "Transformation", /$^/);
    this.predicates = new ByName(set.predicates, "Predicate", /$^/);
  }

  list(connectorsOnly: boolean): PluginListing[] {
    const out: PluginListing[] = this.connectors.all.map((p) => ({ class: p.classes[0]!, type: p.type, version: p.version }));
    if (connectorsOnly) return out;
    const add = (type: PluginListing["type"], plugins: readonly (Named & { version: string })[]) => {
      for (const p of plugins) out.push({ class: p.classes[0]!, type, version: p.version });
    };
    add("converter", this.converters.all);
    add("header_converter", this.converters.all);
    add("transformation", this.transforms.all);
    add("predicate", this.predicates.all);
    return out;
  }
}

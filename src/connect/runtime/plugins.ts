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
    private readonly broken: readonly BrokenPlugin[],
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
    throw new MillraceError("NOT_FOUND", this.missing(name));
  }

  /** What to say where there is no such class: it may be in a file that could not be loaded. */
  missing(name: string): string {
    const there = this.all.map((p) => p.classes[0]).join(", ");
    const broken = this.broken.map((b) => `; ${b.file} could not be loaded: ${b.message}`).join("");
    return `Failed to find any class that implements ${this.what} and which name matches ${name}, available ${this.what.toLowerCase()}s are: ${there || "none"}${broken}`;
  }
}

/** A file of the user's that holds plug-ins and could not be loaded. */
export interface BrokenPlugin {
  readonly file: string;
  readonly message: string;
}

export interface PluginSet {
  readonly sources: readonly SourceConnector[];
  readonly sinks: readonly SinkConnector[];
  readonly converters: readonly ConverterPlugin[];
  readonly transforms: readonly TransformPlugin[];
  readonly predicates: readonly PredicatePlugin[];
  readonly broken?: readonly BrokenPlugin[];
}

export class Plugins {
  readonly connectors: ByName<ConnectorPlugin>;
  readonly converters: ByName<ConverterPlugin>;
  readonly transforms: ByName<TransformPlugin>;
  readonly predicates: ByName<PredicatePlugin>;

  constructor(set: PluginSet) {
    const { broken = [] } = set;
    this.connectors = new ByName<ConnectorPlugin>([...set.sources, ...set.sinks], "Connector", /Connector$/, broken);
    this.converters = new ByName(set.converters, "Converter", /Converter$/, broken);
    this.transforms = new ByName(set.transforms, "Transformation", /$^/, broken);
    this.predicates = new ByName(set.predicates, "Predicate", /$^/, broken);
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

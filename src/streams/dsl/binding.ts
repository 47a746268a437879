import { MillraceError } from "../../common/errors.js";
import { ByteWriter } from "../../serde/byte-writer.js";
import type { SerdeServices } from "../../serde/create.js";
import type { OpenSerde, Serde } from "../../serde/serde.js";
import { changelogName } from "../runtime/layout.js";
import type { ByteReader as StoreReader, ByteWriter as StoreWriter } from "../state/bytes.js";
import { codecType, type ValueCodec } from "../state/row-codec.js";
import type { StoreSchema } from "../state/store.js";

/** What a topology's serdes need of the service that runs it; known when it starts. */
export interface BoundTo {
  readonly applicationId: string;
  readonly services: SerdeServices;
  /** Hand on each group's last change at the commit, instead of every change. */
  readonly coalesce: boolean;
}

/** Where a store's bytes lie: in a changelog of its own, or in this process and its snapshots alone. */
export type StoreBytes = "changelog" | "local";

/** Gives the serdes of a topology their registry and their topics. */
export class Binding {
  private bound: BoundTo | undefined;
  private readonly codecs: StoreCodec<unknown>[] = [];

  get(): BoundTo {
    if (!this.bound) throw new MillraceError("INTERNAL", "the topology's serdes are used before its service has started");
    return this.bound;
  }

  /** Registers what the stores write, and looks up all that they may have to read. */
  async bind(to: BoundTo): Promise<void> {
    this.bound = to;
    for (const codec of this.codecs) await codec.prepare();
  }

  /** Rows of a key and a value as their serdes write them. */
  storeSchema<K, V>(store: string, key: Serde<K>, value: Serde<V>, bytes: StoreBytes): StoreSchema {
    return { key: [{ name: "KEY", type: this.column(store, key, true, bytes) }], value: [this.valueField(store, value, bytes)] };
  }

  valueField<V>(store: string, value: Serde<V>, bytes: StoreBytes) {
    return { name: "VALUE", type: this.column(store, value, false, bytes) };
  }

  column<T>(store: string, serde: Serde<T>, isKey: boolean, bytes: StoreBytes) {
    const codec = new StoreCodec(this, store, serde, isKey, bytes);
    this.codecs.push(codec as StoreCodec<unknown>);
    return codecType(codec);
  }
}

class StoreCodec<T> implements ValueCodec {
  private open!: OpenSerde<T>;
  private readonly out = new ByteWriter(256);

  constructor(
    private readonly binding: Binding,
    private readonly store: string,
    private readonly serde: Serde<T>,
    private readonly isKey: boolean,
    private readonly bytes: StoreBytes,
  ) {}

  async prepare(): Promise<void> {
    const { applicationId, services } = this.binding.get();
    const { serde, isKey, store } = this;
    if (this.bytes === "local" && serde.local) this.open = serde.local;
    else this.open = serde.open({ topic: changelogName(applicationId, store), isKey, registry: services.registry });
    await this.open.prepareStored?.();
  }

  readonly write = (value: unknown, writer: StoreWriter): void => {
    const { out } = this;
    out.position = 0;
    this.open.serialize(value as T, out);
    writer.int(out.position);
    writer.ensure(out.position);
    writer.position = out.copyTo(writer.bytes, writer.position);
  };

  readonly read = (reader: StoreReader): unknown => {
    const size = reader.int();
    const start = reader.position;
    reader.position = start + size;
    return this.open.deserialize(reader.bytes, start, start + size);
  };

  /** What a snapshot's layout shows of it. */
  toJSON(): string {
    return this.bytes === "local" ? this.serde.name : `changelog ${this.serde.name.split(" ", 1)[0]}`;
  }
}

/** A value that its receiver may change: what a store's serde makes of it. */
export function copier<T>(serde: Serde<T>): (value: T) => T {
  const out = new ByteWriter(256);
  const { local } = serde;
  const open = local ?? serde.open({ topic: "", isKey: false, registry: undefined as never });
  return (value) => {
    if (typeof value !== "object" || value === null) return value;
    out.position = 0;
    open.serialize(value, out);
    const bytes = out.take();
    return open.deserialize(bytes, 0, bytes.length);
  };
}

import { MalformedMessage, type WireReader } from "./wire-reader.js";
import { WireWriter } from "./wire-writer.js";

/** How one version of a value is read and written. */
export interface Codec<T> {
  read(from: WireReader): T;
  write(to: WireWriter, value: T): void;
}

/** In which versions a field is there, and what it is worth in those where it is not. */
interface Presence {
  readonly since: number;
  readonly until: number;
  /** from this version on null is allowed */
  readonly nullableSince: number;
  readonly tag: number | undefined;
}

const everywhere: Presence = { since: 0, until: Number.POSITIVE_INFINITY, nullableSince: Number.POSITIVE_INFINITY, tag: undefined };

/**
 * A type of the protocol guide: what it is worth when it is not sent, and its codec by version. `flexible` versions have compact
 * lengths and tagged fields.
 */
export class Type<T> {
  constructor(
    readonly fallback: T,
    readonly codec: (version: number, flexible: boolean, nullable: boolean) => Codec<T>,
    readonly presence: Presence = everywhere,
  ) {}

  since(version: number): Type<T> {
    return new Type(this.fallback, this.codec, { ...this.presence, since: version });
  }
  /** The last version that has it. */
  until(version: number): Type<T> {
    return new Type(this.fallback, this.codec, { ...this.presence, until: version });
  }
  nullable(since = 0): Type<T | null> {
    return new Type<T | null>(this.fallback, this.codec as Type<T | null>["codec"], { ...this.presence, nullableSince: since });
  }
  or<U extends T>(fallback: U): Type<T> {
    return new Type<T>(fallback, this.codec, this.presence);
  }
  /** A tagged field of flexible versions. */
  tagged(tag: number, since = 0): Type<T> {
    return new Type(this.fallback, this.codec, { ...this.presence, tag, since });
  }
}

const plain = <T>(fallback: T, read: (from: WireReader) => T, write: (to: WireWriter, value: T) => void): Type<T> =>
  new Type(fallback, () => ({ read, write }));

export const boolean = plain(
  false,
  (r) => r.boolean(),
  (w, v) => w.boolean(v),
) as Type<boolean>;
export const int8 = plain(
  0,
  (r) => r.int8(),
  (w, v) => w.int8(v),
);
export const int16 = plain(
  0,
  (r) => r.int16(),
  (w, v) => w.int16(v),
);
export const int32 = plain(
  0,
  (r) => r.int32(),
  (w, v) => w.int32(v),
);
export const int64 = plain(
  0,
  (r) => r.int64(),
  (w, v) => w.int64(v),
);
export const float64 = plain(
  0,
  (r) => r.float64(),
  (w, v) => w.float64(v),
);
/** 22 base64url characters; zeros where there is none. */
export const uuid = plain(
  "AAAAAAAAAAAAAAAAAAAAAA",
  (r) => r.uuid(),
  (w, v) => w.uuid(v),
) as Type<string>;

/** The length ahead of strings, bytes and arrays: -1 is null. `wide`: int32 where lengths are not compact, else int16. */
function readLength(from: WireReader, flexible: boolean, wide: boolean, nullable: boolean): number {
  const length = flexible ? from.uvarint() - 1 : wide ? from.int32() : from.int16();
  if (length < -1) throw new MalformedMessage(`a length of ${length} at ${from.position}`);
  if (length === -1 && !nullable) throw new MalformedMessage(`null at ${from.position}, where it is not allowed`);
  return length;
}

function writeLength(to: WireWriter, length: number, flexible: boolean, wide: boolean): void {
  if (flexible) to.uvarint(length + 1);
  else if (wide) to.int32(length);
  else to.int16(length);
}

export const string = new Type<string>("", (_, flexible, nullable) => ({
  read(from) {
    const length = readLength(from, flexible, false, nullable);
    return length < 0 ? (null as unknown as string) : from.text(length);
  },
  write(to, value) {
    if (value === null) return writeLength(to, -1, flexible, false);
    const length = Buffer.byteLength(value);
    writeLength(to, length, flexible, false);
    to.text(value, length);
  },
}));

/** A view of the message, not a copy. */
export const bytes = new Type<Buffer>(Buffer.alloc(0), (_, flexible, nullable) => ({
  read(from) {
    const length = readLength(from, flexible, true, nullable);
    return length < 0 ? (null as unknown as Buffer) : from.bytes(length);
  },
  write(to, value) {
    if (value === null) return writeLength(to, -1, flexible, true);
    writeLength(to, value.length, flexible, true);
    to.bytes(value);
  },
}));

export function array<T>(element: Type<T>): Type<readonly T[]> {
  return new Type<readonly T[]>([], (version, flexible, nullable) => {
    const codec = element.codec(version, flexible, version >= element.presence.nullableSince);
    return {
      read(from) {
        const length = readLength(from, flexible, true, nullable);
        if (length < 0) return null as unknown as T[];
        from.elements(length);
        const out: T[] = [];
        for (let i = 0; i < length; i++) out.push(codec.read(from));
        return out;
      },
      write(to, value) {
        if (value === null) return writeLength(to, -1, flexible, true);
        writeLength(to, value.length, flexible, true);
        for (const v of value) codec.write(to, v);
      },
    };
  });
}

export type Fields = Readonly<Record<string, Type<never>>>;
export type ValueOf<F> = { -readonly [K in keyof F]: F[K] extends Type<infer T> ? T : never };
/** What `write` takes: a field that is left out has its fallback. */
export type InputOf<F> = { readonly [K in keyof F]?: F[K] extends Type<infer T> ? DeepInput<T> : never };
type DeepInput<T> = T extends readonly (infer E)[]
  ? readonly DeepInput<E>[]
  : T extends Buffer | string | number | boolean | null
    ? T
    : T extends object
      ? { readonly [K in keyof T]?: DeepInput<T[K]> }
      : T;

interface Member {
  readonly name: string;
  readonly fallback: unknown;
  readonly tag: number | undefined;
  readonly codec: Codec<unknown> | undefined;
}

/** Fields in their order on the wire. */
export function struct<F extends Record<string, Type<any>>>(fields: F): Type<ValueOf<F>> {
  return new Type<ValueOf<F>>({} as ValueOf<F>, (version, flexible, nullable) => {
    const members: Member[] = Object.entries(fields).map(([name, type]) => {
      const { since, until, nullableSince, tag } = type.presence;
      const there = version >= since && version <= until && (tag === undefined || flexible);
      return {
        name,
        fallback: type.fallback,
        tag,
        codec: there ? type.codec(version, flexible, version >= nullableSince) : undefined,
      };
    });
    const ordered = members.filter((m) => m.codec !== undefined && m.tag === undefined);
    const tagged = members.filter((m) => m.codec !== undefined && m.tag !== undefined);
    return {
      read(from) {
        if (nullable && from.int8() < 0) return null as unknown as ValueOf<F>;
        const out: Record<string, unknown> = {};
        for (const m of members) out[m.name] = m.fallback;
        for (const m of ordered) out[m.name] = m.codec!.read(from);
        if (flexible) readTags(from, tagged, out);
        return out as ValueOf<F>;
      },
      write(to, value) {
        if (nullable) {
          to.int8(value === null ? -1 : 1);
          if (value === null) return;
        }
        const given = value as Record<string, unknown>;
        for (const m of ordered) m.codec!.write(to, given[m.name] === undefined ? m.fallback : given[m.name]);
        if (flexible) writeTags(to, tagged, given);
      },
    };
  });
}

function readTags(from: WireReader, tagged: readonly Member[], out: Record<string, unknown>): void {
  for (let n = from.uvarint(); n > 0; n--) {
    const tag = from.uvarint();
    const size = from.uvarint();
    const end = from.position + size;
    const member = tagged.find((m) => m.tag === tag);
    // a tag of a later version is passed over
    if (!member) from.bytes(size);
    else {
      out[member.name] = member.codec!.read(from);
      if (from.position !== end) throw new MalformedMessage(`tagged field ${tag} ends at ${from.position} and not at ${end}`);
    }
  }
}

function writeTags(to: WireWriter, tagged: readonly Member[], given: Record<string, unknown>): void {
  const sent = tagged.filter((m) => given[m.name] !== undefined && given[m.name] !== m.fallback);
  to.uvarint(sent.length);
  for (const m of sent.sort((a, b) => a.tag! - b.tag!)) {
    const part = new WireWriter(64);
    m.codec!.write(part, given[m.name]);
    to.uvarint(m.tag!);
    to.uvarint(part.length);
    for (const bytes of part.parts()) to.bytes(bytes);
  }
}

import { type Codec, type InputOf, struct, type Type, type ValueOf } from "./types.js";

/** One API of the protocol: its key, the versions that are implemented whole, and the shapes of its messages. */
export interface Api<Q = any, S = any> {
  readonly name: string;
  readonly key: number;
  readonly versions: readonly [from: number, to: number];
  /** First version with compact lengths, tagged fields and the later headers. */
  readonly flexibleSince: number;
  request(version: number): Codec<Q>;
  response(version: number): Codec<S>;
}

/** What a client of the API sends and gets; it is there for its types alone. */
export interface Spoken<Q, S> {
  readonly spoken?: { readonly request: Q; readonly response: S };
}

/** @param flexibleSince Infinity where no version is */
export function api<Q extends Record<string, Type<any>>, S extends Record<string, Type<any>>>(
  key: number,
  name: string,
  versions: readonly [number, number],
  flexibleSince: number,
  request: Q,
  response: S,
): Api<ValueOf<Q>, InputOf<S>> & Spoken<InputOf<Q>, ValueOf<S>> {
  const by = <T>(type: Type<T>) => {
    const known = new Map<number, Codec<T>>();
    return (version: number): Codec<T> => {
      let codec = known.get(version);
      if (!codec) known.set(version, (codec = type.codec(version, version >= flexibleSince, false)));
      return codec;
    };
  };
  return {
    name,
    key,
    versions,
    flexibleSince,
    request: by(struct(request)),
    response: by(struct(response)) as unknown as (version: number) => Codec<InputOf<S>>,
  };
}

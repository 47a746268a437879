/** A topic's table, whole in every process: streams of any partitioning look it up, by any key of theirs. */
export class GlobalKTable<K, V> {
  /** only for the types */
  declare readonly types: { readonly key: K; readonly value: V };

  constructor(
    /** The name of its store, for interactive queries. */
    readonly store: string,
  ) {}
}

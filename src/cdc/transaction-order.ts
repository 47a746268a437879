/** Counts the events of one transaction, over all and by data collection, for `provide.transaction.metadata`. */
export class TransactionOrder {
  total = 0;
  private readonly counts = new Map<string, number>();

  /** Counts one event of the collection; returns its place among that collection's. */
  next(collection: string): number {
    this.total++;
    const n = (this.counts.get(collection) ?? 0) + 1;
    this.counts.set(collection, n);
    return n;
  }

  clear(): void {
    this.total = 0;
    this.counts.clear();
  }

  /** The collections with their counts, in the order of a Java HashMap by name, which is what consumers of the END record saw. */
  collections(): [string, number][] {
    let size = 16;
    while (this.counts.size > size * 0.75) size *= 2;
    const bucket = (name: string) => {
      let h = 0;
      for (let i = 0; i < name.length; i++) h = (Math.imul(h, 31) + name.charCodeAt(i)) | 0;
      return (h ^ (h >>> 16)) & (size - 1);
    };
    return [...this.counts]
      .map(([name, n]) => ({ name, n, at: bucket(name) }))
      .sort((a, b) => a.at - b.at)
      .map(({ name, n }) => [name, n]);
  }
}

import { hashMapOrder } from "./java-hash.js";

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

  /** The collections with their counts, in the order of a Java HashMap by name. */
  collections(): [string, number][] {
    return hashMapOrder([...this.counts]);
  }
}

/** Whether key a lies behind key b in the order in which a snapshot reads: integers by value, other texts by their bytes. */
export function isAfter(a: readonly string[], b: readonly string[], key: readonly { readonly order: string }[]): boolean {
  for (let i = 0; i < key.length; i++) {
    if (a[i] === b[i]) continue;
    if (key[i]!.order === "integer") return BigInt(a[i]!) > BigInt(b[i]!);
    return Buffer.compare(Buffer.from(a[i]!), Buffer.from(b[i]!)) > 0;
  }
  return false;
}

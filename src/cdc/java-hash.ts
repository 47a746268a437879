/**
 * These names in the order of a Java HashMap, for what consumers of the original have always seen in it.
 * @param entries in the order of insertion, keys once each
 */
export function hashMapOrder<T extends readonly [string, ...unknown[]]>(entries: readonly T[]): T[] {
  let size = 16;
  while (entries.length > size * 0.75) size *= 2;
  return entries
    .map((entry) => ({ entry, at: bucket(entry[0], size) }))
    .sort((a, b) => a.at - b.at)
    .map(({ entry }) => entry);
}

function bucket(name: string, size: number): number {
  let h = 0;
  for (let i = 0; i < name.length; i++) h = (Math.imul(h, 31) + name.charCodeAt(i)) | 0;
  return (h ^ (h >>> 16)) & (size - 1);
}

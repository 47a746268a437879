/** A write-ahead log position as a number (exact below 2^53, which is 8 PB of log). */
export function parseLsn(text: string): number {
  const slash = text.indexOf("/");
  return Number.parseInt(text.slice(0, slash), 16) * 2 ** 32 + Number.parseInt(text.slice(slash + 1), 16);
}

export function formatLsn(lsn: number): string {
  return `${Math.floor(lsn / 2 ** 32)
    .toString(16)
    .toUpperCase()}/${(lsn % 2 ** 32).toString(16).toUpperCase()}`;
}

/** Text columns under a header between two rules; numbers are aligned to the right. */
export function table(header: readonly string[], rows: readonly (readonly unknown[])[], width = 0): string {
  const text = rows.map((row) => row.map(cell));
  const natural = header.map((h, i) => text.reduce((w, row) => Math.max(w, (row[i] ?? "").length), h.length));
  const widths = fit(natural, width);
  const right = header.map((_, i) => rows.length > 0 && rows.every((row) => row[i] === null || typeof row[i] === "number"));
  const rule = "-".repeat(widths.reduce((sum, w) => sum + w + 3, -1));
  const lines = [line(header as string[], widths, []), rule, ...text.map((row) => line(row, widths, right)), rule];
  return lines.join("\n");
}

export function line(cells: readonly string[], widths: readonly number[], right: readonly boolean[]): string {
  return ` ${cells.map((c, i) => pad(c, widths[i]!, right[i] ?? false)).join(" | ")} `;
}

/** What a cell shows of a JSON value: text as it is, anything else as JSON. */
export function cell(value: unknown): string {
  if (value === null || value === undefined) return "null";
  return typeof value === "string" ? value.replace(/\r?\n/g, "⏎") : typeof value === "object" ? JSON.stringify(value) : String(value);
}

function pad(text: string, width: number, right: boolean): string {
  if (text.length > width) return `${text.slice(0, Math.max(0, width - 1))}…`;
  return right ? text.padStart(width) : text.padEnd(width);
}

/** Narrows the widest columns until the line fits; 0 is no limit. */
function fit(natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  if (width <= 0) return widths;
  const room = width - 3 * widths.length + 1;
  for (let total = widths.reduce((a, b) => a + b, 0); total > room; ) {
    const widest = widths.indexOf(Math.max(...widths));
    const second = Math.max(8, ...widths.filter((w, i) => i !== widest && w < widths[widest]!));
    const cut = Math.min(total - room, Math.max(1, widths[widest]! - second));
    if (widths[widest]! - cut < 8) break;
    widths[widest]! -= cut;
    total -= cut;
  }
  return widths;
}

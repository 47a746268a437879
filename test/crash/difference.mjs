/**
 * What two sets of tables do not share, in words; undefined where they are equal.
 * @param expected `{ table: [row as text] }`, each row as often as it must be there
 */
export function difference(expected, actual) {
  const lines = Object.keys(expected).flatMap((name) => {
    const [e, a] = [expected[name], actual[name]];
    if (JSON.stringify(e) === JSON.stringify(a)) return [];
    const [ce, ca] = [counted(e), counted(a)];
    const missing = e.filter((row) => !ca.has(row));
    const extra = a.filter((row) => !ce.has(row) || ca.get(row) > ce.get(row));
    return `${name}: ${e.length} rows expected, ${a.length} there; missing ${some(missing)}; not expected ${some(extra)}`;
  });
  return lines.length ? lines.join("\n") : undefined;
}

const counted = (rows) => rows.reduce((m, row) => m.set(row, (m.get(row) ?? 0) + 1), new Map());
const some = (rows) => `${rows.length}${rows.length ? ` (${rows.slice(0, 10).join("; ")}${rows.length > 10 ? "; …" : ""})` : ""}`;

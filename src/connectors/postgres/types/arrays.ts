/** The elements of an array as Postgres prints it, null for NULL; nested arrays are flattened. Bounds (`[0:1]=`) are skipped. */
export function arrayElements(text: string, delimiter = ","): (string | null)[] {
  const out: (string | null)[] = [];
  let i = text.indexOf("{");
  if (i < 0) throw new RangeError(`not an array: ${text}`);
  for (i++; i < text.length; ) {
    const c = text[i]!;
    if (c === "{" || c === "}" || c === delimiter) {
      i++;
      continue;
    }
    if (c === '"') {
      let value = "";
      let from = ++i;
      for (;;) {
        const d = text[i];
        if (d === undefined) throw new RangeError(`not an array: ${text}`);
        if (d === '"') break;
        if (d === "\\") {
          value += text.slice(from, i) + text[i + 1];
          i += 2;
          from = i;
        } else i++;
      }
      out.push(value + text.slice(from, i));
      i++;
      continue;
    }
    const from = i;
    while (i < text.length && text[i] !== delimiter && text[i] !== "}") i++;
    const word = text.slice(from, i);
    out.push(word === "NULL" ? null : word);
  }
  return out;
}

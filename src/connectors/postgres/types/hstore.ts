import { hashMapOrder } from "../../../cdc/java-hash.js";

/** The pairs of an hstore as Postgres prints it: `"a"=>"1", "n"=>NULL`. */
export function hstorePairs(text: string): [string, string | null][] {
  const pairs: [string, string | null][] = [];
  let i = 0;
  const quoted = () => {
    let value = "";
    for (i++; text[i] !== '"'; i++) {
      if (i >= text.length) throw new RangeError(`not an hstore: ${text}`);
      if (text[i] === "\\") i++;
      value += text[i];
    }
    i++;
    return value;
  };
  while (i < text.length) {
    if (text[i] === " " || text[i] === ",") {
      i++;
      continue;
    }
    const key = quoted();
    i += 2; // =>
    if (text.startsWith("NULL", i)) {
      pairs.push([key, null]);
      i += 4;
    } else pairs.push([key, quoted()]);
  }
  return pairs;
}

/** As one JSON object, its keys in the order of a Java HashMap. */
export function hstoreJson(text: string): string {
  return `{${hashMapOrder(hstorePairs(text))
    .map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`)
    .join(",")}}`;
}

/** How names are made to fit Avro's rules: `none`, `avro` (each bad character becomes `_`), `avro_unicode` (`_uXXXX`). */
export type AdjustmentMode = "none" | "avro" | "avro_unicode";
export const adjustmentModes = ["none", "avro", "avro_unicode"] as const;

const startsWell = /^[A-Za-z_]/;

/** A schema's full name, part by part between the dots. */
export function adjustSchemaName(name: string, mode: AdjustmentMode): string {
  return mode === "none"
    ? name
    : name
        .split(".")
        .map((part) => adjustFieldName(part, mode))
        .join(".");
}

export function adjustFieldName(name: string, mode: AdjustmentMode): string {
  if (mode === "none") return name;
  let out = "";
  for (let i = 0; i < name.length; i++) {
    const c = name[i]!;
    const good = mode === "avro_unicode" ? /[A-Za-z0-9]/.test(c) : /[A-Za-z0-9_]/.test(c);
    if (good) out += c;
    else out += mode === "avro" ? "_" : `_u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  }
  return startsWell.test(out) || out === ""
    ? out
    : mode === "avro"
      ? `_${out}`
      : `_u${out.charCodeAt(0).toString(16).padStart(4, "0")}${out.slice(1)}`;
}

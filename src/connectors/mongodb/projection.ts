import type { Document } from "mongodb";
import { MillraceError } from "../../common/errors.js";
import { isDocument } from "./document-paths.js";

/** `AllowList` or `BlockList` with dotted paths. `_id` on the top level always stays. */
export class Projection {
  private readonly full: RegExp;
  /** `a.**.b`: a document that has such a field is kept whole */
  private readonly inside: RegExp | null;

  constructor(
    private readonly keeps: boolean,
    fields: readonly string[],
  ) {
    const source = (path: string) =>
      path
        .split(/(\*\*|\*)/)
        .map((p) => (p === "**" ? ".*" : p === "*" ? "[^.]*" : p.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")))
        .join("");
    const any = (paths: readonly string[]) => (paths.length ? new RegExp(`^(?:${paths.map(source).join("|")})$`, "s") : null);
    this.full = any(fields) ?? /[^\s\S]/;
    this.inside = any(fields.filter((f) => /\*\*\../.test(f)));
  }

  /** @param type allowlist, blocklist or their older names; @param setting of the list, for the error. @throws CONFIG_INVALID */
  static of(type: string, fields: readonly string[], setting: string): Projection {
    if (type === "none") throw new MillraceError("CONFIG_INVALID", `${setting}.type: expected AllowList or BlockList, found none`);
    return new Projection(/^(allow|white)list$/.test(type), fields);
  }

  /** Changes the document. */
  apply(document: Document): Document {
    if (this.keeps) this.allow(document, "");
    else this.block(document, "");
    return document;
  }

  private allow(document: Document, prefix: string): void {
    for (const [name, value] of Object.entries(document)) {
      const path = prefix + name;
      if (path === "_id" || this.full.test(path)) continue;
      if (isDocument(value)) {
        if (this.inside && Object.keys(value).some((inner) => this.inside!.test(`${path}.${inner}`))) continue;
        this.allow(value, `${path}.`);
        if (Object.keys(value).length === 0) delete document[name];
      } else if (Array.isArray(value)) {
        const kept = value.filter(isDocument);
        for (const element of kept) this.allow(element, `${path}.`);
        document[name] = kept.filter((element) => Object.keys(element).length > 0);
        if ((document[name] as unknown[]).length === 0) delete document[name];
      } else delete document[name];
    }
  }

  private block(document: Document, prefix: string): void {
    for (const [name, value] of Object.entries(document)) {
      const path = prefix + name;
      if (path === "_id") continue;
      if (this.full.test(path)) delete document[name];
      else if (isDocument(value)) this.block(value, `${path}.`);
      else if (Array.isArray(value)) for (const element of value) if (isDocument(element)) this.block(element, `${path}.`);
    }
  }
}

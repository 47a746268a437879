import type { Document } from "mongodb";
import { MillraceError } from "../../common/errors.js";
import { isDocument } from "./document-paths.js";

/** `AllowList` or `BlockList` with dotted paths. `_id` on the top level always stays. */
export class Projection {
  private readonly full: RegExp;
  /** paths on the way to a listed one */
  private readonly ancestors: ReadonlySet<string>;
  private readonly wildAncestors: RegExp | null;
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
    const prefixes = fields.flatMap((f) => {
      const names = f.split(".");
      return names.slice(1).map((_, i) => names.slice(0, i + 1).join("."));
    });
    this.full = any(fields) ?? /[^\s\S]/;
    this.ancestors = new Set(prefixes.filter((p) => !p.includes("*")));
    this.wildAncestors = any(prefixes.filter((p) => p.includes("*")));
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
      const leads = this.ancestors.has(path) || this.wildAncestors?.test(path);
      if (isDocument(value)) {
        if (this.inside && Object.keys(value).some((inner) => this.inside!.test(`${path}.${inner}`))) continue;
        this.allow(value, `${path}.`);
        if (Object.keys(value).length === 0) delete document[name];
      } else if (Array.isArray(value) && leads && value.some(isDocument)) {
        for (const element of value) if (isDocument(element)) this.allow(element, `${path}.`);
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

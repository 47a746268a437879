import type { Document } from "mongodb";
import type { Config } from "../../common/config-def.js";
import { isDocument, rename } from "./document-paths.js";
import type { IdStrategy } from "./id-strategies.js";
import { Projection } from "./projection.js";
import { type PostProcessorName, type RegexRenaming, renameMapping, renameRegexps, simpleName } from "./settings.js";
import type { SinkDocument } from "./sink-document.js";
import { put } from "./to-bson.js";

export type PostProcessor = (document: SinkDocument) => void;

/** In order, DocumentIdAdder first where the chain does not name it. @throws CONFIG_INVALID */
export function postProcessors(config: Config, id: IdStrategy): PostProcessor[] {
  const names = config
    .list("post.processor.chain")
    .filter((n) => n !== "")
    .map((n) => simpleName(n) as PostProcessorName);
  if (!names.includes("DocumentIdAdder")) names.unshift("DocumentIdAdder");
  return names.map((name) => postProcessor(name, config, id));
}

function postProcessor(name: PostProcessorName, config: Config, id: IdStrategy): PostProcessor {
  switch (name) {
    case "DocumentIdAdder": {
      const overwrite = config.boolean("document.id.strategy.overwrite.existing");
      return (d) => {
        const { value } = d;
        if (value !== null && (overwrite || !Object.hasOwn(value, "_id"))) value._id = id(d);
      };
    }
    case "AllowListKeyProjector":
    case "BlockListKeyProjector":
      return projector(config, "key", name);
    case "AllowListValueProjector":
    case "BlockListValueProjector":
      return projector(config, "value", name);
    case "KafkaMetaAdder":
      return (d) => {
        if (d.value !== null) d.value["topic-partition-offset"] = d.place("-");
      };
    case "RenameByMapping": {
      const renamings = renameMapping(config.string("field.renamer.mapping"));
      return (d) => {
        for (const { part, path, to } of renamings) {
          const document = d[part];
          if (document !== null) rename(document, path, to);
        }
      };
    }
    case "RenameByRegex": {
      const renamings = renameRegexps(config.string("field.renamer.regexp"));
      const needsKey = renamings.some((r) => !/^\^?value/.test(r.path.text));
      return (d) => {
        if (needsKey && d.key !== null) byRegex(d.key, "key", renamings);
        if (d.value !== null) byRegex(d.value, "value", renamings);
      };
    }
    case "NullFieldValueRemover":
      return (d) => {
        if (d.value !== null) withoutNulls(d.value);
      };
  }
}

function projector(config: Config, part: "key" | "value", name: PostProcessorName): PostProcessor {
  const keeps = name.startsWith("Allow");
  const type = config.string(`${part}.projection.type`);
  const fits = keeps ? /^(allow|white)list$/ : /^(block|black)list$/;
  // a projector whose list is meant for the other kind does nothing, as two of one part may be in a chain
  if (!fits.test(type)) return () => {};
  const projection = new Projection(keeps, config.list(`${part}.projection.list`));
  return (d) => {
    const document = d[part];
    if (document !== null) projection.apply(document);
  };
}

function byRegex(document: Document, path: string, renamings: readonly RegexRenaming[]): void {
  for (const [name, value] of Object.entries(document)) {
    const at = `${path}.${name}`;
    if (isDocument(value)) byRegex(value, at, renamings);
    let to = name;
    for (const r of renamings) if (r.path.matches(at)) to = r.pattern.replaceAll(to, r.replace);
    if (to === name || Object.hasOwn(document, to)) continue;
    put(document, to, value);
    delete document[name];
  }
}

function withoutNulls(document: Document): void {
  for (const [name, value] of Object.entries(document)) {
    if (value === null) delete document[name];
    else if (isDocument(value)) withoutNulls(value);
    else if (Array.isArray(value)) for (const element of value) if (isDocument(element)) withoutNulls(element);
  }
}

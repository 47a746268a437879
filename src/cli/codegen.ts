import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { Command, Option } from "commander";
import { RestClient } from "./rest-client.js";

export interface CodegenInput {
  readonly name: string;
  readonly schema: string;
  readonly references?: readonly string[];
}

/** What the command needs of the serdes: a TypeScript module from schemas. */
export type Codegen = (inputs: readonly CodegenInput[], options: { longs: "number" | "bigint" }) => Promise<string>;

interface Options {
  readonly out?: string;
  readonly subject: readonly string[];
  readonly url: string;
  readonly longs: "number" | "bigint";
}

interface Version {
  readonly schema: string;
  readonly schemaType?: string;
  readonly references?: readonly { readonly subject: string; readonly version: number }[];
}

export function codegenCommand(generate: Codegen): Command {
  return new Command("codegen")
    .description("Write TypeScript types and serdes from Avro schemas, for services on millrace/streams.")
    .argument("[files...]", ".avsc files")
    .option("-s, --subject <name>", "a subject of the registry, its latest version; may be given again", collect, [])
    .option("-o, --out <file>", "the module to write; on stdout if absent")
    .option("--url <url>", "the schema registry", process.env["MILLRACE_SCHEMA_REGISTRY_URL"] ?? "http://localhost:8081")
    .addOption(new Option("--longs <type>", "how Avro's longs are shown").choices(["number", "bigint"]).default("number"))
    .addHelpText(
      "after",
      `
A long beyond 2^53 is an error of its record where longs are numbers.

Examples:
  millrace codegen schemas/*.avsc -o src/types.ts
  millrace codegen -s orders-value -s customers-value -o src/types.ts`,
    )
    .action(async (files: readonly string[], options: Options) => {
      if (files.length === 0 && options.subject.length === 0) throw new Error("nothing to write: name .avsc files or a --subject");
      const inputs: CodegenInput[] = files.map((file) => ({ name: basename(file, ".avsc"), schema: readFileSync(file, "utf8") }));
      const registry = new RestClient(options.url);
      for (const subject of options.subject) inputs.push(await ofSubject(registry, subject));
      const text = await generate(inputs, { longs: options.longs });
      if (options.out === undefined) process.stdout.write(text);
      else writeFileSync(options.out, text);
    });
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

async function ofSubject(registry: RestClient, subject: string): Promise<CodegenInput> {
  const found = await versionOf(registry, subject, "latest");
  if ((found.schemaType ?? "AVRO") !== "AVRO") throw new Error(`${subject} is ${found.schemaType}: types are made from Avro alone`);
  return { name: subject, schema: found.schema, references: await referencesOf(registry, found) };
}

/** The texts of what a schema refers to, each before those that need it. */
async function referencesOf(registry: RestClient, { references = [] }: Version): Promise<string[]> {
  const texts: string[] = [];
  for (const { subject, version } of references) {
    const found = await versionOf(registry, subject, version);
    for (const text of [...(await referencesOf(registry, found)), found.schema]) if (!texts.includes(text)) texts.push(text);
  }
  return texts;
}

function versionOf(registry: RestClient, subject: string, version: number | "latest"): Promise<Version> {
  return registry.call<Version>("GET", `/subjects/${encodeURIComponent(subject)}/versions/${version}`);
}

// Writes docs/reference/sql-functions.md from the functions' declarations. Run after a build.
import { mkdirSync, writeFileSync } from "node:fs";
import { builtInFunctions } from "../dist/sql/functions/built-in.js";

const { functions, aggregateFunctions } = builtInFunctions;
const byName = (a, b) => (a.name < b.name ? -1 : 1);
const cell = (text) => text.replaceAll("|", "\\|");
const code = (text) => `\`${text}\``;

function scalar(f) {
  const forms = f.overloads.map((o) => code(`${f.name}(${o.args})${typeof o.returns === "string" ? ` → ${o.returns}` : ""}`));
  const examples = f.examples.map(([sql, gives]) => `${code(cell(sql))} is ${code(cell(gives))}`);
  return [
    `### ${f.name}`,
    "",
    f.description,
    "",
    ...forms.map((form) => `- ${form}`),
    "",
    ...(examples.length ? [`Example: ${examples.join("; ")}.`, ""] : []),
  ];
}
function aggregate(f) {
  const forms = f.overloads.map((o) => {
    const args = [o.args, o.constants ?? ""].filter((s) => s !== "").join(", ");
    return `- ${code(`${f.name}(${args || (f.name === "COUNT" ? "*" : "")})`)}${o.overTables ? "" : " (of streams only)"}`;
  });
  return [`### ${f.name}`, "", f.description, "", ...forms, ""];
}

const lines = [
  "# SQL functions",
  "",
  "Written by `npm run docs:functions` from the functions' declarations; the examples run as tests.",
  "`T`, `K`, `V` and the like stand for any type, `...` for any number of further arguments, `DECIMAL` for any DECIMAL.",
  "An argument that is NULL makes the result NULL unless the text says otherwise. INTEGER widens to BIGINT, DECIMAL and DOUBLE where a function takes those.",
  "",
];
const categories = [...new Set(functions.map((f) => f.category))].sort();
for (const category of categories) {
  lines.push(`## ${category}`, "");
  for (const f of functions.filter((f) => f.category === category).sort(byName)) lines.push(...scalar(f));
}
lines.push("## AGGREGATE", "");
for (const f of [...aggregateFunctions].sort(byName)) lines.push(...aggregate(f));
lines.push(
  "## Patterns",
  "",
  "Date and time patterns are Java's `DateTimeFormatter`: `y u M L d D E G H k h K m s S n A N a V z X x Z`, quoted text, optional parts in brackets, English names.",
  "Regular expressions are JavaScript's with Java's `\\p{Alpha}` classes, `\\A`, `\\z`, `\\h`, `\\Q…\\E`, leading flags `(?is)`; possessive quantifiers act as greedy ones.",
  "",
);
mkdirSync(new URL("../docs/reference/", import.meta.url), { recursive: true });
writeFileSync(new URL("../docs/reference/sql-functions.md", import.meta.url), lines.join("\n"));

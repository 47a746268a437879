// Writes docs/reference/settings-*.md from the ConfigDefs; with --check, fails where a file is not what would be written.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createConverterPlugins } from "../dist/connect/converters/plugins.js";
import { predicatePlugins } from "../dist/connect/predicates/plugins.js";
import { transformPlugins } from "../dist/connect/transforms/plugins.js";
import { sinks, sources } from "../dist/embed/plugins.js";
import { flagOf, settingsDef, variableOf } from "../dist/embed/settings.js";

const check = process.argv.includes("--check");
const folder = fileURLToPath(new URL("../docs/reference", import.meta.url));
const cell = (text) => String(text).replace(/\|/g, "\\|").replace(/\n/g, " ");
const fallback = (setting) =>
  setting.default === undefined
    ? "**required**"
    : setting.default === null || setting.default === "" || (Array.isArray(setting.default) && !setting.default.length)
      ? ""
      : `\`${setting.default}\``;
const notes = (setting) =>
  [
    setting.doc,
    setting.values ? `One of ${setting.values.map((v) => `\`${v}\``).join(", ")}.` : "",
    setting.aliases?.length ? `Older name: ${setting.aliases.map((a) => `\`${a}\``).join(", ")}.` : "",
  ]
    .filter(Boolean)
    .join(" ");

const pages = {
  "settings-process.md": page("Settings of the process", "A flag goes over the environment, the environment over `millrace.yaml`.", [
    "| setting | flag | environment | default | what |\n| --- | --- | --- | --- | --- |",
    ...[...settingsDef.settings.values()].map(
      (s) => `| \`${s.name}\` | \`--${flagOf(s.name)}\` | \`${variableOf(s.name)}\` | ${fallback(s)} | ${cell(notes(s))} |`,
    ),
  ]),
};
for (const plugin of [...sources, ...sinks]) {
  const short = `${plugin.classes[0].split(".").slice(1, 2)[0] ?? "managed"}-${plugin.classes[0]
    .split(".")
    .at(-1)
    .replace(/Connector$/, "")
    .replace(/(?<=[a-z])(?=[A-Z])/g, "-")
    .toLowerCase()}`;
  pages[`settings-${short}.md`] = page(
    `Settings of ${plugin.classes[0]}`,
    plugin.classes.length > 1
      ? `Also as ${plugin.classes
          .slice(1)
          .map((c) => `\`${c}\``)
          .join(", ")}.`
      : "",
    groups(plugin.config),
  );
}

pages["settings-transforms.md"] = page(
  "Settings of transforms, predicates and converters",
  "What they do: [transforms](transforms.md), [converters](converters.md).",
  [
    ...section("Transforms", transformPlugins),
    ...section("Predicates", predicatePlugins),
    ...section("Converters", createConverterPlugins({ registry: undefined })),
  ],
);

/** One table for a class and its $Key and $Value. */
function section(title, plugins) {
  const byName = new Map();
  for (const plugin of plugins) {
    const name = plugin.classes[0].replace(/\$(Key|Value)$/, "");
    byName.set(name, { config: plugin.config, classes: [...(byName.get(name)?.classes ?? []), ...plugin.classes] });
  }
  return [
    `## ${title}`,
    ...[...byName].flatMap(([name, { config, classes }]) => [
      `\n### ${name.split(".").at(-1)}\n\n${classes.map((c) => `\`${c}\``).join(", ")}\n`,
      ...(config.settings.size
        ? ["| setting | type | default | what |\n| --- | --- | --- | --- |", ...[...config.settings.values()].map(rowOf)]
        : ["No settings."]),
    ]),
    "",
  ];
}

function groups(config) {
  const byGroup = Map.groupBy
    ? Map.groupBy(config.settings.values(), (s) => s.group ?? "")
    : [...config.settings.values()].reduce((m, s) => m.set(s.group ?? "", [...(m.get(s.group ?? "") ?? []), s]), new Map());
  return [...byGroup].flatMap(([group, settings]) => [
    group ? `\n## ${group}\n` : "",
    "| setting | type | default | what |\n| --- | --- | --- | --- |",
    ...settings.map(rowOf),
  ]);
}

function rowOf(s) {
  return `| \`${s.name}\` | ${s.type.toLowerCase()} | ${fallback(s)} | ${cell(notes(s))} |`;
}

function page(title, lead, lines) {
  return `# ${title}\n\n<!-- written by scripts/reference.mjs from the settings' declarations -->\n\n${lead ? `${lead}\n\n` : ""}${lines.join("\n")}\n`;
}

let stale = 0;
for (const [name, text] of Object.entries(pages)) {
  const path = `${folder}/${name}`;
  if (!check) writeFileSync(path, text);
  else {
    let there = "";
    try {
      there = readFileSync(path, "utf8");
    } catch {}
    if (there !== text) {
      stale++;
      console.error(`docs/reference/${name} is not up to date: npm run reference`);
    }
  }
}
process.exit(stale ? 1 : 0);

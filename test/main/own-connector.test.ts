import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { MillraceProcess, millrace, type Status, temporary, until } from "./process.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const example = join(root, "examples/own-connector");
const folder = temporary("plugins");
afterAll(() => folder.remove());

const json = (name: string) => JSON.parse(readFileSync(join(example, name), "utf8")) as { name: string; config: Record<string, string> };

test("the example holds to the types of millrace/connect", () => {
  const dir = join(folder.path, "typed");
  mkdirSync(join(dir, "node_modules/@types"), { recursive: true });
  symlinkSync(root, join(dir, "node_modules/millrace"));
  for (const types of ["@types/node", "undici-types"]) symlinkSync(join(root, "node_modules", types), join(dir, "node_modules", types));
  cpSync(example, join(dir, "own-connector"), { recursive: true });
  const compilerOptions = {
    allowJs: true,
    checkJs: true,
    noEmit: true,
    strict: true,
    target: "es2023",
    module: "nodenext",
    types: ["node"],
    skipLibCheck: false,
  };
  writeFileSync(join(dir, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["own-connector"] }));
  const { stdout, status } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", dir], { encoding: "utf8" });
  expect(stdout).toBe("");
  expect(status).toBe(0);
});

test("a source, a sink and a transform of one's own run, go on after a restart, and a bad one harms nobody", async () => {
  const plugins = join(folder.path, "plugins");
  cpSync(example, join(plugins, "own-connector"), { recursive: true });
  writeFileSync(join(plugins, "broken.mjs"), "export default { sources: [ };\n");
  writeFileSync(join(plugins, "wrong.mjs"), 'export default { sinks: [{ type: "sink", classes: ["my.Sink"], version: "1" }] };\n');
  writeFileSync(join(plugins, "waits.mjs"), "await new Promise(() => {});\nexport default {};\n");
  writeFileSync(join(plugins, "notes.txt"), "not a module");
  mkdirSync(join(plugins, "empty"));
  const file = join(folder.path, "readings.jsonl");
  const source = json("source.json");
  const sink = { name: "readings-file", config: { ...json("sink.json").config, file } };
  const lines = () => readFileSync(file, "utf8").trim().split("\n");
  const readings = () => lines().map((l) => JSON.parse(l) as { sensor: string; number: number; celsius: number });
  const data = join(folder.path, "data");

  let process = await MillraceProcess.start(data, ["--plugins", plugins]);
  try {
    for (const name of ["broken.mjs", "wrong.mjs", "waits.mjs", "empty"])
      expect(process.output).toContain(`the plug-in ${join(plugins, name)} cannot be loaded`);
    const listed = await process.call<{ class: string; type: string }[]>("connect", "GET", "/connector-plugins?connectorsOnly=false");
    for (const [name, type] of [
      ["example.SensorSourceConnector", "source"],
      ["example.JsonFileSinkConnector", "sink"],
      ["example.Celsius", "transformation"],
    ])
      expect(listed.json).toContainEqual({ class: name, type, version: "1.0.0" });
    const missing = await process.call("connect", "POST", "/connectors", {
      name: "x",
      config: { "connector.class": "my.Sink", topics: "t" },
    });
    expect(missing.status).toBe(400);
    expect(missing.text).toContain(`${join(plugins, "wrong.mjs")} could not be loaded: sinks[0] (my.Sink): config must be a ConfigDef`);
    const settings = await process.call<{ name: string }[]>("connect", "GET", "/connector-plugins/example.Celsius/config");
    expect(settings.json.map((s) => s.name)).toEqual(["field", "digits"]);

    await process.createConnector(source);
    await process.createConnector(sink);
    await until("all readings are in the file", () => lines().length >= 15);
    const { json: status } = await process.call<Status>("connect", "GET", "/connectors/sensors/status");
    expect(status.tasks?.length).toBe(2);
    expect(
      readings()
        .filter((r) => r.sensor === "cellar")
        .map((r) => [r.number, r.celsius]),
    ).toEqual([
      [0, 0],
      [1, 0.6],
      [2, 1.1],
      [3, 1.7],
      [4, 2.2],
    ]);
  } finally {
    await process.stop();
  }

  // without the plug-in the connector stands still and says which class is missing; with it, it goes on where it was
  process = await MillraceProcess.start(data);
  try {
    const { json: status } = await process.call<Status>("connect", "GET", "/connectors/sensors/status");
    expect(JSON.stringify(status)).toContain("example.SensorSourceConnector");
    expect(status.connector.state).toBe("FAILED");
  } finally {
    await process.stop();
  }
  process = await MillraceProcess.start(data, [], { env: { MILLRACE_PLUGINS: plugins } });
  try {
    await process.call("connect", "PUT", "/connectors/sensors/config", { ...source.config, "readings.max": 8 });
    await until("the new readings are there", () => new Set(lines()).size >= 24);
    const numbers = readings().map((r) => `${r.sensor} ${r.number}`);
    expect(new Set(numbers).size).toBe(24);
  } finally {
    await process.stop();
  }
});

test("a plug-in folder that is not there keeps the process from starting, with its name", async () => {
  const { code, stderr } = await millrace([
    "start",
    "--dir",
    join(folder.path, "d"),
    "--plugins",
    join(folder.path, "nowhere"),
    "--connect-port",
    "0",
  ]);
  expect(code).toBe(1);
  expect(stderr).toContain(`plugins: ${join(folder.path, "nowhere")} is not a folder`);
});

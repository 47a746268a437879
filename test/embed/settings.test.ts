import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loggerLevels, readSettings, workerSettings } from "../../src/embed/settings.js";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "millrace-settings-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const yaml = (text: string) => {
  const file = join(dir, "millrace.yaml");
  writeFileSync(file, text);
  return file;
};

test("a flag goes over the environment, the environment over the file, the file over the default", () => {
  const file = yaml("registry: { port: 1 }\nconnect.port: 2\nsql: { port: 3 }\nhost: [a=b:1, c=d:2]\n");
  const settings = readSettings({ "registry.port": "11" }, { MILLRACE_REGISTRY_PORT: "12", MILLRACE_CONNECT_PORT: "13" }, file);
  expect(["registry.port", "connect.port", "sql.port", "console.port"].map((n) => settings.number(n))).toEqual([11, 13, 3, 9021]);
  expect(settings.list("host")).toEqual(["a=b:1", "c=d:2"]);
});

test("wrong settings are named, all of them, and an unknown one in the file too", () => {
  expect(() => readSettings({ "sql.port": "x", "registry.port": "70000" }, {}, "none")).toThrow(
    /sql\.port.*registry\.port|registry\.port.*sql\.port/,
  );
  expect(() => readSettings({}, {}, yaml("sequel: { port: 1 }"))).toThrow(/sequel\.port is not a setting/);
  expect(() => readSettings({}, {}, yaml("a: [b"))).toThrow(/is not YAML/);
  expect(() => readSettings({ "log.level": "loud" }, {}, "none")).toThrow(/log\.level.*debug, info, warn, error/);
});

test("a Connect container's environment becomes the worker's settings", () => {
  expect(workerSettings({ CONNECT_KEY_CONVERTER: "K", CONNECT_VALUE_CONVERTER_SCHEMA_REGISTRY_URL: "http://x", PATH: "/" })).toEqual({
    "key.converter": "K",
    "value.converter.schema.registry.url": "http://x",
  });
});

test("the naming rule of the containers, over what the file says", () => {
  const file = readSettings({}, {}, yaml("connect: { port: 1, key.converter: F, value.converter: V }")).raw;
  const env = { CONNECT_KEY_CONVERTER: "K", CONNECT_A__B___C: "x", CONNECT_LOG4J_LOGGERS: "io.debezium=DEBUG, org.reflections=ERROR" };
  const worker = workerSettings(env, file);
  expect(worker).toEqual({ "key.converter": "K", "value.converter": "V", "a-b_c": "x", "log4j.loggers": env.CONNECT_LOG4J_LOGGERS });
  expect(loggerLevels(worker)).toEqual([
    ["io.debezium", "DEBUG"],
    ["org.reflections", "ERROR"],
  ]);
});

import { expect, it } from "vitest";
import { createLogger } from "../../src/common/logger.js";

it("a logger has the level of its name, of its nearest ancestor, or of root, whenever it changes", () => {
  const lines: string[] = [];
  const root = createLogger({ write: (line) => void lines.push(line), format: "json" });
  const connect = root.child({ part: "connect" });
  const mysql = connect.child({ logger: "io.debezium.connector.mysql.MySqlConnector" });
  const said = () => lines.splice(0).map((l) => (JSON.parse(l) as { message: string }).message);
  const all = () => {
    root.debug("r");
    connect.debug("c");
    mysql.debug("m");
    root.info("R");
    connect.info("C");
    mysql.info("M");
    return said();
  };
  const levels = root.levels!;
  expect(all()).toEqual(["R", "C", "M"]);
  expect(levels.change("io.debezium", "trace", 5)).toEqual(["io.debezium", "io.debezium.connector.mysql.MySqlConnector"]);
  expect(all()).toEqual(["m", "R", "C", "M"]);
  expect(levels.get("io.debezium.connector.mysql")).toEqual({ level: "TRACE", last_modified: 5 });
  levels.change("io.debezium.connector.mysql", "ERROR", 6);
  expect(all()).toEqual(["R", "C"]);
  // setting an ancestor sets all below it
  levels.change("io.debezium", "INFO", 7);
  expect(all()).toEqual(["R", "C", "M"]);
  levels.change("org.apache.kafka.connect", "DEBUG", 8);
  expect(all()).toEqual(["c", "R", "C", "M"]);
  levels.change("ROOT", "WARN", 9);
  expect(all()).toEqual([]); // root is everyone's ancestor
  expect(levels.get("org.apache.kafka.connect.runtime.Worker")).toBeUndefined();
  expect(levels.get("org.apache.kafka")).toEqual({ level: "WARN", last_modified: 9 });
  expect(() => levels.change("root", "loud", 1)).toThrow("invalid log level 'loud'.");
});

it("a name that only begins alike is no relative", () => {
  const lines: string[] = [];
  const root = createLogger({ write: (line) => void lines.push(line) });
  root.child({ logger: "io.debeziumish" }).levels!.change("io.debezium", "DEBUG", 1);
  root.child({ logger: "io.debeziumish" }).debug("x");
  expect(lines).toEqual([]);
});

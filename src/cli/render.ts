import { table } from "./table.js";

type Json = Record<string, unknown>;

/** How each entity of `/ksql` looks on a terminal; an unknown one is shown as JSON. */
export function renderEntity(e: Json, width = 0): string {
  const body = render(e, width);
  const warnings = ((e["warnings"] ?? []) as { message: string }[]).map((w) => `WARNING: ${w.message}`);
  return [...warnings, body].filter((t) => t !== "").join("\n");
}

function render(e: Json, width: number): string {
  const list = (name: string) => (e[name] ?? []) as Json[];
  switch (e["@type"]) {
    case "currentStatus":
      return ` ${(e["commandStatus"] as Json)["message"] as string}`;
    case "streams":
      return table(
        ["Stream Name", "Kafka Topic", "Key Format", "Value Format", "Windowed"],
        list("streams").map((s) => [s["name"], s["topic"], s["keyFormat"], s["valueFormat"], s["isWindowed"]]),
        width,
      );
    case "tables":
      return table(
        ["Table Name", "Kafka Topic", "Key Format", "Value Format", "Windowed"],
        list("tables").map((s) => [s["name"], s["topic"], s["keyFormat"], s["valueFormat"], s["isWindowed"]]),
        width,
      );
    case "kafka_topics":
      return table(
        ["Kafka Topic", "Partitions", "Partition Replicas"],
        list("topics").map((t) => [t["name"], (t["replicaInfo"] as number[]).length, (t["replicaInfo"] as number[])[0] ?? 0]),
        width,
      );
    case "kafka_topics_extended":
      return table(
        ["Kafka Topic", "Partitions", "Partition Replicas", "Consumers", "Consumer Groups"],
        list("topics").map((t) => [
          t["name"],
          (t["replicaInfo"] as number[]).length,
          (t["replicaInfo"] as number[])[0] ?? 0,
          t["consumerCount"],
          t["consumerGroupCount"],
        ]),
        width,
      );
    case "queries":
      return table(
        ["Query ID", "Query Type", "Status", "Sink Name", "Sink Kafka Topic", "Query String"],
        list("queries").map((q) => [
          q["id"],
          q["queryType"],
          q["state"],
          (q["sinks"] as string[]).join(","),
          (q["sinkKafkaTopics"] as string[]).join(","),
          String(q["queryString"]).replace(/\s+/g, " "),
        ]),
        width,
      );
    case "properties":
      return table(
        ["Property", "Scope", "Value"],
        list("properties").map((p) => [p["name"], p["scope"], p["value"]]),
        width,
      );
    case "variables":
      return table(
        ["Variable Name", "Value"],
        list("variables").map((v) => [v["name"], v["value"]]),
        width,
      );
    case "function_names":
      return table(
        ["Function Name", "Category"],
        list("functions").map((f) => [f["name"], f["category"]]),
        width,
      );
    case "describe_function":
      return renderFunction(e);
    case "type_list":
      return table(
        ["Type Name", "Schema"],
        Object.entries(e["types"] as Record<string, Json>).map(([n, t]) => [n, typeText(t)]),
        width,
      );
    case "connector_list":
      return table(
        ["Connector Name", "Type", "Class", "Status"],
        list("connectors").map((c) => [c["name"], c["type"], c["className"], c["state"]]),
        width,
      );
    case "connector_plugins_list":
      return table(
        ["Class", "Type", "Version"],
        list("connectorsPlugins").map((c) => [c["className"], c["type"], c["version"]]),
        width,
      );
    case "connector_info":
      return ` Created connector ${(e["info"] as Json)["name"] as string}`;
    case "drop_connector":
      return ` Dropped connector "${e["connectorName"] as string}"`;
    case "connector_description":
      return renderConnector(e, width);
    case "sourceDescription":
      return renderSource(e["sourceDescription"] as Json, width);
    case "source_descriptions":
      return list("sourceDescriptions")
        .map((s) => renderSource(s, width))
        .join("\n\n");
    case "queryDescription":
      return renderQuery(e["queryDescription"] as Json, width);
    case "queryDescriptions":
      return list("queryDescriptions")
        .map((q) => renderQuery(q, width))
        .join("\n\n");
    case "assert_topic":
      return ` Topic ${e["topicName"] as string} ${e["exists"] ? "exists" : "does not exist"}.`;
    case "assert_schema":
      return ` Schema ${(e["subject"] ?? e["id"]) as string} ${e["exists"] ? "exists" : "does not exist"}.`;
    case "warning_entity":
      return ` ${e["message"] as string}`;
    default:
      return JSON.stringify(e, null, 2);
  }
}

export function typeText(schema: Json): string {
  const member = schema["memberSchema"] as Json | null;
  switch (schema["type"]) {
    case "ARRAY":
      return `ARRAY<${typeText(member!)}>`;
    case "MAP":
      return `MAP<STRING, ${typeText(member!)}>`;
    case "STRUCT":
      return `STRUCT<${(schema["fields"] as Json[]).map((f) => `${f["name"] as string} ${typeText(f["schema"] as Json)}`).join(", ")}>`;
    case "DECIMAL": {
      const p = schema["parameters"] as Json | undefined;
      return p ? `DECIMAL(${p["precision"] as number}, ${p["scale"] as number})` : "DECIMAL";
    }
    case "STRING":
      return "VARCHAR(STRING)";
    default:
      return String(schema["type"]);
  }
}

function fieldTable(fields: readonly Json[], ofTable: boolean, width: number): string {
  const role = (f: Json) => (f["type"] === "KEY" ? (ofTable ? " (primary key)" : " (key)") : f["type"] === "HEADER" ? " (header)" : "");
  return table(
    ["Field", "Type"],
    fields.map((f) => [f["name"], typeText(f["schema"] as Json) + role(f)]),
    width,
  );
}

function renderSource(s: Json, width: number): string {
  const parts = [`Name                 : ${s["name"] as string}`];
  if (s["extended"]) {
    parts.push(
      `Type                 : ${s["type"] as string}`,
      `Timestamp field      : ${(s["timestamp"] as string) || "Not set - using <ROWTIME>"}`,
      `Key format           : ${s["keyFormat"] as string}`,
      `Value format         : ${s["valueFormat"] as string}`,
      `Kafka topic          : ${s["topic"] as string} (partitions: ${s["partitions"] as number}, replication: ${s["replication"] as number})`,
      `Statement            : ${s["statement"] as string}`,
      "",
    );
  }
  parts.push(fieldTable(s["fields"] as Json[], s["type"] === "TABLE", width));
  const queries = (title: string, list: unknown) => {
    const all = (list ?? []) as Json[];
    if (all.length)
      parts.push("", `${title}:`, ...all.map((q) => `${q["id"] as string} (${q["state"] as string}) : ${q["queryString"] as string}`));
  };
  if (s["extended"]) {
    queries("Queries that read from this source", s["readQueries"]);
    queries("Queries that write into this source", s["writeQueries"]);
    if (s["statistics"]) parts.push("", "Local runtime statistics", "------------------------", s["statistics"] as string);
  } else parts.push("For runtime statistics and query details run: DESCRIBE <Stream,Table> EXTENDED;");
  return parts.join("\n");
}

function renderQuery(q: Json, width: number): string {
  const parts = [`ID                   : ${q["id"] as string}`];
  if (q["queryType"]) parts.push(`Query Type           : ${q["queryType"] as string}`);
  parts.push(`SQL                  : ${q["statementText"] as string}`);
  if (q["state"]) parts.push(`Status               : ${q["state"] as string}`);
  const errors = (q["queryErrors"] ?? []) as Json[];
  parts.push("", fieldTable(q["fields"] as Json[], false, width));
  parts.push("", `Sources: ${(q["sources"] as string[]).join(", ")}`);
  if ((q["sinks"] as string[]).length) parts.push(`Sinks: ${(q["sinks"] as string[]).join(", ")}`);
  if (q["executionPlan"]) parts.push("", "Execution plan", "--------------", q["executionPlan"] as string);
  if (q["topology"]) parts.push("", "Processing topology", "-------------------", q["topology"] as string);
  const overridden = Object.entries(q["overriddenProperties"] as Json);
  if (overridden.length) parts.push("", table(["Property", "Value"], overridden, width));
  for (const e of errors) parts.push("", `Error (${new Date(Number(e["timestamp"])).toISOString()}): ${e["errorMessage"] as string}`);
  return parts.join("\n");
}

function renderFunction(e: Json): string {
  const parts = [`Name        : ${e["name"] as string}`];
  if (e["author"]) parts.push(`Author      : ${e["author"] as string}`);
  if (e["version"]) parts.push(`Version     : ${e["version"] as string}`);
  if (e["description"]) parts.push(`Overview    : ${e["description"] as string}`);
  parts.push(`Type        : ${e["type"] as string}`, "Variations  : ");
  for (const f of e["functions"] as Json[]) {
    const args = (f["arguments"] as Json[]).map(
      (a) => `${a["name"] ? `${a["name"] as string} ` : ""}${a["type"] as string}${a["isVariadic"] ? "[]" : ""}`,
    );
    parts.push("", `\tVariation   : ${e["name"] as string}(${args.join(", ")})`, `\tReturns     : ${f["returnType"] as string}`);
    if (f["description"]) parts.push(`\tDescription : ${f["description"] as string}`);
  }
  return parts.join("\n");
}

function renderConnector(e: Json, width: number): string {
  const status = e["status"] as Json;
  const parts = [
    `Name                 : ${status["name"] as string}`,
    `Class                : ${e["connectorClass"] as string}`,
    `Type                 : ${status["type"] as string}`,
    `State                : ${(status["connector"] as Json)["state"] as string}`,
    `WorkerId             : ${(status["connector"] as Json)["worker_id"] as string}`,
    "",
    table(
      ["Task ID", "State", "Error Trace"],
      (status["tasks"] as Json[]).map((t) => [t["id"], t["state"], t["trace"] ?? ""]),
      width,
    ),
  ];
  const topics = (e["topics"] ?? []) as string[];
  if (topics.length)
    parts.push(
      "",
      table(
        ["Related Topics"],
        topics.map((t) => [t]),
        width,
      ),
    );
  return parts.join("\n");
}

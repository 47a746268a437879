import { type Part, standardPorts, type Takeover } from "./takeover.js";

const what: Readonly<Record<Part, string>> = {
  kafka: "the Kafka protocol",
  registry: "the schema registry",
  "rest-proxy": "the REST proxy",
  connect: "connectors",
  sql: "streaming SQL",
  console: "health, metrics and the error store",
};

/**
 * What was taken over, what stays and what is ignored, as lines.
 * @param ports in force
 */
export function report(takeover: Takeover, ports: Readonly<Record<Part, number>>, listen: string): string[] {
  const { taken, stays, ignored, file } = takeover;
  const lines: string[] = [`From ${file.path}, this process takes over:`];
  const main = new Set<Part>();
  const addressOf = (part: Part) => (ports[part] === 0 ? "a free port" : `${listen}:${ports[part]}`);
  for (const { service, part, port, settings, notes } of taken) {
    const first = !main.has(part);
    main.add(part);
    const own = takeover.ports[part] === port;
    const where = own
      ? `${addressOf(part)}${port === ports[part] ? "" : ` instead of ${port}, as the settings say`}`
      : port === null
        ? `${addressOf(part)} (${first ? "the file publishes no port" : "as the first one"})`
        : `${listen}:${port}, which leads to ${ports[part]}`;
    lines.push(`  ${service.name} (${service.image}): ${what[part]} on ${where}`);
    if (settings.length) lines.push(`      settings: ${settings.join(", ")}`);
    for (const note of notes) lines.push(`      ${note}`);
  }
  if (taken.length === 0) lines.push("  nothing: no image of the old stack is in it");
  const missing = (Object.keys(standardPorts) as Part[]).filter((part) => !main.has(part) && !(part === "kafka" && takeover.cluster));
  if (missing.length)
    lines.push("Here too, though the file has none of it:", ...missing.map((part) => `  ${what[part]} on ${addressOf(part)}`));
  if (takeover.topics.length) lines.push(`Topics made: ${takeover.topics.map((t) => t.name).join(", ")}`);
  if (stays.length) {
    lines.push(
      `Stays as it is, for \`docker compose -f ${file.path.replaceAll(", ", " -f ")} up -d --no-deps ${stays.map((s) => s.service.name).join(" ")}\`:`,
    );
    for (const { service, reached, uses } of stays) {
      const where = reached.length
        ? reached.map(([name, address]) => `${name} is ${address}`).join(", ")
        : `publishes no port: where a connector needs it, give it one, or say where it is by --host ${service.name}=address:port`;
      lines.push(`  ${service.name} (${service.image ?? "built from a folder"}): ${where}`);
      if (uses.length)
        lines.push(
          `      it names ${uses.join(", ")}: from a container this process is host.docker.internal, with --insecure, which opens its ports`,
        );
    }
  }
  if (ignored.length) {
    lines.push("Ignored:");
    for (const { service, why } of ignored) lines.push(`  ${service.name} (${service.image}): ${why}`);
  }
  const left = ignoredSettings(takeover);
  if (left.length) lines.push("Settings without effect here:", ...left.map((line) => `  ${line}`));
  lines.push(...file.notes.map((note) => `Note: ${note}`));
  if (takeover.open && /^(127\.|::1|localhost)/.test(listen))
    lines.push("The file publishes ports on every address; here they are on loopback only. --insecure opens them without a login.");
  return lines;
}

const reasons: readonly (readonly [RegExp, string])[] = [
  [/(SASL|SSL|SECURITY|AUTH|JAAS|KEYSTORE|TRUSTSTORE|PASSWORD)/, "logins and certificates"],
  [
    /(ZOOKEEPER|REPLICATION|MIN_ISR|MIN_INSYNC|BROKER_ID|NODE_ID|RACK|CONTROLLER|QUORUM|PROCESS_ROLES|INTER_BROKER|CLUSTER_ID|KRAFT)/,
    "a cluster of brokers: there is one here",
  ],
  [/JMX/, "the Java machine"],
  [/(LISTENER|HOST_NAME|ADVERTISED|BOOTSTRAP|GROUP_ID|STORAGE_TOPIC|KAFKASTORE|_URL$|_PORT$)/, "where the parts find each other"],
  [/(HEAP|JVM|JMX|LOG4J|_OPTS$|GC_|CLASSPATH|JAVA|PLUGIN_PATH|CUB_)/, "the Java machine"],
  [/(CONFLUENT|METRIC|TELEMETRY|BALANCER|LICENSE|INTERCEPTOR)/, "Confluent's metrics and licences"],
];

/** Variables of the services taken over that change nothing, by reason. */
function ignoredSettings({ taken }: Takeover): string[] {
  const byReason = new Map<string, Set<string>>();
  for (const { service, settings } of taken) {
    const used = new Set(settings.map((name) => name.replace(/[.-]/g, "_").toUpperCase()));
    for (const name of Object.keys(service.environment)) {
      if (/QUERIES_FILE$/.test(name)) continue; // said with the file that it is
      const plain = name
        .replace(/^(KAFKA_CFG|KAFKA_REST|KAFKA|CONNECT|KSQL_CONNECT|KSQL|SCHEMA_REGISTRY|CONTROL_CENTER)_/, "")
        .replace(/_+/g, "_");
      if (used.has(plain) || used.has(name)) continue;
      const reason = reasons.find(([pattern]) => pattern.test(name))?.[1] ?? "no setting here";
      byReason.set(reason, (byReason.get(reason) ?? new Set()).add(name));
    }
  }
  return [...byReason].map(([reason, names]) => `${reason}: ${[...names].join(", ")}`);
}

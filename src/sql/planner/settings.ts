/** Settings of the session or the server that planning asks for. */
export function defaults(properties: Readonly<Record<string, string>>) {
  const get = (name: string) => properties[name] ?? properties[`ksql.streams.${name}`];
  const wrap = get("ksql.persistence.wrap.single.values");
  return {
    keyFormat: (get("ksql.persistence.default.format.key") ?? "KAFKA").toUpperCase(),
    valueFormat: get("ksql.persistence.default.format.value")?.toUpperCase(),
    wrapSingles: wrap === undefined || wrap === "" ? undefined : wrap === "true",
    topicPrefix: get("ksql.output.topic.name.prefix") ?? "",
    keyMayGo: get("ksql.new.query.planner.enabled") === "true",
    extensions: properties["millrace.sql.extensions"]?.toLowerCase() !== "false",
    pullTableScan: get("ksql.query.pull.table.scan.enabled") !== "false",
  };
}

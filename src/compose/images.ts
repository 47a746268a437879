/** What a service of the old stack is here. */
export type Role = "kafka" | "registry" | "rest-proxy" | "connect" | "sql" | "console" | "zookeeper" | "sql-cli" | "kafka-client";

/** By an image's name without registry and tag. */
const roles: readonly (readonly [RegExp, Role])[] = [
  [/^(confluentinc\/cp-zookeeper|bitnami(legacy)?\/zookeeper|debezium\/zookeeper|wurstmeister\/zookeeper|zookeeper)$/, "zookeeper"],
  [
    /^(confluentinc\/(cp-kafka|cp-server|cp-enterprise-kafka|confluent-local)|apache\/kafka(-native)?|bitnami(legacy)?\/kafka|debezium\/kafka|wurstmeister\/kafka)$/,
    "kafka",
  ],
  [/^(confluentinc\/cp-schema-registry|bitnami(legacy)?\/schema-registry)$/, "registry"],
  [/^confluentinc\/cp-kafka-rest$/, "rest-proxy"],
  [
    /^(confluentinc\/(cp-kafka-connect(-base)?|cp-server-connect(-base)?)|debezium\/connect(-base)?|cnfldemos\/(cp-server-connect-datagen|kafka-connect-datagen))$/,
    "connect",
  ],
  [/^confluentinc\/(cp-)?ksql(db)?-server$/, "sql"],
  [/^confluentinc\/(cp-)?ksql(db)?-cli$/, "sql-cli"],
  [/^confluentinc\/cp-enterprise-control-center(-next-gen)?$/, "console"],
  [/^(confluentinc\/cp-kcat|edenhill\/k(af)?cat|confluentinc\/cp-kafkacat)$/, "kafka-client"],
];

/** `quay.io/debezium/connect:2.7` is `debezium/connect`. */
export function imageName(image: string): string {
  const name = image.replace(/@sha256:.*$/, "").replace(/:[^/:]*$/, "");
  const parts = name.split("/");
  return (parts.length > 1 && /[.:]|^localhost$/.test(parts[0]!) ? parts.slice(1) : parts).join("/");
}

/** undefined: it is nothing that this process does */
export function roleOf(image: string | null): Role | undefined {
  if (image === null) return undefined;
  const name = imageName(image);
  return roles.find(([pattern]) => pattern.test(name))?.[1];
}

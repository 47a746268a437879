import { dialects } from "./dialects.js";
import type { JdbcHost } from "./hosts.js";

/** `jdbc:PRODUCT://host:port[,host:port…]/database?key=value` */
export interface JdbcUrl {
  readonly product: string;
  /** in the order in which they are tried */
  readonly hosts: readonly JdbcHost[];
  readonly database: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** The parts of a JDBC URL, or what is wrong with it (never with what the URL holds: a password may be in it). */
export function parseJdbcUrl(text: string): JdbcUrl | string {
  const products = dialects.flatMap((d) => d.products);
  const start = /^jdbc:([\w-]+):/.exec(text.trim());
  const dialect = dialects.find((d) => d.products.includes(start?.[1] ?? ""));
  if (!start || !dialect)
    return start
      ? `the database ${start[1]} is not supported as a target; supported: ${products.join(", ")}`
      : `expected jdbc:PRODUCT://host:port/database with one of ${products.join(", ")}`;
  const product = start[1]!;
  const shape = `jdbc:${product}://host:port/database`;
  const match = /^\/\/([^/?]*)\/([^?]*)(?:\?(.*))?$/.exec(text.trim().slice(start[0].length));
  if (!match) return `expected ${shape}`;
  const hosts: JdbcHost[] = [];
  for (const part of (match[1] || "localhost").split(",")) {
    const host = /^([^:[\]]+|\[[^\]]+\])?(?::(\d+))?$/.exec(part);
    if (!host) return `the URL's host and port are not readable: expected ${shape}`;
    hosts.push({ host: (host[1] ?? "localhost").replace(/^\[|\]$/g, ""), port: host[2] ? Number(host[2]) : dialect.defaultPort });
  }
  const database = decodeURIComponent(match[2]!);
  if (!database) return `the URL names no database: expected ${shape}`;
  return { product, hosts, database, parameters: Object.fromEntries(new URLSearchParams(match[3] ?? "")) };
}

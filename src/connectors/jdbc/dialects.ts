import type { Dialect } from "./dialect.js";
import { mysqlDialect } from "./mysql/dialect.js";
import { postgres } from "./postgres/dialect.js";
import type { SinkSettings } from "./settings.js";

export const dialects: readonly Dialect[] = [postgres, mysqlDialect];

export const dialectNames: readonly string[] = dialects.map((d) => d.name);

export function dialectOf(settings: SinkSettings): Dialect {
  return dialects.find((d) => d.products.includes(settings.url.product))!;
}

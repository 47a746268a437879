import { Decimal128, Double, Int32, Long, type MongoClient, type TimeSeriesCollectionOptions } from "mongodb";
import type { Config } from "../../common/config-def.js";
import { javaTimeFormat } from "../../common/java-time-format.js";
import type { Namespace } from "./namespace.js";
import type { PostProcessor } from "./post-processors.js";

/** Makes a date of the time field, where that is asked for; what has none that can be read stays as it is. */
export function timeConversion(config: Config): PostProcessor[] {
  const field = config.string("timeseries.timefield");
  if (field === "" || !config.boolean("timeseries.timefield.auto.convert")) return [];
  const format = javaTimeFormat(config.string("timeseries.timefield.auto.convert.date.format"));
  return [
    ({ value }) => {
      if (value === null || !Object.hasOwn(value, field)) return;
      const given: unknown = value[field];
      if (typeof given === "string") {
        try {
          value[field] = new Date(format.parse(given, "UTC"));
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
        }
      } else if (typeof given === "number" || isNumeric(given)) value[field] = new Date(Math.trunc(Number(String(given))));
    },
  ];
}

function isNumeric(value: unknown): boolean {
  return value instanceof Long || value instanceof Double || value instanceof Int32 || value instanceof Decimal128;
}

/** Makes the collection as a time series where it is not there yet. */
export async function ensureTimeSeries(client: MongoClient, config: Config, { database, collection }: Namespace): Promise<void> {
  const timeField = config.string("timeseries.timefield");
  if (timeField === "") return;
  const db = client.db(database);
  if (await db.listCollections({ name: collection }, { nameOnly: true }).hasNext()) return;
  const timeseries: TimeSeriesCollectionOptions = { timeField };
  const metaField = config.string("timeseries.metafield");
  if (metaField !== "") timeseries.metaField = metaField;
  const granularity = config.string("timeseries.granularity");
  if (granularity !== "") timeseries.granularity = granularity;
  const expires = config.number("timeseries.expire.after.seconds");
  await db.createCollection(collection, { timeseries, ...(expires > 0 ? { expireAfterSeconds: expires } : {}) });
}

import type { Schema, Value } from "../../data/schema.js";

const day = 86_400_000;
const prefix = "org.apache.kafka.connect.data.";
export const dateNames = { Date: `${prefix}Date`, Time: `${prefix}Time`, Timestamp: `${prefix}Timestamp` } as const;

/** Whether a value of the schema is a java.util.Date in Kafka Connect. */
export function isJavaDate(schema: Schema | null): boolean {
  const { name } = schema ?? {};
  return name === dateNames.Date || name === dateNames.Time || name === dateNames.Timestamp;
}

/** The ms since the epoch of such a value. */
export function javaTime(value: Value, schema: Schema | null): number {
  return schema?.name === dateNames.Date ? Number(value) * day : Number(value);
}

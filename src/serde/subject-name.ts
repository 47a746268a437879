import { MillraceError } from "../common/errors.js";

/** Under which subject a topic's key or value schema is registered. */
export type SubjectNameStrategy = (topic: string, isKey: boolean, recordName: string | undefined) => string;

export const topicNameStrategy: SubjectNameStrategy = (topic, isKey) => `${topic}-${isKey ? "key" : "value"}`;

const strategies: Readonly<Record<string, SubjectNameStrategy>> = {
  TopicNameStrategy: topicNameStrategy,
  RecordNameStrategy: (_topic, isKey, name) => named(name, isKey),
  TopicRecordNameStrategy: (topic, isKey, name) => `${topic}-${named(name, isKey)}`,
};

/** @param className with or without Confluent's package; undefined where it is not known */
export function subjectNameStrategy(className: string): SubjectNameStrategy | undefined {
  return strategies[className.slice(className.lastIndexOf(".") + 1)];
}

function named(name: string | undefined, isKey: boolean): string {
  if (name === undefined)
    throw new MillraceError(
      "SERIALIZATION",
      `In configuration ${isKey ? "key" : "value"}.subject.name.strategy, the message ${isKey ? "key" : "value"} must only be a record schema`,
    );
  return name;
}

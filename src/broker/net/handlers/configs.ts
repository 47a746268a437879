import {
  alterClientQuotas,
  alterConfigs,
  describeClientQuotas,
  describeConfigs,
  incrementalAlterConfigs,
} from "../../../protocol/messages/configs.js";
import { BrokerError } from "../../api/errors.js";
import { nodeId, type RequestContext } from "../context.js";
import { errorCodeOf, errorMessageOf, wireErrors } from "../error-codes.js";
import { type Handler, handler } from "../handler.js";

const TOPIC = 2;
const BROKER = 4;
const typeNumbers: Readonly<Record<string, number>> = { BOOLEAN: 1, STRING: 2, INT: 3, LONG: 5, DOUBLE: 6, LIST: 7 };

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

async function entries({ resourceType, resourceName }: Resource, context: RequestContext) {
  if (resourceType === TOPIC)
    return (await context.broker.describeTopicConfig(resourceName)).map((e) => ({
      ...e,
      readOnly: false,
      from: e.source === "topic" ? 1 : 5,
    }));
  if (resourceType === BROKER && (resourceName === "" || resourceName === String(nodeId))) {
    const { host, port } = context.advertised;
    const fixed = (name: string, value: string, type = "STRING") => ({ name, value, type, readOnly: true, from: 4 });
    return [
      fixed("broker.id", String(nodeId), "INT"),
      fixed("advertised.listeners", `PLAINTEXT://${host}:${port}`),
      fixed("auto.create.topics.enable", String(context.autoCreateTopics), "BOOLEAN"),
      fixed("default.replication.factor", "1", "INT"),
      fixed("min.insync.replicas", "1", "INT"),
      fixed("num.partitions", "1", "INT"),
      fixed("offsets.topic.replication.factor", "1", "INT"),
      fixed("transaction.state.log.replication.factor", "1", "INT"),
    ];
  }
  throw new BrokerError("INVALID_REQUEST", `there are no settings of resource type ${resourceType}, name "${resourceName}"`);
}

/** Applies all changes of one resource, or none. */
async function alter(
  resource: Resource,
  changes: (now: ReadonlyMap<string, string>) => Readonly<Record<string, string | null>>,
  validateOnly: boolean,
  { broker }: RequestContext,
) {
  const { resourceType, resourceName } = resource;
  try {
    if (resourceType !== TOPIC)
      throw new BrokerError("INVALID_REQUEST", `only settings of topics can be changed here, not of resource type ${resourceType}`);
    const now = await broker.describeTopicConfig(resourceName);
    const wanted = changes(new Map(now.map((e) => [e.name, e.value])));
    for (const name of Object.keys(wanted))
      if (!now.some((e) => e.name === name)) throw new BrokerError("INVALID_CONFIG", `Unknown topic config name: ${name}`);
    if (!validateOnly) await broker.alterTopicConfig(resourceName, wanted);
    return { errorCode: 0, errorMessage: null, resourceType, resourceName };
  } catch (error) {
    return { errorCode: errorCodeOf(error), errorMessage: errorMessageOf(error), resourceType, resourceName };
  }
}

/** 0 set, 1 delete, 2 append and 3 subtract (of lists). */
function changed(operation: number, given: string | null, now: string): string | null {
  const values = now === "" ? [] : now.split(",");
  switch (operation) {
    case 0:
      return given;
    case 1:
      return null;
    case 2:
      return [...values, ...(given ?? "").split(",").filter((v) => !values.includes(v))].join(",");
    case 3:
      return values.filter((v) => !(given ?? "").split(",").includes(v)).join(",");
    default:
      throw new BrokerError("INVALID_REQUEST", `config operation ${operation} does not exist`);
  }
}

export const configHandlers: readonly Handler[] = [
  handler(describeConfigs, async ({ resources, includeSynonyms }, context) => ({
    results: await Promise.all(
      resources.map(async ({ resourceType, resourceName, configurationKeys }) => {
        try {
          const all = await entries({ resourceType, resourceName }, context);
          return {
            resourceType,
            resourceName,
            configs: all
              .filter((e) => configurationKeys === null || configurationKeys.includes(e.name))
              .map(({ name, value, readOnly, from, type }) => ({
                name,
                value,
                readOnly,
                configSource: from,
                synonyms: includeSynonyms ? [{ name, value, source: from }] : [],
                configType: typeNumbers[type] ?? 0,
              })),
          };
        } catch (error) {
          return { resourceType, resourceName, errorCode: errorCodeOf(error), errorMessage: errorMessageOf(error) };
        }
      }),
    ),
  })),

  // all settings that are not named go back to their defaults
  handler(alterConfigs, async ({ resources, validateOnly }, context) => ({
    responses: await Promise.all(
      resources.map((r) =>
        alter(
          r,
          (now) => ({
            ...Object.fromEntries([...now.keys()].map((name) => [name, null])),
            ...Object.fromEntries(r.configs.map((c) => [c.name, c.value])),
          }),
          validateOnly,
          context,
        ),
      ),
    ),
  })),

  handler(incrementalAlterConfigs, async ({ resources, validateOnly }, context) => ({
    responses: await Promise.all(
      resources.map((r) =>
        alter(
          r,
          (now) => Object.fromEntries(r.configs.map((c) => [c.name, changed(c.configOperation, c.value, now.get(c.name) ?? "")])),
          validateOnly,
          context,
        ),
      ),
    ),
  })),

  handler(describeClientQuotas, async () => ({ entries: [] })),

  handler(alterClientQuotas, async ({ entries }) => ({
    entries: entries.map(({ entity }) => ({
      errorCode: wireErrors.INVALID_REQUEST,
      errorMessage: "Quotas are not kept here: nothing was changed.",
      entity,
    })),
  })),
];

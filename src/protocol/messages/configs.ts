import { api } from "../wire/api.js";
import { array, boolean, float64, int8, int16, int32, string, struct } from "../wire/types.js";

const message = string.nullable().or(null);

export const describeConfigs = api(
  32,
  "DescribeConfigs",
  [1, 4],
  4,
  {
    resources: array(struct({ resourceType: int8, resourceName: string, configurationKeys: array(string).nullable() })),
    includeSynonyms: boolean,
    includeDocumentation: boolean.since(3),
  },
  {
    throttleTimeMs: int32,
    results: array(
      struct({
        errorCode: int16,
        errorMessage: message,
        resourceType: int8,
        resourceName: string,
        configs: array(
          struct({
            name: string,
            value: string.nullable(),
            readOnly: boolean,
            configSource: int8.or(-1),
            isSensitive: boolean,
            synonyms: array(struct({ name: string, value: string.nullable(), source: int8 })),
            configType: int8.since(3),
            documentation: message.since(3),
          }),
        ),
      }),
    ),
  },
);

const answers = {
  throttleTimeMs: int32,
  responses: array(struct({ errorCode: int16, errorMessage: message, resourceType: int8, resourceName: string })),
};

export const alterConfigs = api(
  33,
  "AlterConfigs",
  [0, 2],
  2,
  {
    resources: array(
      struct({ resourceType: int8, resourceName: string, configs: array(struct({ name: string, value: string.nullable() })) }),
    ),
    validateOnly: boolean,
  },
  answers,
);

export const incrementalAlterConfigs = api(
  44,
  "IncrementalAlterConfigs",
  [0, 1],
  1,
  {
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configs: array(struct({ name: string, configOperation: int8, value: string.nullable() })),
      }),
    ),
    validateOnly: boolean,
  },
  answers,
);

export const describeClientQuotas = api(
  48,
  "DescribeClientQuotas",
  [0, 1],
  1,
  { components: array(struct({ entityType: string, matchType: int8, match: string.nullable() })), strict: boolean },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: message,
    entries: array(
      struct({
        entity: array(struct({ entityType: string, entityName: string.nullable() })),
        values: array(struct({ key: string, value: float64 })),
      }),
    ).nullable(),
  },
);

export const alterClientQuotas = api(
  49,
  "AlterClientQuotas",
  [0, 1],
  1,
  {
    entries: array(
      struct({
        entity: array(struct({ entityType: string, entityName: string.nullable() })),
        ops: array(struct({ key: string, value: float64, remove: boolean })),
      }),
    ),
    validateOnly: boolean,
  },
  {
    throttleTimeMs: int32,
    entries: array(
      struct({
        errorCode: int16,
        errorMessage: message,
        entity: array(struct({ entityType: string, entityName: string.nullable() })),
      }),
    ),
  },
);

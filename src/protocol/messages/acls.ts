import { api } from "../wire/api.js";
import { array, int8, int16, int32, string, struct } from "../wire/types.js";

const message = string.nullable().or(null);

const filter = {
  resourceTypeFilter: int8,
  resourceNameFilter: string.nullable(),
  patternTypeFilter: int8,
  principalFilter: string.nullable(),
  hostFilter: string.nullable(),
  operation: int8,
  permissionType: int8,
};

export const describeAcls = api(29, "DescribeAcls", [1, 3], 2, filter, {
  throttleTimeMs: int32,
  errorCode: int16,
  errorMessage: message,
  resources: array(struct({ resourceName: string })),
});

export const createAcls = api(
  30,
  "CreateAcls",
  [1, 3],
  2,
  {
    creations: array(
      struct({
        resourceType: int8,
        resourceName: string,
        resourcePatternType: int8,
        principal: string,
        host: string,
        operation: int8,
        permissionType: int8,
      }),
    ),
  },
  { throttleTimeMs: int32, results: array(struct({ errorCode: int16, errorMessage: message })) },
);

/** What a filter matches is left out of the shape: nothing is kept that one could match. */
export const deleteAcls = api(
  31,
  "DeleteAcls",
  [1, 3],
  2,
  { filters: array(struct(filter)) },
  {
    throttleTimeMs: int32,
    filterResults: array(struct({ errorCode: int16, errorMessage: message, matchingAcls: array(struct({ errorCode: int16 })) })),
  },
);

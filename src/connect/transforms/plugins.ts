import type { TransformPlugin } from "../api/transform.js";
import { byLogicalTableRouter } from "./by-logical-table-router.js";
import { castTransforms } from "./cast.js";
import { extractNewRecordState } from "./extract-new-record-state.js";
import { fieldTransforms } from "./fields.js";
import { flattenTransforms } from "./flatten.js";
import { headerTransforms } from "./headers.js";
import { insertFieldTransforms } from "./insert-field.js";
import { routingTransforms } from "./routing.js";
import { timestampTransforms } from "./timestamp-converter.js";

/** Every transform that is built in. */
export const transformPlugins: readonly TransformPlugin[] = [
  extractNewRecordState,
  byLogicalTableRouter,
  ...castTransforms,
  ...fieldTransforms,
  ...flattenTransforms,
  ...insertFieldTransforms,
  ...timestampTransforms,
  ...routingTransforms,
  ...headerTransforms,
];

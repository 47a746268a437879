import type { TransformPlugin } from "../api/transform.js";
import { byLogicalTableRouter } from "./by-logical-table-router.js";
import { castTransforms } from "./cast.js";
import { changeHeaderTransforms } from "./change-headers.js";
import { eventRouter } from "./event-router.js";
import { extractNewRecordState } from "./extract-new-record-state.js";
import { fieldTransforms } from "./fields.js";
import { flattenTransforms } from "./flatten.js";
import { headerTransforms } from "./headers.js";
import { insertFieldTransforms } from "./insert-field.js";
import { routingTransforms } from "./routing.js";
import { scriptTransforms } from "./script-transforms.js";
import { timestampTransforms } from "./timestamp-converter.js";
import { timezoneConverter } from "./timezone-converter.js";

/** Every transform that is built in. */
export const transformPlugins: readonly TransformPlugin[] = [
  extractNewRecordState,
  byLogicalTableRouter,
  eventRouter,
  ...changeHeaderTransforms,
  timezoneConverter,
  ...castTransforms,
  ...fieldTransforms,
  ...flattenTransforms,
  ...insertFieldTransforms,
  ...timestampTransforms,
  ...routingTransforms,
  ...headerTransforms,
  // last: the short name Filter is Kafka's
  ...scriptTransforms,
];

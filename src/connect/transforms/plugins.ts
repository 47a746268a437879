import type { TransformPlugin } from "../api/transform.js";
import { convertTransforms } from "./convert.js";
import { extractNewRecordState } from "./extract-new-record-state.js";
import { fieldTransforms } from "./fields.js";
import { headerTransforms } from "./headers.js";
import { routingTransforms } from "./routing.js";

/** Every transform that is built in. */
export const transformPlugins: readonly TransformPlugin[] = [
  extractNewRecordState,
  ...fieldTransforms,
  ...convertTransforms,
  ...routingTransforms,
  ...headerTransforms,
];

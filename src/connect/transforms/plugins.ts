import type { TransformPlugin } from "../api/transform.js";

/** Every transform that is built in. */
export const transformPlugins: readonly TransformPlugin[] = [];

/** What a plug-in author imports as `millrace/connect`. */
export type * from "./converter.js";
export type * from "./record.js";
export type * from "./shape.js";
export type * from "./sink.js";
export type * from "./source.js";
export type * from "./transform.js";

// @ts-check
import { fileSink } from "./sink.js";
import { sensorSource } from "./source.js";
import { celsius } from "./transform.js";

/** @type {import("millrace/connect").PluginModule} */
const plugins = { sources: [sensorSource], sinks: [fileSink], transforms: [celsius] };
export default plugins;

// @ts-check
import { ConfigDef, primitive, Struct, structOf } from "millrace/connect";

/** @import { SourceConnector, SourceTask, SourceTaskContext, SourceRecord } from "millrace/connect" */

const config = new ConfigDef([
  { name: "topic", type: "STRING", importance: "HIGH", doc: "Where the readings go." },
  { name: "sensors", type: "LIST", default: ["north", "south"], doc: "Names of the sensors, shared out over the tasks." },
  { name: "interval.ms", type: "INT", default: 1000, min: 1, doc: "Time between two readings of a sensor." },
  { name: "readings.max", type: "INT", default: null, min: 1, doc: "Readings of each sensor, then no more; without an end if absent." },
]);

// One object each, made once: what the runtime prepares for a schema it keeps by the object.
const keySchema = primitive("string");
const valueSchema = structOf(
  [
    ["sensor", primitive("string")],
    ["number", primitive("int64")],
    ["fahrenheit", primitive("float64", { optional: true })],
  ],
  { name: "example.Reading" },
);

/** A thermometer that is not there: each sensor counts its readings, and goes on counting after a restart. */
class SensorTask {
  /** @type {Map<string, number>} the number of each sensor's next reading */
  next = new Map();

  /**
   * @param {Readonly<Record<string, string>>} settings
   * @param {SourceTaskContext} context
   */
  async start(settings, context) {
    this.context = context;
    this.settings = config.parse(settings);
    // What was committed with the last readings: with it nothing is lost or doubled, whenever the process is killed.
    for (const sensor of this.settings.list("sensors")) this.next.set(sensor, Number(context.offset({ sensor })?.["next"] ?? 0));
  }

  /** @returns {Promise<SourceRecord[]>} */
  async poll() {
    const { context, settings } = this;
    if (!context || !settings) return [];
    await context.clock.sleep(settings.number("interval.ms"), context.signal).catch(() => undefined);
    if (context.signal.aborted) return [];
    const most = settings.optionalNumber("readings.max") ?? Number.MAX_SAFE_INTEGER;
    const records = [];
    for (const [sensor, number] of this.next) {
      if (number >= most) continue;
      this.next.set(sensor, number + 1);
      records.push({
        topic: settings.string("topic"),
        partition: null,
        keySchema,
        key: sensor,
        valueSchema,
        value: new Struct(valueSchema, [sensor, number, 32 + (number % 180)]),
        timestamp: context.clock.now(),
        headers: [],
        sourcePartition: { sensor },
        sourceOffset: { next: number + 1 },
      });
    }
    return records;
  }

  committed() {}
  async stop() {}
}

/** @type {SourceConnector} */
export const sensorSource = {
  type: "source",
  classes: ["example.SensorSourceConnector"],
  version: "1.0.0",
  config,
  taskConfigs(settings, maxTasks) {
    const sensors = config.parse(settings).list("sensors");
    const count = Math.min(maxTasks, sensors.length);
    return Array.from({ length: count }, (_, task) => ({
      ...settings,
      sensors: sensors.filter((_sensor, i) => i % count === task).join(","),
    }));
  },
  createTask: () => new SensorTask(),
};

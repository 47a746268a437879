// Appends, flushes and prints what is confirmed, until it is killed. Arguments: folder, "delete" or "compact", seed
import { writeSync } from "node:fs";
import { ConfigDef } from "../../dist/common/config-def.js";
import { logConfig, logSettings } from "../../dist/log/log-config.js";
import { PartitionLog } from "../../dist/log/partition-log.js";
import { RecordBatchBuilder } from "../../dist/protocol/record-batch-builder.js";

const [, , dir, policy, seedText] = process.argv;
let seed = Number(seedText) | 1;
const random = (n) => {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return (seed >>> 0) % n;
};
const config = logConfig(
  new ConfigDef(logSettings).parse({ "cleanup.policy": policy, "segment.bytes": "60000", "index.interval.bytes": "500" }),
);
const log = await PartitionLog.open(dir, { config });
const builder = new RecordBatchBuilder();
const compression = ["none", "lz4", "gzip"];
let compacting = false;

async function flush() {
  await log.flush();
  writeSync(1, `${log.flushedOffset}\n`);
}

for (;;) {
  for (let n = random(4) + 1; n > 0; n--) {
    const list = [];
    let offset = log.logEndOffset;
    for (let b = random(3) + 1; b > 0; b--) {
      for (let r = random(20) + 1; r > 0; r--, offset++)
        builder.append(offset, Buffer.from(`k${offset % 50}`), Buffer.from(`${offset}:`.padEnd(random(900) + 10, "x")));
      list.push(builder.finish({ compression: compression[random(3)] }));
    }
    log.appendAll(list);
    if (random(3) === 0) flush();
  }
  if (policy === "compact" && !compacting && random(20) === 0) {
    compacting = true;
    log.compact(Date.now()).finally(() => {
      compacting = false;
    });
  }
  await flush();
}

// A process to be killed: transactional writes over several partitions with offsets, each confirmed commit noted in a file.
import { openSync, writeSync } from "node:fs";
import { TransactionalProducer } from "../../../dist/broker/api/producer.js";
import { EmbeddedBroker } from "../../../dist/broker/embedded/embedded-broker.js";

const [dir, ackFile, writers, partitions] = process.argv.slice(2);
const broker = await EmbeddedBroker.open({ dir, transactionLogBytes: 4000 });
await broker.createTopics([{ name: "data", partitions: Number(partitions), configs: { "segment.bytes": "200000" } }]);
const acks = openSync(ackFile, "a");

async function write(k) {
  const producer = new TransactionalProducer({ broker, transactionalId: `writer-${k}` });
  await producer.init();
  const [last] = await broker.offsetFetch(`g${k}`, [{ topic: "in", partition: 0 }]);
  for (let n = Math.max(0, last.offset) + 1; ; n++) {
    producer.begin();
    const commit = Math.random() < 0.8;
    const total = 1 + Math.floor(Math.random() * 6);
    for (let i = 0; i < total; i++) {
      const p = Math.floor(Math.random() * partitions);
      const text = `${k}:${n}:${i}:${total}:${commit ? "commit" : "abort"}`;
      producer.batch("data", p).append(Date.now(), null, Buffer.from(text + " ".repeat(Math.floor(Math.random() * 200))));
      if (Math.random() < 0.3) producer.send([producer.partition("data", p)]);
    }
    producer.sendOffsets(`g${k}`, [{ topic: "in", partition: 0, offset: n }]);
    if (commit) {
      await producer.commit();
      writeSync(acks, `${k}:${n}\n`);
    } else {
      producer.send([producer.partition("data", 0)]);
      await producer.abort();
      n--;
    }
  }
}
writeSync(1, "ready\n");
for (let k = 0; k < Number(writers); k++) void write(k);

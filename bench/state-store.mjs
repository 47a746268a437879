// The table under every store: read-modify-write of a million keys with a commit every 5,000, beside a Map of rows; then a snapshot.
//   node bench/state-store.mjs [keys] [writes]
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KeyedStore } from "../dist/streams/state/keyed-store.js";
import { readSnapshot, writeSnapshot } from "../dist/streams/state/snapshot.js";
import { measure, report } from "./support.mjs";

const keys = Number(process.argv[2] ?? 1_000_000);
const writes = Number(process.argv[3] ?? 2_000_000);
const schema = {
  key: [{ name: "ID", type: { base: "INTEGER" } }],
  value: [
    { name: "N", type: { base: "BIGINT" } },
    { name: "TOTAL", type: { base: "DOUBLE" } },
    { name: "NAME", type: { base: "STRING" } },
  ],
};
const keyOf = (i) => (Math.imul(i, 0x9e3779b1) >>> 0) % keys;

let store = new KeyedStore("bench", schema);
let longest = 0;
const ours = await measure(async () => {
  for (let i = 0; i < writes; ) {
    const begun = process.cpuUsage();
    const row = [0, 0, 0, "", null, null, null, null, null];
    for (const end = Math.min(writes, i + 5000); i < end; i++) {
      const id = keyOf(i);
      row[0] = id;
      const old = store.get(row);
      store.putCurrent([id, (old?.[1] ?? 0) + 1, (old?.[2] ?? 0) + 0.5, old?.[3] ?? `customer ${id}`, null, null, null, null, null], i, -1);
    }
    store.applyCommit();
    store.tidy(-1, undefined);
    const { user, system } = process.cpuUsage(begun);
    longest = Math.max(longest, (user + system) / 1000);
  }
});
const map = new Map();
const limit = await measure(async () => {
  for (let i = 0; i < writes; i++) {
    const id = keyOf(i);
    const old = map.get(id);
    map.set(id, [id, (old?.[1] ?? 0) + 1, (old?.[2] ?? 0) + 0.5, old?.[3] ?? `customer ${id}`]);
  }
});
map.clear();

report(`store: read-modify-write of ${keys} keys`, writes, ours, { ...limit, limit: "a Map of rows, nothing kept" }, 0.4);
console.log(
  `  ${store.table.size} keys in ${Math.round(store.table.bytes / 1e6)} MB outside the heap; longest turn of 5,000 with its commit ${longest.toFixed(1)} ms of CPU`,
);
const dir = mkdtempSync(join(tmpdir(), "millrace-store-"));
const path = join(dir, "store.snapshot");
const header = { topicId: "t", layout: "l", offset: 1 };
const written = await measure(() => writeSnapshot(path, store, header, () => false));
store = undefined;
const read = await measure(() => readSnapshot(path, () => new KeyedStore("bench", schema), { topicId: "t", layout: "l" }));
console.log(
  `  snapshot of ${Math.round(statSync(path).size / 1e6)} MB written in ${Math.round(written.seconds * 1000)} ms, read in ${Math.round(read.seconds * 1000)} ms (${read.result.store.table.size} keys)`,
);
rmSync(dir, { recursive: true });

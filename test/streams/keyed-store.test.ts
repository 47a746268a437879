import { rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Decimal } from "../../src/data/schema.js";
import type { SqlType } from "../../src/data/sql-type.js";
import type { Row } from "../../src/serde/row-serde.js";
import { ByteReader, ByteWriter } from "../../src/streams/state/bytes.js";
import { KeyedStore } from "../../src/streams/state/keyed-store.js";
import { createRowCodec } from "../../src/streams/state/row-codec.js";
import { readSnapshot, writeSnapshot } from "../../src/streams/state/snapshot.js";
import { type Folder, temporaryFolder } from "./on-broker.js";

const schema = {
  key: [{ name: "K", type: { base: "STRING" } as const }],
  value: [{ name: "V", type: { base: "STRING" } as const }],
};

type Step = { op: "put"; key: number; size: number } | { op: "delete"; key: number } | { op: "commit" } | { op: "discard" };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant("put" as const), key: fc.nat(30), size: fc.nat(200) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("delete" as const), key: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("commit" as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("discard" as const) }) },
);

function contents(store: KeyedStore): Map<unknown, unknown> {
  return new Map([...store.scan()].map(({ row }) => [row[0], row[1]]));
}

describe("KeyedStore", () => {
  it("reads its own writes, shows others what is committed, and forgets what is discarded", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const store = new KeyedStore("s", schema);
        let committed = new Map<string, string>();
        let current = new Map<string, string>();
        for (const [i, s] of steps.entries()) {
          if (s.op === "put") {
            const value = String(i).padEnd(s.size, "x");
            store.put([`k${s.key}`], [`k${s.key}`, value], i, -1);
            current.set(`k${s.key}`, value);
          } else if (s.op === "delete") {
            store.put([`k${s.key}`], null, i, -1);
            current.delete(`k${s.key}`);
          } else if (s.op === "commit") {
            while (!store.applyCommit(3));
            store.tidy(-1, undefined);
            committed = new Map(current);
          } else {
            store.discard();
            current = new Map(committed);
          }
          for (let k = 0; k <= 30; k++) {
            expect(store.get([`k${k}`])?.[1]).toBe(current.get(`k${k}`));
            expect(store.committed([`k${k}`])?.row[1]).toBe(committed.get(`k${k}`));
          }
          expect(contents(store)).toEqual(committed);
          expect(store.table.size).toBe(committed.size);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("keeps 200,000 keys through growth, replacement by larger values, deletes and compaction", () => {
    const store = new KeyedStore("s", schema);
    const count = 200_000;
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < count; i++) {
        const deleted = i % 4 === round;
        store.put([`key ${i}`], deleted ? null : [`key ${i}`, `${round}:${i}:`.padEnd(10 + round * 20, ".")], i, -1);
        if (i % 5_000 === 4_999) {
          store.applyCommit();
          store.tidy(-1, undefined);
        }
      }
    }
    for (let i = 0; i < 200; i++) store.tidy(-1, undefined);
    let found = 0;
    for (let i = 0; i < count; i++) {
      const row = store.get([`key ${i}`]);
      if (i % 4 === 3) expect(row).toBeNull();
      else {
        found++;
        if (row?.[1] !== `3:${i}:`.padEnd(70, ".")) throw new Error(`key ${i} is ${row?.[1]}`);
      }
    }
    expect(store.table.size).toBe(found);
    // 150,000 entries of 40 bytes of header, about 11 of key and 72 of value, and at most as much garbage again.
    expect(store.table.bytes).toBeLessThan(2 * 150_000 * 136);
  });

  it("finds keys that are met again and again among many, while they grow, go, come back and are moved", () => {
    const store = new KeyedStore("s", schema);
    const values = new Map<string, string>();
    for (let i = 0; i < 120_000; i++) {
      const often = i % 3 > 0;
      const key = often ? `often ${(i * 7919) % 3_000}` : `once ${i}`;
      const row = store.get([key]);
      if ((row?.[1] ?? undefined) !== values.get(key)) throw new Error(`${key} is ${row?.[1]}, not ${values.get(key)}`);
      if (often && i % 11 === 0) {
        store.put([key], null, i, -1);
        values.delete(key);
      } else {
        const value = `${i}`.padEnd((i * 31) % 120, ".");
        store.put([key], [key, value], i, -1);
        values.set(key, value);
      }
      if (i % 1_000 !== 999) continue;
      store.applyCommit();
      store.tidy(-1, undefined);
    }
    expect(contents(store)).toEqual(values);
  });
});

describe("snapshots", () => {
  let folder: Folder;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => folder.remove());
  const header = { topicId: "topic", layout: "layout" };
  const empty = () => new KeyedStore("s", schema);

  it("bring back every committed row, also of rows larger than a block, and none that is not committed", async () => {
    const path = join(folder.path, "a.snapshot");
    const store = empty();
    for (let i = 0; i < 5_000; i++) store.put([`k${i}`], [`k${i}`, "v".repeat(i % 700)], i, i * 2);
    store.put(["large"], ["large", "L".repeat(3_000_000)], 7, -1);
    store.applyCommit();
    store.put(["k1"], null, 8, -1);
    store.put(["new"], ["new", "x"], 9, -1);
    expect(await writeSnapshot(path, store, { ...header, offset: 42 }, () => false)).toBe(true);
    const read = await readSnapshot(path, empty, header);
    expect(read?.offset).toBe(42);
    expect(contents(read!.store)).toEqual(contents(store));
    expect(read!.store.committed(["k3"])?.timestamp).toBe(3);
  });

  it("are not taken where they are another topic's, another layout's, damaged or cut", async () => {
    const path = join(folder.path, "b.snapshot");
    const store = empty();
    for (let i = 0; i < 1_000; i++) store.put([`k${i}`], [`k${i}`, "value"], i, -1);
    store.applyCommit();
    await writeSnapshot(path, store, { ...header, offset: 1 }, () => false);
    expect(await readSnapshot(path, empty, { ...header, topicId: "other" })).toBeUndefined();
    expect(await readSnapshot(path, empty, { ...header, layout: "other" })).toBeUndefined();
    await truncate(path, 20_000);
    expect(await readSnapshot(path, empty, header)).toBeUndefined();
    await rm(path);
    expect(await readSnapshot(path, empty, header)).toBeUndefined();
  });
});

describe("the row codec", () => {
  const types: [SqlType, unknown[]][] = [
    [{ base: "BOOLEAN" }, [true, false]],
    [{ base: "INTEGER" }, [0, -1, 63, 64, -2147483648, 2147483647]],
    [{ base: "BIGINT" }, [0, -1, 2 ** 40, -(2 ** 40), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2n ** 63n - 1n, -(2n ** 63n)]],
    [{ base: "DOUBLE" }, [0, 1.5, -1e300, Number.NaN, Number.POSITIVE_INFINITY]],
    [{ base: "STRING" }, ["", "a", "é".repeat(40), "x".repeat(63), "x".repeat(64), "x".repeat(9_000), "😀"]],
    [{ base: "BYTES" }, [new Uint8Array([]), new Uint8Array([0, 255])]],
    [{ base: "DECIMAL", precision: 38, scale: 2 }, [new Decimal(0n, 2), new Decimal(-12345n, 2), new Decimal(10n ** 37n, 2)]],
    [{ base: "ARRAY", element: { base: "INTEGER" } }, [[], [1, null, -3]]],
    [
      { base: "MAP", key: { base: "STRING" }, value: { base: "BIGINT" } },
      [
        new Map(),
        new Map([
          ["a", 1],
          ["b", null],
        ]),
      ],
    ],
    [
      {
        base: "STRUCT",
        fields: [
          { name: "A", type: { base: "STRING" } },
          { name: "B", type: { base: "DATE" } },
        ],
      },
      [
        ["x", 1],
        [null, null],
      ],
    ],
  ];

  it("gives back every type's values and null, at any place of a row of more than eight columns", () => {
    const columns = types.map(([type], i) => ({ name: `C${i}`, type }));
    const codec = createRowCodec(columns, 1);
    const writer = new ByteWriter(8);
    for (let n = 0; n < 9; n++) {
      const row: Row = ["key", ...types.map(([, values], i) => ((i + n) % 9 === 0 ? null : values[n % values.length]))];
      writer.position = 0;
      codec.write(row, writer);
      const reader = new ByteReader();
      reader.open(writer.bytes, 0);
      const back: Row = new Array(row.length).fill(null);
      back[0] = "key";
      codec.read(reader, back);
      expect(back).toEqual(row);
      expect(reader.position).toBe(writer.position);
    }
  });
});

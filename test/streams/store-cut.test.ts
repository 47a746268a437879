import fc from "fast-check";
import { expect, test } from "vitest";
import { KeyedStore } from "../../src/streams/state/keyed-store.js";

const schema = {
  key: [{ name: "ID", type: { base: "INTEGER" } as const }],
  value: [{ name: "TEXT", type: { base: "STRING" } as const }],
};

test("a cut is the store's rows of one moment, whatever changes while it is read", () => {
  const write = fc.record({ id: fc.nat(40), length: fc.option(fc.nat(200), { nil: null }) });
  fc.assert(
    fc.property(
      fc.array(fc.array(write, { maxLength: 30 }), { maxLength: 8 }),
      fc.array(fc.record({ read: fc.nat(20), writes: fc.array(write, { maxLength: 20 }) }), { maxLength: 8 }),
      (before, during) => {
        const store = new KeyedStore("s", schema);
        const commit = (writes: readonly { id: number; length: number | null }[]) => {
          for (const { id, length } of writes) {
            const row = length === null ? null : [id, `${length}`.repeat(length), null, null, null, null, null];
            store.put([id], row, length ?? 0, -1);
          }
          store.applyCommit();
          store.tidy(-1, undefined);
        };
        const rows = (all: Iterable<{ row: unknown[] }>) => [...all].map(({ row }) => `${row[0]} ${row[1]}`);
        for (const writes of before) commit(writes);
        const expected = rows(store.scan()).sort();
        const cut = store.cut().rows();
        const seen: string[] = [];
        for (const { read, writes } of during) {
          for (let i = 0; i < read; i++) {
            const next = cut.next();
            if (!next.done) seen.push(...rows([next.value]));
          }
          commit(writes);
        }
        seen.push(...rows(cut));
        expect(seen.sort()).toEqual(expected);
        expect(store.scans).toBe(0);
      },
    ),
  );
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { materializeRecord } from "../../../src/connect/api/materialize.js";
import type { RowChunk } from "../../../src/connect/api/shape.js";
import { CaptureRules } from "../../../src/connectors/postgres/capture-rules.js";
import { CopyDecoder } from "../../../src/connectors/postgres/copy-decoder.js";
import { readSettings } from "../../../src/connectors/postgres/settings.js";
import { SnapshotShapes } from "../../../src/connectors/postgres/snapshot-shapes.js";
import { StreamDecoder } from "../../../src/connectors/postgres/stream-decoder.js";
import { StreamShapes } from "../../../src/connectors/postgres/stream-shapes.js";
import type { StreamTable } from "../../../src/connectors/postgres/stream-table.js";
import { TableModel } from "../../../src/connectors/postgres/table-model.js";
import { type TypeInfo, TypeRegistry } from "../../../src/connectors/postgres/types/type-info.js";
import { plain } from "../../support/source-driver.js";

const settings = readSettings({ "database.hostname": "h", "database.user": "u", "database.dbname": "d", "topic.prefix": "s" });
const type = (oid: number, name: string): [number, TypeInfo] => [
  oid,
  { oid, name, kind: "b", element: 0, base: 0, modifier: -1, delimiter: ",", labels: [] },
];
const types = new TypeRegistry(new Map([type(23, "int4"), type(25, "text")]));
const column = (name: string, oid: number, required: boolean) => ({
  name,
  type: oid,
  modifier: -1,
  required,
  default: null,
  identity: name === "id",
});
const model = new TableModel(
  "public",
  "t",
  [column("id", 23, true), column("v", 25, false)],
  ["id"],
  settings,
  new CaptureRules(settings),
  types,
  true,
);

const frame = (code: string, body: Buffer) => {
  const out = Buffer.alloc(5 + body.length);
  out.write(code);
  out.writeInt32BE(4 + body.length, 1);
  body.copy(out, 5);
  return out;
};
const escaped = (v: string | null) =>
  v === null ? "\\N" : v.replace(/[\\\n\t\r]/g, (c) => ({ "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r" })[c]!);
/** The bytes cut anywhere. */
const pieces = (bytes: Buffer, cuts: readonly number[]) => {
  const at = [...new Set(cuts.map((c) => c % bytes.length))].sort((a, b) => a - b);
  return [0, ...at].map((from, i) => bytes.subarray(from, at[i] ?? bytes.length)).filter((p) => p.length);
};
const text = fc.option(
  fc.string({ unit: "grapheme", maxLength: 20 }).filter((s) => !s.includes("\0")),
  { nil: null },
);
const rows = fc.array(text, { maxLength: 30 });
const cuts = fc.array(fc.nat(), { maxLength: 20 });
const afters = (items: readonly unknown[]) =>
  items.flatMap((item) => {
    const chunk = item as RowChunk;
    return Array.from({ length: chunk.count }, (_, i) => plain(materializeRecord(chunk, i).value)) as {
      op: string;
      before: unknown;
      after: unknown;
      source: { snapshot: string; lsn: number };
    }[];
  });

test("COPY's answer gives the same rows however the network cuts it", () => {
  fc.assert(
    fc.property(rows, cuts, (values, at) => {
      const bytes = Buffer.concat([
        frame("H", Buffer.from([0, 0, 2, 0, 0, 0, 0])),
        ...values.map((v, i) => frame("d", Buffer.from(`${i}\t${escaped(v)}\n`))),
        frame("c", Buffer.alloc(0)),
        frame("C", Buffer.from("COPY 1\0")),
        frame("Z", Buffer.from("I")),
      ]);
      const shapes = new SnapshotShapes(model, [], { tsUs: 1, sequence: "[]", txId: 1, lsn: 1 });
      const decoder = new CopyDecoder(shapes, { marker: (f, l) => (f ? "first" : l ? "last" : "true"), key: [0], relax: () => shapes });
      const seen = pieces(bytes, at).flatMap((p) => afters(decoder.decode([p], {}, {})));
      expect(decoder.done).toBe(true);
      expect(seen.map((s) => s.after)).toEqual(values.map((v, id) => ({ id, v })));
      expect(seen.map((s) => s.source.snapshot)).toEqual(
        values.map((_, i) => (i === 0 ? "first" : i === values.length - 1 ? "last" : "true")),
      );
    }),
  );
});

const u64 = (n: number) => {
  const b = Buffer.alloc(8);
  b.writeBigUInt64BE(BigInt(n));
  return b;
};
const i32 = (n: number) => {
  const b = Buffer.alloc(4);
  b.writeInt32BE(n);
  return b;
};
const wal = (lsn: number, body: Buffer) => frame("d", Buffer.concat([Buffer.from("w"), u64(lsn), u64(lsn), u64(0), body]));
const tuple = (values: readonly (string | null)[]) =>
  Buffer.concat([
    Buffer.from([0, values.length]),
    ...values.map((v) => (v === null ? Buffer.from("n") : Buffer.concat([Buffer.from("t"), i32(Buffer.byteLength(v)), Buffer.from(v)]))),
  ]);
const relation = Buffer.concat([
  Buffer.from("R"),
  i32(7),
  Buffer.from("public\0t\0d"),
  Buffer.from([0, 2]),
  Buffer.from([1]),
  Buffer.from("id\0"),
  i32(23),
  i32(-1),
  Buffer.from([0]),
  Buffer.from("v\0"),
  i32(25),
  i32(-1),
]);

function streamTable(): StreamTable {
  return {
    model,
    shapes: new StreamShapes(model, [], false),
    count: 2,
    required: Uint8Array.from([1, 0]),
    full: false,
    fullName: "public.t",
    captured: true,
    signals: false,
    relax: () => streamTable(),
    insert: null,
    update: null,
    updateFull: null,
  };
}

test("a stream gives the same rows however the network cuts it, and from any place that it is resumed at", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(text, { minLength: 1, maxLength: 8 }), { maxLength: 5 }),
      cuts,
      fc.tuple(fc.nat(), fc.nat()),
      (transactions, at, stops) => {
        const frames: Buffer[] = [wal(0, relation)];
        const expected: unknown[] = [];
        let lsn = 1000;
        let id = 0;
        for (const values of transactions) {
          const final = lsn + 100;
          frames.push(wal(lsn, Buffer.concat([Buffer.from("B"), u64(final), u64(5), i32(9)])));
          for (const v of values) {
            frames.push(wal(lsn++, Buffer.concat([Buffer.from("I"), i32(7), Buffer.from("N"), tuple([String(id), v])])));
            expected.push({ id: id++, v });
          }
          frames.push(wal(final, Buffer.concat([Buffer.from("C"), Buffer.from([0]), u64(final), u64(final + 8), u64(5)])));
          lsn = final + 8;
        }
        const events = { begin() {}, commit() {}, message() {}, order: null, total: () => 0, row: null, skip: null, keepalive() {} };
        const options = { skipped: new Set(["t"]), tombstones: true, transactions: false, onlyChanges: false };
        const bytes = Buffer.concat(frames);
        const run = (position: StreamDecoder["position"], parts: Buffer[]) => {
          const decoder = new StreamDecoder(position, events, options);
          const seen: unknown[] = [];
          for (const part of parts) {
            decoder.start([part], { server: "s" }, {});
            while (!decoder.run()) decoder.resume(streamTable());
            seen.push(...afters(decoder.items).map((s) => s.after));
          }
          return { decoder, seen };
        };
        const fresh = { commitLsn: 0, lsn: 0, txId: 0, tsUs: 0, inTx: 0 };
        expect(run(fresh, pieces(bytes, at)).seen).toEqual(expected);
        // a server that sends everything again from the slot's older position
        const seen: unknown[] = [];
        let position: StreamDecoder["position"] = fresh;
        for (const stop of stops) {
          const part = run(position, [bytes.subarray(0, stop % (bytes.length + 1))]);
          seen.push(...part.seen);
          position = part.decoder.resumable;
        }
        expect([...seen, ...run(position, pieces(bytes, at)).seen]).toEqual(expected);
      },
    ),
  );
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { confluentJdbcSink, debeziumJdbcSink } from "../../../src/connectors/jdbc/connectors.js";
import { Decimal, logical, optional, primitive, type Schema, Struct, structOf, type Value } from "../../../src/data/schema.js";
import { record, SinkHarness } from "../../support/sink-harness.js";
import { type TargetDatabase, targets } from "./targets.js";

const id = primitive("int32");
const keySchema = structOf([["id", id]]);
const rowSchema = structOf([
  ["id", id],
  ["name", optional(primitive("string"))],
  ["amount", optional(logical.decimal(2))],
]);
const key = (n: number): [Schema, Value] => [keySchema, new Struct(keySchema, [n])];
const row = (n: number, name: string | null, cents = 0n): [Schema, Value] => [
  rowSchema,
  new Struct(rowSchema, [n, name, new Decimal(cents, 2)]),
];

describe.each(targets.map((t) => [t.title, t] as const))("%s", (_title, target) => {
  describe.skipIf(!target.installed)("JDBC sink", () => {
    let db: TargetDatabase;
    beforeAll(async () => {
      db = await target.start();
    }, 90_000);
    afterAll(() => db?.stop());

    function confluent(extra: Record<string, string> = {}) {
      return {
        "connection.url": db.url,
        "connection.user": db.user,
        "connection.password": db.password,
        "insert.mode": "upsert",
        "pk.mode": "record_key",
        "auto.create": "true",
        "auto.evolve": "true",
        "delete.enabled": "true",
        ...extra,
      };
    }
    function debezium(extra: Record<string, string> = {}) {
      return {
        "connection.url": db.url,
        "connection.username": db.user,
        "connection.password": db.password,
        "insert.mode": "upsert",
        "primary.key.mode": "record_key",
        "schema.evolution": "basic",
        "delete.enabled": "true",
        ...extra,
      };
    }
    const all = (table: string, order = "id") => db.query(`SELECT * FROM ${db.quote(table)} ORDER BY ${db.quote(order)}`);
    const numbers = async (sql: string) => Object.values((await db.query(sql))[0]!).map(Number);

    describe("modes", () => {
      test("upserts, deletes on tombstones, and the last change of a key in a batch wins", async () => {
        const h = await new SinkHarness(confluentJdbcSink, confluent()).start("modes_upsert");
        await h.task.put([
          record("modes_upsert", 0, key(1), row(1, "one", 150n)),
          record("modes_upsert", 1, key(2), row(2, "two")),
          record("modes_upsert", 2, key(1), row(1, "uno", 250n)),
          record("modes_upsert", 3, key(2), null),
          record("modes_upsert", 4, key(3), row(3, null)),
        ]);
        expect(await h.task.flush()).toEqual(new Map([["modes_upsert-0", 5]]));
        expect(await all("modes_upsert")).toEqual([
          { id: 1, name: "uno", amount: "2.50" },
          { id: 3, name: null, amount: "0.00" },
        ]);
        expect(h.errors).toEqual([]);
        await h.stop();
      });

      test("insert keeps every record without a key and a repeated key is refused alone", async () => {
        const plain = await new SinkHarness(
          confluentJdbcSink,
          confluent({ "insert.mode": "insert", "pk.mode": "none", "delete.enabled": "false" }),
          { name: "plain" },
        ).start("modes_plain");
        await plain.task.put([record("modes_plain", 0, null, row(1, "a")), record("modes_plain", 1, null, row(1, "a"))]);
        await plain.task.flush();
        expect(await all("modes_plain")).toHaveLength(2);
        await plain.stop();

        const keyed = await new SinkHarness(confluentJdbcSink, confluent({ "insert.mode": "insert", "delete.enabled": "false" }), {
          name: "keyed",
        }).start("modes_keyed");
        await keyed.task.put([1, 2, 1, 3].map((n, i) => record("modes_keyed", i, key(n), row(n, `${i}`))));
        await keyed.task.flush();
        expect((await all("modes_keyed")).map((r) => r.name)).toEqual(["0", "1", "3"]);
        expect(keyed.errors.map((e) => [e.record.offset, (e.error as Error).message])).toEqual([[2, expect.stringMatching(/duplicate/i)]]);
        await keyed.stop();
      });

      test("update changes only rows that are there", async () => {
        await db.query(
          "CREATE TABLE modes_update (id int PRIMARY KEY, name text, amount numeric(10,2)); INSERT INTO modes_update VALUES (1, 'old', 0)",
        );
        const h = await new SinkHarness(confluentJdbcSink, confluent({ "insert.mode": "update", "delete.enabled": "false" }), {
          name: "update",
        }).start("modes_update");
        await h.task.put([record("modes_update", 0, key(1), row(1, "new")), record("modes_update", 1, key(2), row(2, "none"))]);
        await h.task.flush();
        expect(await all("modes_update")).toEqual([{ id: 1, name: "new", amount: "0.00" }]);
        await h.stop();
      });

      test("keys from Kafka's coordinates, the value, a primitive key", async () => {
        const coordinates = await new SinkHarness(confluentJdbcSink, confluent({ "pk.mode": "kafka", "delete.enabled": "false" }), {
          name: "kafka",
        }).start("pk_kafka");
        await coordinates.task.put([record("pk_kafka", 7, null, row(1, "x"))]);
        await coordinates.task.flush();
        const [there] = await all("pk_kafka");
        expect({ ...there, __connect_offset: Number(there!.__connect_offset) }).toEqual({
          __connect_topic: "pk_kafka",
          __connect_partition: 0,
          __connect_offset: 7,
          id: 1,
          name: "x",
          amount: "0.00",
        });
        await coordinates.stop();

        const value = await new SinkHarness(
          debeziumJdbcSink,
          debezium({ "primary.key.mode": "record_value", "primary.key.fields": "id", "delete.enabled": "false" }),
          { name: "value" },
        ).start("s.pk.value");
        await value.task.put([
          record("s.pk.value", 0, null, row(1, "x")),
          record("s.pk.value", 1, null, null),
          record("s.pk.value", 2, null, row(1, "y")),
        ]);
        await value.task.flush();
        expect(await all("s_pk_value")).toEqual([{ id: 1, name: "y", amount: "0.00" }]);
        expect(value.errors).toEqual([]);
        await value.stop();

        const primitiveKey = await new SinkHarness(confluentJdbcSink, confluent({ "pk.fields": "K" }), { name: "prim" }).start("pk_prim");
        await primitiveKey.task.put([record("pk_prim", 0, [id, 9], row(1, "x"))]);
        await primitiveKey.task.flush();
        expect(await all("pk_prim")).toEqual([{ K: 9, id: 1, name: "x", amount: "0.00" }]);
        await primitiveKey.stop();
      });
    });

    describe("tables", () => {
      test("names fold unless they are quoted, and each class has its own default", async () => {
        const upper = structOf([
          ["RESEARCH", id],
          ["AVE_CHANCE", optional(primitive("float64"))],
        ]);
        const value = (n: number, d: number): [Schema, Value] => [upper, new Struct(upper, [n, d])];
        const never = await new SinkHarness(confluentJdbcSink, confluent({ "quote.sql.identifiers": "never", "pk.fields": "RESEARCH" }), {
          name: "never",
        }).start("fold_never");
        await never.task.put([record("fold_never", 0, [id, 0], value(0, 0.5))]);
        await never.task.flush();
        const always = await new SinkHarness(confluentJdbcSink, confluent({ "pk.fields": "RESEARCH" }), { name: "always" }).start(
          "Fold_Always",
        );
        await always.task.put([record("Fold_Always", 0, [id, 0], value(0, 0.5))]);
        await always.task.flush();
        expect(await all("fold_never", db.fold("RESEARCH"))).toEqual([{ [db.fold("RESEARCH")]: 0, [db.fold("AVE_CHANCE")]: 0.5 }]);
        expect(await all("Fold_Always", "RESEARCH")).toEqual([{ RESEARCH: 0, AVE_CHANCE: 0.5 }]);
        await never.stop();
        await always.stop();
      });

      test("tasks that make the same schema, tables and columns at the same time all go on", async () => {
        const rounds = 8;
        const topics = Array.from({ length: rounds }, (_, i) => `race_${i}.race`);
        const wider = structOf([
          ["id", id],
          ["note", optional(primitive("string"))],
        ]);
        for (const offsets of ["race_a.offsets", "race_b.offsets", "race_c.offsets"]) {
          const tasks = await Promise.all(
            [1, 2, 3].map((n) =>
              new SinkHarness(confluentJdbcSink, confluent({ "millrace.offsets.table": offsets }), { name: `racer-${n}` }).start(...topics),
            ),
          );
          if (offsets === "race_a.offsets")
            for (const topic of topics) {
              await Promise.all(tasks.map((h, n) => h.task.put([record(topic, 0, key(n), row(n, "first"))])));
              await Promise.all(tasks.map((h, n) => h.task.put([record(topic, 1, key(n), [wider, new Struct(wider, [n, "noted"])])])));
            }
          await Promise.all(tasks.map((h) => h.task.flush()));
          await Promise.all(tasks.map((h) => h.stop()));
          expect(tasks.flatMap((h) => h.errors)).toEqual([]);
        }
        for (const topic of topics) {
          const rows = await db.query(`SELECT id, name, note FROM ${topic} ORDER BY id`);
          expect(rows).toEqual([0, 1, 2].map((n) => ({ id: n, name: "first", note: "noted" })));
        }
      });

      test("a new field becomes a column, a missing table or column without leave is an error that names it", async () => {
        const h = await new SinkHarness(confluentJdbcSink, confluent(), { name: "evolve" }).start("evolve");
        await h.task.put([record("evolve", 0, key(1), row(1, "a"))]);
        const wider = structOf([
          ["id", id],
          ["name", optional(primitive("string"))],
          ["amount", optional(logical.decimal(2))],
          ["note", optional(primitive("string"))],
        ]);
        await h.task.put([record("evolve", 1, key(2), [wider, new Struct(wider, [2, "b", null, "new"])])]);
        await h.task.put([record("evolve", 2, key(3), row(3, "c"))]);
        await h.task.flush();
        expect((await all("evolve")).map((r) => r.note)).toEqual([null, "new", null]);
        await h.stop();

        const strict = await new SinkHarness(confluentJdbcSink, confluent({ "auto.create": "false", "auto.evolve": "false" }), {
          name: "strict",
        }).start("absent", "evolve");
        await expect(strict.task.put([record("absent", 0, key(1), row(1, "a"))])).rejects.toThrow(/absent. does not exist/);
        const other = structOf([
          ["id", id],
          ["extra", optional(primitive("string"))],
        ]);
        await expect(strict.task.put([record("evolve", 0, key(1), [other, new Struct(other, [1, "x"])])])).rejects.toThrow(
          /no column extra/,
        );
        await strict.stop();
      });

      test("Debezium's envelopes are opened; truncate empties the table after what came before", async () => {
        const envelope = structOf(
          [
            ["before", optional(rowSchema)],
            ["after", optional(rowSchema)],
            ["op", primitive("string")],
          ],
          { name: "server.public.env.Envelope" },
        );
        const event = (op: string, after: Value, before: Value = null): [Schema, Value] => [
          envelope,
          new Struct(envelope, [before, after, op]),
        ];
        const h = await new SinkHarness(debeziumJdbcSink, debezium({ "truncate.enabled": "true" }), { name: "env" }).start("env");
        await h.task.put([
          record("env", 0, key(1), event("c", row(1, "a")[1])),
          record("env", 1, key(2), event("c", row(2, "b")[1])),
          record("env", 2, key(1), event("d", null, row(1, "a")[1])),
        ]);
        await h.task.flush();
        expect((await all("env")).map((r) => r.id)).toEqual([2]);
        await h.task.put([record("env", 3, null, event("t", null)), record("env", 4, key(5), event("c", row(5, "e")[1]))]);
        await h.task.flush();
        expect((await all("env")).map((r) => r.id)).toEqual([5]);
        await h.stop();
      });
    });

    describe("refused rows", () => {
      test("go to the error store one by one; the rest of the batch arrives", async () => {
        await db.query("CREATE TABLE refused (id int PRIMARY KEY, name varchar(3), amount numeric(10,2) CHECK (amount >= 0))");
        const h = await new SinkHarness(confluentJdbcSink, confluent(), { name: "refused" }).start("refused");
        const records = Array.from({ length: 500 }, (_, i) =>
          record("refused", i, key(i), row(i, i === 100 ? "long" : "ok", i === 400 ? -1n : 1n)),
        );
        records.push(record("refused", 500, [optional(keySchema), null], row(500, "ok")));
        records.push(record("refused", 501, key(501), row(501, "no")));
        await h.task.put(records);
        expect(await h.task.flush()).toEqual(new Map([["refused-0", 502]]));
        expect(h.errors.map((e) => e.record.offset).sort((a, b) => a - b)).toEqual([100, 400, 500]);
        expect(await numbers("SELECT count(*) FROM refused")).toEqual([499]);
        await h.stop();
      });

      test("a nested struct names its field", async () => {
        const nested = structOf([
          ["id", id],
          ["inner", keySchema],
        ]);
        const h = await new SinkHarness(confluentJdbcSink, confluent(), { name: "nested" }).start("nested");
        await h.task.put([record("nested", 0, key(1), [nested, new Struct(nested, [1, new Struct(keySchema, [1])])])]);
        await h.task.flush();
        expect(String(h.errors[0]?.error)).toContain("inner");
        await h.stop();
      });
    });

    describe("exactly once", () => {
      const config = () => confluent({ "insert.mode": "insert", "pk.mode": "none", "delete.enabled": "false" });

      test("a restart goes on at the target's offset, a replay writes nothing twice", async () => {
        const first = await new SinkHarness(confluentJdbcSink, config(), { name: "once" }).start("once");
        await first.task.put([0, 1, 2].map((i) => record("once", i, null, row(i, "a"))));
        await first.task.flush();
        await first.stop();
        const second = await new SinkHarness(confluentJdbcSink, config(), { name: "once" }).start("once");
        expect(second.seeks.get("once-0")).toBe(3);
        await second.task.put([0, 1, 2, 3].map((i) => record("once", i, null, row(i, "a"))));
        await second.task.flush();
        expect((await all("once")).map((r) => r.id)).toEqual([0, 1, 2, 3]);
        await second.stop();
      });

      test("a zombie task is fenced, another cluster or topic id starts anew", async () => {
        const zombie = await new SinkHarness(confluentJdbcSink, config(), { name: "zombie" }).start("zombie");
        await zombie.task.put([record("zombie", 0, null, row(0, "a"))]);
        await zombie.task.flush();
        const current = await new SinkHarness(confluentJdbcSink, config(), { name: "zombie" }).start("zombie");
        await zombie.task.put([record("zombie", 1, null, row(1, "zombie"))]);
        await expect(zombie.task.flush()).rejects.toThrow(/another task has taken over/);
        await current.task.put([record("zombie", 1, null, row(1, "right"))]);
        await current.task.flush();
        expect((await all("zombie")).map((r) => r.name)).toEqual(["a", "right"]);
        await zombie.stop();
        await current.stop();
        for (const options of [{ clusterId: "other" }, { topicId: "recreated" }]) {
          const fresh = await new SinkHarness(confluentJdbcSink, config(), { name: "zombie", ...options }).start("zombie");
          expect(fresh.seeks.size).toBe(0);
          await fresh.stop();
        }
      });

      test("a cut connection loses and doubles nothing", async () => {
        const h = await new SinkHarness(confluentJdbcSink, config(), { name: "cut" }).start("cut");
        const cut = setInterval(() => void db.cutConnections().catch(() => {}), 100);
        for (let i = 0; i < 400; i++) {
          await h.task.put(Array.from({ length: 25 }, (_, j) => record("cut", i * 25 + j, null, row(i * 25 + j, "x"))));
          if (i % 20 === 0) await new Promise((r) => setTimeout(r, 15));
        }
        await new Promise((r) => setTimeout(r, 300));
        clearInterval(cut);
        await h.task.flush();
        expect(await numbers("SELECT count(*), count(DISTINCT id) AS d, max(id) AS m FROM cut")).toEqual([10_000, 10_000, 9999]);
        await h.stop();
      });
    });

    test("check names the setting, validate each wrong one, and no error shows the password", async () => {
      const context = { resolveHost: (host: string, port: number) => ({ host, port }) };
      const away = db.url.replace(/:\d+\//, ":1/");
      const problems = [
        await confluentJdbcSink.check!(confluent({ "connection.url": away, "connection.password": "s3cret" }), context),
        await confluentJdbcSink.check!(confluent({ "connection.url": db.url.replace(/[^/]+$/, "nowhere") }), context),
      ];
      expect(problems).toEqual([
        [{ setting: "connection.url", message: expect.stringContaining("127.0.0.1:1/") }],
        [{ setting: "connection.url", message: expect.stringContaining("nowhere") }],
      ]);
      const wrong = confluentJdbcSink.config.validate({
        "connection.url": "jdbc:oracle://somewhere/x?user=me&password=s3cret",
        "insert.mode": "upsert",
        "pk.mode": "none",
        "batch.size": "x",
        "db.timezone": "Europe/Nowhere",
      });
      const errors = wrong.flatMap((r) => r.errors);
      expect(errors).toHaveLength(4);
      expect(JSON.stringify([problems, errors])).not.toContain("s3cret");
    });
  });
});

// The example's query: two tables of N rows joined by key, then averaged by group, from log to log, exactly once with fdatasync.
//   node bench/query-w6.mjs [rows a table]
import { fill, loopDelay, openBench, parseLimit } from "./query-support.mjs";
import { measure, report } from "./support.mjs";

const count = Number(process.argv[2] ?? 1_000_000);
const int = { base: "INTEGER" };
const double = { base: "DOUBLE" };
const bench = await openBench();
try {
  const plan = bench.plan(`
    CREATE TABLE research (student_id INTEGER PRIMARY KEY, rating INTEGER, research INTEGER)
      WITH (KAFKA_TOPIC='research', KEY_FORMAT='KAFKA', VALUE_FORMAT='AVRO', PARTITIONS=1);
    CREATE TABLE admission (student_id INTEGER PRIMARY KEY, gre INTEGER, toefl INTEGER, cpga DOUBLE, admit_chance DOUBLE)
      WITH (KAFKA_TOPIC='admission', KEY_FORMAT='KAFKA', VALUE_FORMAT='AVRO', PARTITIONS=1);
    CREATE TABLE averages WITH (KAFKA_TOPIC='averages') AS
      SELECT r.research AS research, SUM(a.admit_chance)/COUNT(a.admit_chance) AS ave_chance
      FROM admission a LEFT JOIN research r ON a.student_id = r.student_id GROUP BY r.research;`);
  await bench.broker.createTopics(["research", "admission", "averages"].map((name) => ({ name, partitions: 1 })));
  const id = [{ name: "STUDENT_ID", type: int }];
  await fill(
    bench,
    "research",
    "AVRO",
    id,
    [
      { name: "RATING", type: int },
      { name: "RESEARCH", type: int },
    ],
    count,
    (i) => [[i], [(i % 5) + 1, i % 2]],
  );
  const admission = [
    { name: "GRE", type: int },
    { name: "TOEFL", type: int },
    { name: "CPGA", type: double },
    { name: "ADMIT_CHANCE", type: double },
  ];
  await fill(bench, "admission", "AVRO", id, admission, count, (i) => [
    [i],
    [290 + (i % 50), 90 + (i % 30), 6 + (i % 40) / 10, (i % 100) / 100],
  ]);
  const limit = await parseLimit();
  const ours = await measure(async () => {
    const { result, p99, max } = await loopDelay(async () => {
      const query = await bench.start(plan);
      await query.drained();
      return query;
    });
    return { query: result, p99, max };
  });
  report(`W6: two tables of ${count} joined, averaged by group`, 2 * count, ours, limit, 0.2);
  const { query, p99, max } = ours.result;
  const { commits, recordsOut } = await query.stats();
  console.log(
    `  ${commits} transactions, ${recordsOut} records out, event loop delay p99 ${p99.toFixed(1)} ms, longest ${max.toFixed(1)} ms`,
  );
  const closing = performance.now();
  await query.close();
  const closed = performance.now();
  const again = await bench.start(plan);
  console.log(`  close (snapshot) ${Math.round(closed - closing)} ms, restart with its state ${Math.round(performance.now() - closed)} ms`);
  const rows = [...again.store("Aggregate-Materialize").scan()].map(({ row }) => row.slice(0, 3));
  console.log(`  groups ${JSON.stringify(rows)}`);
  await again.close();
} finally {
  await bench.close();
}

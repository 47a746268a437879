// W6: two tables joined by key, averaged by group.
//   node bench/sql/w6.mjs [rows a table]
import { fill, intKey, run, scattered, start } from "./workload.mjs";

const count = Number(process.argv[2] ?? 500_000);
await run({
  name: `W6: two tables of ${count} joined, average by group`,
  sql: `CREATE TABLE research (student_id INT PRIMARY KEY, rating INT, research INT)
      WITH (KAFKA_TOPIC='research', VALUE_FORMAT='JSON', PARTITIONS=1);
    CREATE TABLE admission (student_id INT PRIMARY KEY, gre INT, toefl INT, cpga DOUBLE, admit_chance DOUBLE)
      WITH (KAFKA_TOPIC='admission', VALUE_FORMAT='JSON', PARTITIONS=1);
    CREATE TABLE w6 WITH (KAFKA_TOPIC='w6') AS SELECT r.rating AS rating, AVG(a.admit_chance) AS chance
      FROM admission a JOIN research r ON a.student_id = r.student_id GROUP BY r.rating;`,
  topics: ["research", "admission"],
  sink: "w6",
  records: 2 * count,
  async prepare(bench) {
    await fill(bench, "research", count, (i) => {
      const id = scattered(i, count);
      return [intKey(id), `{"rating":${(id % 5) + 1},"research":${id % 2}}`, start + i];
    });
    await fill(bench, "admission", count, (i) => [
      intKey(i),
      `{"gre":${290 + (i % 50)},"toefl":${90 + (i % 30)},"cpga":${6 + (i % 40) / 10},"admit_chance":${(i % 100) / 100}}`,
      start + i,
    ]);
  },
  mustReach: 0.2,
  mostCpu: 6,
});

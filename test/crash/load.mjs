// Random transactions at the source: inserts, updates, deletes, changed keys and rollbacks over a few hundred keys.
export class Load {
  writes = 0;
  #running;
  #stopping = false;

  constructor(servers, random) {
    this.random = random;
    this.source = servers.source.connection();
  }

  async prepare() {
    await this.source.query(`
      CREATE TABLE orders (id int PRIMARY KEY, amount int NOT NULL);
      CREATE TABLE labels (id int PRIMARY KEY, region text);
      CREATE TABLE events (id serial PRIMARY KEY, amount int NOT NULL);
      INSERT INTO orders SELECT i, i * 3 FROM generate_series(1, 500) i;
      INSERT INTO labels SELECT i, 'r' || i % 5 FROM generate_series(1, 400) i;
      INSERT INTO events (amount) SELECT i FROM generate_series(1, 100) i;`);
  }

  start() {
    this.#stopping = false;
    this.#running = this.#run();
  }

  async stop() {
    this.#stopping = true;
    await this.#running;
  }

  async wait(test, what) {
    for (const end = Date.now() + 60_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 50)))
      if (await test().catch(() => false)) return;
    throw new Error(`${what} did not come within a minute`);
  }

  async #run() {
    while (!this.#stopping) {
      try {
        const statements = Array.from({ length: 1 + Math.floor(this.random() * 12) }, () => this.#statement());
        const end = this.random() < 0.1 ? "ROLLBACK" : "COMMIT";
        await this.source.query(`BEGIN; ${statements.join("; ")}; ${end}`);
        if (end === "COMMIT") this.writes += statements.length;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20)); // the source is away, or this transaction met its own conflict
        await this.source.query("ROLLBACK").catch(() => {});
      }
    }
  }

  #statement() {
    const n = (limit) => Math.floor(this.random() * limit);
    const id = 1 + n(700);
    switch (n(8)) {
      case 0:
      case 1:
        return `INSERT INTO orders VALUES (${id}, ${n(1000)}) ON CONFLICT (id) DO UPDATE SET amount = EXCLUDED.amount`;
      case 2:
        return `UPDATE orders SET amount = amount + ${n(10)} WHERE id BETWEEN ${id} AND ${id + n(20)}`;
      case 3:
        return `DELETE FROM orders WHERE id = ${id}`;
      case 4:
        return `UPDATE orders SET id = ${id + 700} WHERE id = ${id} AND NOT EXISTS (SELECT 1 FROM orders WHERE id = ${id + 700})`;
      case 5:
        return `INSERT INTO labels VALUES (${id}, 'r${n(6)}') ON CONFLICT (id) DO UPDATE SET region = EXCLUDED.region`;
      case 6:
        return `DELETE FROM labels WHERE id = ${id}`;
      default:
        return `INSERT INTO events (amount) SELECT ${n(1000)} + i FROM generate_series(1, ${1 + n(5)}) i`;
    }
  }
}

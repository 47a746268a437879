import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const servers = { MySQL: ".services/mysql/root/usr/sbin/mysqld", Cassandra: ".services/cassandra/lib" };
const missing = Object.entries(servers).flatMap(([name, sign]) => (existsSync(path(sign)) ? [] : [name]));

it.skipIf(missing.length > 0)(
  `the example orders fills main.all_orders from MySQL and Postgres, and checks it${missing.length ? ` (${missing.join(" and ")} not installed)` : ""}`,
  async () => {
    const { stdout, stderr } = await promisify(execFile)(path("examples/orders/run"), ["--free-ports", "--seconds", "3", "--rate", "100"]);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/[1-9]\d* orders of both databases are in main\.all_orders, each once, equal to a join of their tables/);
    expect(stdout).toContain("What to do next");
  },
  180_000,
);

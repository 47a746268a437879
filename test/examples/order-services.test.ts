import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { millrace } from "../main/process.js";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const servers = { MySQL: ".services/mysql/root/usr/sbin/mysqld", MongoDB: ".services/mongodb/bin/ferretdb" };
const missing = Object.entries(servers).flatMap(([name, sign]) => (existsSync(path(sign)) ? [] : [name]));

it.skipIf(missing.length > 0)(
  `the example order-services fills ecommerce.totals from MySQL's tables and random orders, and checks it${missing.length ? ` (${missing.join(" and ")} not installed)` : ""}`,
  async () => {
    const { stdout, stderr } = await promisify(execFile)(path("examples/order-services/run"), ["--free-ports"]);
    expect(stderr).toBe("");
    expect(stdout).toMatch(
      /[1-9]\d* orders are in the totals of 200 customers in ecommerce\.totals, each once, equal to a recomputation from MySQL/,
    );
    expect(stdout).toMatch(/[1-9]\d* orders without a quantity are in orders-dlq, and no card number is in a topic/);
  },
  180_000,
);

it("the types of its services are what codegen writes from its schemas", async () => {
  const schemas = ["customer", "order-details", "order-total", "order", "product"];
  const { stdout } = await millrace(["codegen", ...schemas.map((name) => path(`examples/order-services/schemas/${name}.avsc`))]);
  const plain = (text: string) => text.replace(/["\s]|,(?=\s*[\])}])/g, "");
  expect(plain(readFileSync(path("examples/order-services/types.ts"), "utf8"))).toBe(plain(stdout));
});

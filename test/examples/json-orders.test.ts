import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

it.each([
  ["", []],
  [" from the old stack's compose file", ["--up"]],
])(
  "the example json-orders%s fills shop.orders from JSON without a schema, cancelled orders left out, and checks it",
  async (_, args) => {
    const { stdout, stderr } = await promisify(execFile)(path("examples/json-orders/run"), ["--free-ports", "--orders", "500", ...args]);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/[1-9]\d* orders are in shop\.orders, each as it was written last, [1-9]\d* cancelled ones are gone/);
    expect(stdout).toContain("What to do next");
  },
  60_000,
);

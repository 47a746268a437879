import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { millrace } from "../main/process.js";

const dir = mkdtempSync(join(tmpdir(), "millrace-codegen-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const root = fileURLToPath(new URL("../../", import.meta.url));
const file = (name: string, content: unknown) => {
  const path = join(dir, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
};

const order = {
  type: "record",
  name: "Order",
  namespace: "com.shop",
  doc: "What a customer\n wants.",
  fields: [
    { name: "id", type: "string", doc: "a UUID" },
    { name: "quantity", type: "int" },
    { name: "placed", type: { type: "long", logicalType: "timestamp-millis" } },
    { name: "price", type: ["null", { type: "bytes", logicalType: "decimal", precision: 9, scale: 2 }], default: null },
    { name: "status", type: { type: "enum", name: "Status", symbols: ["NEW", "PAID"] } },
    { name: "lines", type: { type: "array", items: { type: "record", name: "Line", fields: [{ name: "sku", type: "string" }] } } },
    { name: "tags", type: { type: "map", values: ["null", "string"] } },
    { name: "payload", type: ["int", "double", { type: "record", name: "Free", fields: [] }] },
  ],
};

const generated = `// Written by \`millrace codegen\`: change the schemas, not this file.
import { type Decimal, serdes } from "millrace/streams";

/** What a customer wants. */
export interface Order {
  /** a UUID */
  readonly id: string;
  readonly quantity: number;
  readonly placed: number;
  readonly price: Decimal | null;
  readonly status: Status;
  readonly lines: readonly Line[];
  readonly tags: Readonly<Record<string, string | null>>;
  readonly payload: { readonly "int": number } | { readonly "double": number } | { readonly "com.shop.Free": Free };
}

export type Status = "NEW" | "PAID";

export interface Line {
  readonly sku: string;
}

export interface Free {
}

export const orderSerde = serdes.avro<Order>(
  {`;

const service = (change: string) => `import { StreamsBuilder, serdes } from "millrace/streams";
import { type Order, orderSerde } from "./types.js";
const builder = new StreamsBuilder();
const orders = builder.stream("orders", { key: serdes.string, value: orderSerde });
${change}
`;
const changes: Readonly<Record<string, [code: string, error: string | undefined]>> = {
  right: [
    `orders.filter((_id, { quantity }) => quantity > 0).mapValues((o): Order => ({ ...o, status: "PAID" }), orderSerde).to("paid");`,
    undefined,
  ],
  "a field that is not there": [
    `orders.filter((_id, { quantiti }) => quantiti > 0);`,
    "Property 'quantiti' does not exist on type 'Order'",
  ],
  "a field of another type": [
    `orders.mapValues((o) => ({ ...o, quantity: "3" })).to("out", { value: orderSerde });`,
    "Type 'string' is not assignable to type 'number'",
  ],
  "a symbol that is none": [
    `orders.mapValues((o): Order => ({ ...o, status: "LOST" }));`,
    `Type '"LOST"' is not assignable to type 'Status'`,
  ],
  "a serde of another type": [
    `orders.to("out", { value: serdes.string });`,
    "Type 'Serde<string>' is not assignable to type 'Serde<Order>'",
  ],
  "a value changed in place": [
    `orders.peek((_id, o) => { o.quantity = 1; });`,
    "Cannot assign to 'quantity' because it is a read-only property",
  ],
};

describe("millrace codegen", () => {
  it("writes types and serdes from .avsc files", async () => {
    const ran = await millrace(["codegen", file("order.avsc", order)]);
    expect(ran.stderr).toBe("");
    expect(ran.stdout.startsWith(generated)).toBe(true);
  });

  it("writes them from the registry's subjects", async () => {
    const registry = createServer((request, response) => {
      response.setHeader("content-type", "application/json");
      response.statusCode = request.url === "/subjects/ids-key/versions/latest" ? 200 : 404;
      response.end(
        JSON.stringify(response.statusCode === 200 ? { schema: '"long"' } : { error_code: 40401, message: "Subject 'x' not found." }),
      );
    }).listen(0);
    const url = `http://127.0.0.1:${(registry.address() as { port: number }).port}`;
    const found = await millrace(["codegen", "--url", url, "-s", "ids-key", "--longs", "bigint"]);
    const missing = await millrace(["codegen", "--url", url, "-s", "x"]);
    registry.close();
    expect(found.stdout).toContain(`export type IdsKey = bigint;
export const idsKeySerde = serdes.avro<IdsKey>(
  "long", { longs: "bigint" },
);`);
    expect(missing.stderr).toBe("millrace: Subject 'x' not found.\n");
  });

  it("refuses what does not fit together", async () => {
    const other = { ...order, fields: [{ name: "id", type: "int" }] };
    const ran = await millrace(["codegen", file("a.avsc", order), file("b.avsc", other)]);
    expect(ran).toMatchObject({ code: 1, stderr: "millrace: com.shop.Order is defined differently in a and b\n" });
    expect((await millrace(["codegen", file("bad.avsc", "{")])).stderr).toMatch(/^millrace: bad: Invalid Avro schema: not JSON/);
  });

  it("gives types with which a wrong field does not compile", async () => {
    await millrace(["codegen", file("order.avsc", order), "-o", join(dir, "types.ts")]);
    expect(readFileSync(join(dir, "types.ts"), "utf8")).toContain("interface Order");
    const names = Object.keys(changes);
    for (const [i, name] of names.entries()) file(`service${i}.ts`, service(changes[name]![0]));
    const paths = { "millrace/streams": [join(root, "dist/embed/streams.d.ts")] };
    file("package.json", { type: "module" });
    file("tsconfig.json", {
      compilerOptions: {
        target: "ES2022",
        lib: ["ES2023"],
        module: "NodeNext",
        strict: true,
        noEmit: true,
        skipLibCheck: true,
        paths,
        types: ["node"],
        typeRoots: [join(root, "node_modules/@types")],
      },
      include: ["*.ts"],
    });
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", dir]).catch(
      (error: { stdout: string }) => error,
    );
    names.forEach((name, i) => {
      const found = stdout
        .split("\n")
        .filter((line) => line.includes(`service${i}.ts`) || (line.startsWith(" ") && stdout.includes(`service${i}.ts`)));
      const error = changes[name]![1];
      if (error === undefined) expect(stdout, name).not.toContain(`service${i}.ts`);
      else expect(found.join("\n"), name).toContain(error);
    });
  }, 60_000);
});

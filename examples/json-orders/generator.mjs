// Random orders as lines of key and JSON, one a record: `42|{"customer": …}`, `42|CANCELLED` for one that is cancelled.
//   node examples/json-orders/generator.mjs 1000 | npx millrace topics produce ORDERS -K '|' --null-marker CANCELLED
//   node examples/json-orders/generator.mjs 1000 | kcat -P -b localhost:9092 -t ORDERS -K '|'      (-Z and no marker for a cancellation)
import { pathToFileURL } from "node:url";

const customers = ["Ada", "Bela", "Cem", "Dora", "Emil", "Femi", "Gita", "Hugo", "Ines", "Jun"];
const items = ["anchor", "bucket", "compass", "drill", "easel", "funnel", "gimlet", "hammock"];
export const CANCELLED = "CANCELLED";

/** `[key, value or null]` of `count` records: new orders, and now and then a change or the cancelling of one. */
export function* randomOrders(count, random = Math.random) {
  const below = (limit) => Math.floor(random() * limit);
  const order = () => ({
    customer: customers[below(customers.length)],
    item: items[below(items.length)],
    quantity: 1 + below(9),
    price: (100 + below(9900)) / 100,
    ordered_at: Date.now(),
  });
  for (let made = 0, n = 0; n < count; n++) {
    const what = made > 10 ? random() : 1;
    if (what < 0.05) yield [String(1 + below(made)), null];
    else if (what < 0.2) yield [String(1 + below(made)), order()];
    else yield [String(++made), order()];
  }
}

export const lineOf = ([key, value]) => `${key}|${value === null ? CANCELLED : JSON.stringify(value)}`;

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  for (const record of randomOrders(Number(process.argv[2] ?? 100))) console.log(lineOf(record));

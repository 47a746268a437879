import type { Customer, Order, Product } from "./types.js";

/** So many orders of these customers and products, the same for the same seed. One in twenty has no quantity and is invalid. */
export function* randomOrders(
  count: number,
  seed: number,
  customers: readonly Pick<Customer, "id">[],
  products: readonly Pick<Product, "id">[],
): Generator<Order> {
  let state = seed;
  /** mulberry32: a whole number below `bound` */
  const random = (bound: number) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
  for (let i = 0; i < count; i++)
    yield {
      id: `${seed}-${i}`,
      customer_id: customers[random(customers.length)]!.id,
      product_id: products[random(products.length)]!.id,
      quantity: random(20) === 0 ? -random(3) : 1 + random(9),
      placed: Date.now(),
    };
}

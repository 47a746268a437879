// Writes random orders of the customers and products that the tables' topics hold: node produce-orders.js [COUNT [SEED]]
import { Service, StreamsBuilder, serdes, TopicProducer } from "millrace/streams";
import { randomOrders } from "./random-orders.js";
import { type Customer, customerSerde, orderSerde, type Product, productSerde } from "./types.js";

const [count = 5000, seed = 1] = process.argv.slice(2).map(Number);

const topology = new StreamsBuilder();
topology.globalTable("crm.ecommerce.customers", { key: serdes.string, value: customerSerde, store: "customers" });
topology.globalTable("shop.ecommerce.products", { key: serdes.string, value: productSerde, store: "products" });
const tables = await new Service({ "application.id": "order-producer", topology, "log.level": "warn" }).start();
const rows = <T extends { readonly id: number }>(name: string) =>
  [...tables.store<string, T>(name).all()].map(([, row]) => row).sort((a, b) => a.id - b.id);
const customers = rows<Customer>("customers");
const products = rows<Product>("products");
await tables.close();

const orders = await TopicProducer.open({ topic: "orders", key: serdes.string, value: orderSerde, partitions: 3 });
const invalid = await TopicProducer.open({ topic: "orders-dlq", key: serdes.string, value: orderSerde });
for (const order of randomOrders(count, seed, customers, products)) await (order.quantity > 0 ? orders : invalid).send(order.id, order);
await orders.close();
await invalid.close();

// Every order with its customer and its product, found by the ids in the order.
import { Service, StreamsBuilder, serdes } from "millrace/streams";
import { customerSerde, type OrderDetails, orderDetailsSerde, orderSerde, productSerde } from "../types.js";

const topology = new StreamsBuilder();
const customers = topology.globalTable("crm.ecommerce.customers", { key: serdes.string, value: customerSerde, store: "customers" });
const products = topology.globalTable("shop.ecommerce.products", { key: serdes.string, value: productSerde, store: "products" });

topology
  .stream("orders", { key: serdes.string, value: orderSerde })
  .join(
    customers,
    (_id, order) => String(order.customer_id),
    (order, customer) => ({ order, customer }),
  )
  .join(
    products,
    (_id, { order }) => String(order.product_id),
    ({ order, customer }, product): OrderDetails => ({
      order_id: order.id,
      customer_id: order.customer_id,
      customer_name: customer.name,
      customer_level: customer.level,
      product_name: product.product_name,
      product_cost: product.product_cost,
      quantity: order.quantity,
      total: order.quantity * product.product_cost,
    }),
    orderDetailsSerde,
  )
  .to("orders-details");

await new Service({ "application.id": "orders-details", topology }).start();

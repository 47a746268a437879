// What each customer has ordered, and how often.
import { Service, StreamsBuilder, serdes } from "millrace/streams";
import { type OrderTotal, orderDetailsSerde, orderTotalSerde } from "../types.js";

const topology = new StreamsBuilder();

topology
  .stream("orders-details", { key: serdes.string, value: orderDetailsSerde })
  .groupBy((_id, details) => String(details.customer_id), { name: "orders-by-customer", key: serdes.string })
  .aggregate<OrderTotal>(
    () => ({ customer_id: 0, customer_name: "", orders: 0, total: 0 }),
    (_customer, details, sum) => ({
      customer_id: details.customer_id,
      customer_name: details.customer_name,
      orders: sum.orders + 1,
      total: sum.total + details.total,
    }),
    { store: "totals", value: orderTotalSerde },
  )
  .toStream()
  .to("orders-totals");

await new Service({ "application.id": "orders-totals", topology }).start();

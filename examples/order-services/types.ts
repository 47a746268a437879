// Written by `millrace codegen`: change the schemas, not this file.
import { serdes } from "millrace/streams";

export interface Customer {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly address: string;
  readonly card_number: string;
  readonly level: string;
}

export interface OrderDetails {
  readonly order_id: string;
  readonly customer_id: number;
  readonly customer_name: string;
  readonly customer_level: string;
  readonly product_name: string;
  readonly product_cost: number;
  readonly quantity: number;
  readonly total: number;
}

export interface OrderTotal {
  readonly customer_id: number;
  readonly customer_name: string;
  readonly orders: number;
  readonly total: number;
}

export interface Order {
  readonly id: string;
  readonly customer_id: number;
  readonly product_id: number;
  readonly quantity: number;
  readonly placed: number;
}

export interface Product {
  readonly id: number;
  readonly product_name: string;
  readonly product_cost: number;
}

export const customerSerde = serdes.avro<Customer>({
  type: "record",
  name: "Customer",
  namespace: "com.training.ecommerce.model",
  fields: [
    {
      name: "id",
      type: "int",
    },
    {
      name: "name",
      type: "string",
    },
    {
      name: "email",
      type: "string",
    },
    {
      name: "address",
      type: "string",
    },
    {
      name: "card_number",
      type: "string",
    },
    {
      name: "level",
      type: "string",
    },
  ],
});

export const orderDetailsSerde = serdes.avro<OrderDetails>({
  type: "record",
  name: "OrderDetails",
  namespace: "com.training.ecommerce.model",
  fields: [
    {
      name: "order_id",
      type: "string",
    },
    {
      name: "customer_id",
      type: "int",
    },
    {
      name: "customer_name",
      type: "string",
    },
    {
      name: "customer_level",
      type: "string",
    },
    {
      name: "product_name",
      type: "string",
    },
    {
      name: "product_cost",
      type: "double",
    },
    {
      name: "quantity",
      type: "int",
    },
    {
      name: "total",
      type: "double",
    },
  ],
});

export const orderTotalSerde = serdes.avro<OrderTotal>({
  type: "record",
  name: "OrderTotal",
  namespace: "com.training.ecommerce.model",
  fields: [
    {
      name: "customer_id",
      type: "int",
    },
    {
      name: "customer_name",
      type: "string",
    },
    {
      name: "orders",
      type: "long",
    },
    {
      name: "total",
      type: "double",
    },
  ],
});

export const orderSerde = serdes.avro<Order>({
  type: "record",
  name: "Order",
  namespace: "com.training.ecommerce.model",
  fields: [
    {
      name: "id",
      type: "string",
    },
    {
      name: "customer_id",
      type: "int",
    },
    {
      name: "product_id",
      type: "int",
    },
    {
      name: "quantity",
      type: "int",
    },
    {
      name: "placed",
      type: {
        type: "long",
        logicalType: "timestamp-millis",
      },
    },
  ],
});

export const productSerde = serdes.avro<Product>({
  type: "record",
  name: "Product",
  namespace: "com.training.ecommerce.model",
  fields: [
    {
      name: "id",
      type: "int",
    },
    {
      name: "product_name",
      type: "string",
    },
    {
      name: "product_cost",
      type: "double",
    },
  ],
});

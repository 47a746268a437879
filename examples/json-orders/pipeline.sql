SET 'auto.offset.reset' = 'earliest';

-- What the shop writes: JSON without a schema, the order's number as a text in the key. No value: the order was cancelled.
CREATE TABLE orders_json (
  order_id VARCHAR PRIMARY KEY,
  customer VARCHAR,
  item VARCHAR,
  quantity INT,
  price DOUBLE,
  ordered_at BIGINT
) WITH (KAFKA_TOPIC = 'ORDERS', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON', PARTITIONS = 4);

-- The same with a schema for key and value, which the sink needs to make its table.
CREATE TABLE orders_avro WITH (KAFKA_TOPIC = 'ORDERS_AVRO', KEY_FORMAT = 'AVRO', VALUE_FORMAT = 'AVRO') AS
  SELECT order_id, customer, item, quantity, price, quantity * price AS total, ordered_at
  FROM orders_json
  EMIT CHANGES;

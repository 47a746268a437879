create or replace stream mysql_orders (order_id varchar key, store_id varchar, user_id varchar, quantity int, ts timestamp)
  with (kafka_topic='_mysql_.main.orders', value_format='avro', key_format='kafka');

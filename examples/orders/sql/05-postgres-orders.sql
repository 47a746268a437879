create or replace stream postgres_orders (order_id varchar key, store_id varchar, user_id varchar, quantity int, ts timestamp)
  with (kafka_topic='_postgres_.public.orders', value_format='avro', key_format='kafka');

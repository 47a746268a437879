set 'auto.offset.reset' = 'earliest';

create stream "ALL_ORDERS" with(VALUE_FORMAT='avro') as
SELECT
  'postgres' as SOURCE_SYSTEM,
  concat('postgres|', ORDER_KEY) as ORDER_KEY,
  ORDER_TS, ORDER_ID, STORE_ID, STORE_NAME, CITY, USER_ID, FIRST_NAME, LAST_NAME, QUANTITY, TS
FROM postgres_orders_enriched
PARTITION BY concat('postgres|', ORDER_KEY);

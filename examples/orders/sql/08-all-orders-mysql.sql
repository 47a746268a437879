set 'auto.offset.reset' = 'earliest';

insert into "ALL_ORDERS"
SELECT
  'mysql' as SOURCE_SYSTEM,
  concat('mysql|', ORDER_KEY) as ORDER_KEY,
  ORDER_TS, ORDER_ID, STORE_ID, STORE_NAME, CITY, USER_ID, FIRST_NAME, LAST_NAME, QUANTITY, TS
FROM mysql_orders_enriched
PARTITION BY concat('mysql|', ORDER_KEY);

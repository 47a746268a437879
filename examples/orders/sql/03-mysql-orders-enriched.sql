-- each order with the names of its user and its store
set 'auto.offset.reset' = 'earliest';

create or replace stream mysql_orders_enriched with (value_format='avro') as
  select
    cast(O.ORDER_ID as string) as ORDER_KEY,
    O.ROWTIME as ORDER_TS,
    AS_VALUE(O.ORDER_ID) as ORDER_ID,
    O.STORE_ID as STORE_ID,
    S.STORE_NAME as STORE_NAME,
    S.CITY as CITY,
    O.USER_ID as USER_ID,
    U.FIRST_NAME as FIRST_NAME,
    U.LAST_NAME as LAST_NAME,
    O.QUANTITY as QUANTITY,
    O.TS as TS
  from mysql_orders O
    join mysql_users U on U.USER_ID = O.USER_ID
    join mysql_stores S on S.STORE_ID = O.STORE_ID
  partition by cast(O.ORDER_ID as string);

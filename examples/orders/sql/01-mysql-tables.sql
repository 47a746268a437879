create or replace table mysql_users (user_id varchar primary key, first_name varchar, last_name varchar)
  with (kafka_topic='_mysql_.main.users', value_format='avro', key_format='kafka');

create or replace table mysql_stores (store_id varchar primary key, store_name varchar, city varchar)
  with (kafka_topic='_mysql_.main.stores', value_format='avro', key_format='kafka');

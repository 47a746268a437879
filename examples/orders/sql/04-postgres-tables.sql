create or replace table postgres_users (user_id varchar primary key, first_name varchar, last_name varchar)
  with (kafka_topic='_postgres_.public.users', value_format='avro', key_format='kafka');

create or replace table postgres_stores (store_id varchar primary key, store_name varchar, city varchar)
  with (kafka_topic='_postgres_.public.stores', value_format='avro', key_format='kafka');

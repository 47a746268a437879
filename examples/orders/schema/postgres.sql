create table if not exists users (user_id varchar(10) primary key, first_name varchar(100), last_name varchar(100));
create table if not exists stores (store_id varchar(10) primary key, store_name varchar(100), city varchar(100));
create table if not exists orders (order_id varchar(10) primary key, store_id varchar(10), user_id varchar(10), quantity int, ts timestamp);

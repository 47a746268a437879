--@test: streams joined on two columns, neither of which is a key
CREATE STREAM a (id INT KEY, x INT, y STRING, n INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b (id INT KEY, x INT, y STRING, m INT) WITH (kafka_topic='b', value_format='JSON');
CREATE STREAM o WITH (key_format='JSON') AS SELECT a.x, a.y, n, m FROM a JOIN b WITHIN 1 HOUR ON a.x = b.x AND a.y = b.y;
INSERT INTO a (id, x, y, n, rowtime) VALUES (1, 5, 'p', 10, 0);
INSERT INTO b (id, x, y, m, rowtime) VALUES (2, 5, 'q', 20, 1);
INSERT INTO b (id, x, y, m, rowtime) VALUES (3, 5, 'p', 30, 2);
INSERT INTO b (id, x, y, m, rowtime) VALUES (4, 6, 'p', 40, 3);
INSERT INTO b (id, x, y, m, rowtime) VALUES (5, NULL, 'p', 50, 4);
INSERT INTO a (id, x, y, n, rowtime) VALUES (1, 6, 'p', 60, 5);
ASSERT VALUES o (a_x, a_y, n, m, rowtime) VALUES (5, 'p', 10, 30, 2);
ASSERT VALUES o (a_x, a_y, n, m, rowtime) VALUES (6, 'p', 60, 40, 5);
ASSERT STREAM o (a_x INT KEY, a_y STRING KEY, n INT, m INT) WITH (kafka_topic='O', key_format='JSON', value_format='JSON');

--@test: streams that share a key are joined by it, and the other column is a condition
CREATE STREAM a (id INT KEY, y STRING, n INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b (id INT KEY, y STRING, m INT) WITH (kafka_topic='b', value_format='JSON');
CREATE STREAM o AS SELECT a.id, a.y AS y, n, m FROM a LEFT JOIN b WITHIN 1 HOUR ON a.y = b.y AND a.id = b.id AND m > 5;
INSERT INTO b (id, y, m, rowtime) VALUES (1, 'p', 20, 0);
INSERT INTO b (id, y, m, rowtime) VALUES (1, 'q', 21, 1);
INSERT INTO b (id, y, m, rowtime) VALUES (1, 'p', 5, 1);
INSERT INTO a (id, y, n, rowtime) VALUES (1, 'p', 10, 2);
INSERT INTO a (id, y, n, rowtime) VALUES (1, 'r', 11, 3);
INSERT INTO b (id, y, m, rowtime) VALUES (1, 'r', 30, 4);
ASSERT VALUES o (a_id, y, n, m, rowtime) VALUES (1, 'p', 10, 20, 2);
ASSERT VALUES o (a_id, y, n, m, rowtime) VALUES (1, 'r', 11, NULL, 3);
ASSERT VALUES o (a_id, y, n, m, rowtime) VALUES (1, 'r', 11, 30, 4);
ASSERT STREAM o (a_id INT KEY, y STRING, n INT, m INT) WITH (kafka_topic='O', value_format='JSON');

--@test: with a grace period a record whose only neighbours fail the condition is handed on once, without a match
CREATE STREAM a (id INT KEY, n INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b (id INT KEY, m INT) WITH (kafka_topic='b', value_format='JSON');
CREATE STREAM o AS SELECT ROWKEY AS id, n, m FROM a FULL JOIN b WITHIN 10 SECONDS GRACE PERIOD 0 SECONDS ON a.id = b.id AND n < m;
INSERT INTO a (id, n, rowtime) VALUES (1, 5, 0);
INSERT INTO b (id, m, rowtime) VALUES (1, 3, 1000);
INSERT INTO b (id, m, rowtime) VALUES (1, 9, 2000);
INSERT INTO a (id, n, rowtime) VALUES (2, 1, 60000);
ASSERT VALUES o (id, n, m, rowtime) VALUES (1, 5, 9, 2000);
ASSERT VALUES o (id, n, m, rowtime) VALUES (1, NULL, 3, 1000);

--@test: a stream with a table whose primary key has two columns
CREATE STREAM s (id INT KEY, x INT, y STRING) WITH (kafka_topic='s', value_format='JSON');
CREATE TABLE t (p INT PRIMARY KEY, q STRING PRIMARY KEY, name STRING) WITH (kafka_topic='t', key_format='JSON', value_format='JSON');
CREATE STREAM o AS SELECT s.x, s.y, id, name FROM s LEFT JOIN t ON s.y = t.q AND s.x = t.p AND name <> 'hidden';
INSERT INTO t (p, q, name, rowtime) VALUES (1, 'a', 'one', 0);
INSERT INTO t (p, q, name, rowtime) VALUES (1, 'b', 'hidden', 0);
INSERT INTO s (id, x, y, rowtime) VALUES (7, 1, 'a', 1);
INSERT INTO s (id, x, y, rowtime) VALUES (8, 1, 'b', 2);
INSERT INTO s (id, x, y, rowtime) VALUES (9, 2, 'a', 3);
ASSERT VALUES o (x, y, id, name, rowtime) VALUES (1, 'a', 7, 'one', 1);
ASSERT VALUES o (x, y, id, name, rowtime) VALUES (1, 'b', 8, NULL, 2);
ASSERT VALUES o (x, y, id, name, rowtime) VALUES (2, 'a', 9, NULL, 3);
ASSERT STREAM o (x INT KEY, y STRING KEY, id INT, name STRING) WITH (kafka_topic='O', key_format='JSON', value_format='JSON');

--@test: an inner join of a stream with a table drops what fails the condition
CREATE STREAM s (id INT KEY, n INT) WITH (kafka_topic='s', value_format='JSON');
CREATE TABLE t (id INT PRIMARY KEY, low INT, high INT) WITH (kafka_topic='t', value_format='JSON');
CREATE STREAM o AS SELECT s.id, n FROM s JOIN t ON s.id = t.id AND n BETWEEN low AND high;
INSERT INTO t (id, low, high) VALUES (1, 5, 10);
INSERT INTO s (id, n) VALUES (1, 4);
INSERT INTO s (id, n) VALUES (1, 5);
ASSERT VALUES o (s_id, n) VALUES (1, 5);
ASSERT STREAM o (s_id INT KEY, n INT) WITH (kafka_topic='O', value_format='JSON');

--@test: tables follow the condition from both sides
CREATE TABLE a (id INT PRIMARY KEY, n INT) WITH (kafka_topic='a', value_format='JSON');
CREATE TABLE b (id INT PRIMARY KEY, m INT) WITH (kafka_topic='b', value_format='JSON');
CREATE TABLE inner_ AS SELECT a.id, n, m FROM a JOIN b ON a.id = b.id AND n < m;
CREATE TABLE left_ AS SELECT a.id, n, m FROM a LEFT JOIN b ON a.id = b.id AND n < m;
CREATE TABLE right_ AS SELECT b.id, n, m FROM a RIGHT JOIN b ON a.id = b.id AND n < m;
INSERT INTO a (id, n, rowtime) VALUES (1, 5, 0);
INSERT INTO b (id, m, rowtime) VALUES (1, 3, 1);
INSERT INTO b (id, m, rowtime) VALUES (1, 6, 2);
INSERT INTO a (id, n, rowtime) VALUES (1, 7, 3);
ASSERT VALUES inner_ (a_id, n, m, rowtime) VALUES (1, 5, 6, 2);
ASSERT NULL VALUES inner_ (a_id) KEY (1);
ASSERT VALUES left_ (a_id, n, m, rowtime) VALUES (1, 5, NULL, 0);
ASSERT VALUES left_ (a_id, n, m, rowtime) VALUES (1, 5, NULL, 1);
ASSERT VALUES left_ (a_id, n, m, rowtime) VALUES (1, 5, 6, 2);
ASSERT VALUES left_ (a_id, n, m, rowtime) VALUES (1, 7, NULL, 3);
ASSERT VALUES right_ (b_id, n, m, rowtime) VALUES (1, NULL, 3, 1);
ASSERT VALUES right_ (b_id, n, m, rowtime) VALUES (1, 5, 6, 2);
ASSERT VALUES right_ (b_id, n, m, rowtime) VALUES (1, NULL, 6, 3);

--@test: tables whose primary keys have two columns
CREATE STREAM s (id INT KEY, x INT, y STRING) WITH (kafka_topic='s', value_format='JSON', key_format='JSON');
CREATE TABLE a AS SELECT x, y, COUNT(*) AS n FROM s GROUP BY x, y;
CREATE TABLE b (p INT PRIMARY KEY, q STRING PRIMARY KEY, name STRING) WITH (kafka_topic='b', key_format='JSON', value_format='JSON');
CREATE TABLE o AS SELECT a.x AS x, a.y AS y, n, name FROM a JOIN b ON a.x = b.p AND a.y = b.q;
INSERT INTO b (p, q, name) VALUES (1, 'a', 'one');
INSERT INTO s (id, x, y) VALUES (7, 1, 'a');
INSERT INTO s (id, x, y) VALUES (7, 1, 'b');
INSERT INTO s (id, x, y) VALUES (7, 1, 'a');
ASSERT VALUES o (x, y, n, name) VALUES (1, 'a', 1, 'one');
ASSERT VALUES o (x, y, n, name) VALUES (1, 'a', 2, 'one');

--@test: two foreign keys in one query, one of them with a condition
CREATE TABLE orders (id INT PRIMARY KEY, customer INT, product STRING) WITH (kafka_topic='orders', value_format='JSON');
CREATE TABLE customers (id INT PRIMARY KEY, name STRING) WITH (kafka_topic='customers', value_format='JSON');
CREATE TABLE products (sku STRING PRIMARY KEY, title STRING, listed BOOLEAN) WITH (kafka_topic='products', value_format='JSON');
CREATE TABLE o AS SELECT o.id AS id, c.name AS name, p.title AS title FROM orders o
  JOIN customers c ON o.customer = c.id
  LEFT JOIN products p ON o.product = p.sku AND p.listed;
INSERT INTO customers (id, name, rowtime) VALUES (1, 'Ann', 0);
INSERT INTO products (sku, title, listed, rowtime) VALUES ('p1', 'Pen', true, 1);
INSERT INTO orders (id, customer, product, rowtime) VALUES (10, 1, 'p1', 2);
INSERT INTO products (sku, title, listed, rowtime) VALUES ('p1', 'Pen', false, 3);
INSERT INTO customers (id, name, rowtime) VALUES (1, 'Bea', 4);
INSERT INTO products (sku, title, listed, rowtime) VALUES ('p1', 'Quill', true, 5);
ASSERT VALUES o (id, name, title, rowtime) VALUES (10, 'Ann', 'Pen', 2);
ASSERT VALUES o (id, name, title, rowtime) VALUES (10, 'Ann', NULL, 3);
ASSERT VALUES o (id, name, title, rowtime) VALUES (10, 'Bea', NULL, 4);
ASSERT VALUES o (id, name, title, rowtime) VALUES (10, 'Bea', 'Quill', 5);
ASSERT TABLE o (id INT PRIMARY KEY, name STRING, title STRING) WITH (kafka_topic='O', value_format='JSON');

--@test: a FULL join by two columns has the one of each that is there for its key
CREATE STREAM a (id INT KEY, x INT, y INT, n INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b (id INT KEY, x INT, y INT, m INT) WITH (kafka_topic='b', value_format='JSON');
CREATE STREAM o WITH (key_format='JSON') AS SELECT COALESCE(a.x, b.x) AS x, COALESCE(a.y, b.y) AS y, n, m
  FROM a FULL JOIN b WITHIN 1 HOUR ON a.x = b.x AND a.y = b.y;
INSERT INTO a (id, x, y, n, rowtime) VALUES (1, 5, 6, 10, 0);
INSERT INTO b (id, x, y, m, rowtime) VALUES (2, 5, 7, 20, 1);
INSERT INTO b (id, x, y, m, rowtime) VALUES (3, 5, 6, 30, 2);
ASSERT VALUES o (x, y, n, m, rowtime) VALUES (5, 6, 10, NULL, 0);
ASSERT VALUES o (x, y, n, m, rowtime) VALUES (5, 7, NULL, 20, 1);
ASSERT VALUES o (x, y, n, m, rowtime) VALUES (5, 6, 10, 30, 2);

--@test: expressions are equated, and the star has the key's columns once each
CREATE STREAM a (id INT KEY, name STRING, n INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b (id INT KEY, code STRING, m INT) WITH (kafka_topic='b', value_format='JSON');
CREATE STREAM o WITH (key_format='JSON') AS SELECT LCASE(a.name) AS name, n + 1 AS k, m FROM a JOIN b WITHIN 1 HOUR ON LCASE(a.name) = b.code AND a.n + 1 = b.m;
CREATE STREAM p WITH (key_format='JSON') AS SELECT * FROM a JOIN b WITHIN 1 HOUR ON a.name = b.code AND a.n = b.m;
INSERT INTO a (id, name, n) VALUES (1, 'Ann', 6);
INSERT INTO b (id, code, m) VALUES (2, 'ann', 7);
INSERT INTO b (id, code, m) VALUES (3, 'Ann', 6);
ASSERT VALUES o (name, k, m) VALUES ('ann', 7, 7);
ASSERT VALUES p (a_name, a_n, a_id, b_id, b_code, b_m) VALUES ('Ann', 6, 1, 3, 'Ann', 6);

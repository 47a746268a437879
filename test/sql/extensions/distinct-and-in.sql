--@test: SELECT DISTINCT of a stream gives each row once, under its key
CREATE STREAM s (id INT KEY, a INT, b STRING) WITH (kafka_topic='s', value_format='JSON');
CREATE STREAM o AS SELECT DISTINCT id, a FROM s;
INSERT INTO s (id, a, b, rowtime) VALUES (1, 5, 'x', 0);
INSERT INTO s (id, a, b, rowtime) VALUES (1, 5, 'y', 1);
INSERT INTO s (id, a, b, rowtime) VALUES (2, 5, 'x', 2);
INSERT INTO s (id, a, b, rowtime) VALUES (1, NULL, 'x', 3);
INSERT INTO s (id, a, b, rowtime) VALUES (1, NULL, 'x', 4);
ASSERT VALUES o (id, a, rowtime) VALUES (1, 5, 0);
ASSERT VALUES o (id, a, rowtime) VALUES (2, 5, 2);
ASSERT VALUES o (id, a, rowtime) VALUES (1, NULL, 3);
ASSERT STREAM o (id INT KEY, a INT) WITH (kafka_topic='O', value_format='JSON');

--@test: without the key the result has none, and equal rows of different keys are one
CREATE STREAM s (id INT KEY, a INT, b STRING) WITH (kafka_topic='s', value_format='JSON');
CREATE STREAM o AS SELECT DISTINCT b, a + 1 AS n FROM s WHERE a IS NULL OR a > 0;
INSERT INTO s (id, a, b) VALUES (1, 5, 'x');
INSERT INTO s (id, a, b) VALUES (2, 5, 'x');
INSERT INTO s (id, a, b) VALUES (3, NULL, NULL);
INSERT INTO s (id, a, b) VALUES (4, NULL, NULL);
INSERT INTO s (id, a, b) VALUES (5, 0, 'x');
INSERT INTO s (id, a, b) VALUES (6, 5, 'y');
ASSERT VALUES o (b, n) VALUES ('x', 6);
ASSERT VALUES o (b, n) VALUES (NULL, NULL);
ASSERT VALUES o (b, n) VALUES ('y', 6);
ASSERT STREAM o (b STRING, n INT) WITH (kafka_topic='O', value_format='JSON');

--@test: different rows of a union
CREATE STREAM a (id INT KEY, n INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b (id INT KEY, n INT) WITH (kafka_topic='b', value_format='JSON');
CREATE STREAM o AS SELECT DISTINCT * FROM (SELECT id, n FROM a UNION ALL SELECT id, n FROM b) AS u;
INSERT INTO a (id, n) VALUES (1, 5);
INSERT INTO b (id, n) VALUES (1, 5);
INSERT INTO b (id, n) VALUES (1, 6);
ASSERT VALUES o (id, n) VALUES (1, 5);
ASSERT VALUES o (id, n) VALUES (1, 6);
ASSERT STREAM o (id INT KEY, n INT) WITH (kafka_topic='O', value_format='JSON');

--@test: a stream's records whose key a table has at that moment
CREATE STREAM s (id INT KEY, n INT) WITH (kafka_topic='s', value_format='JSON');
CREATE TABLE t (id INT PRIMARY KEY, vip BOOLEAN) WITH (kafka_topic='t', value_format='JSON');
CREATE STREAM o AS SELECT id, n FROM s WHERE id IN (SELECT id FROM t WHERE vip) AND n > 0;
CREATE STREAM p AS SELECT id, n FROM s WHERE id NOT IN (SELECT id FROM t WHERE vip);
INSERT INTO s (id, n, rowtime) VALUES (1, 5, 0);
INSERT INTO t (id, vip, rowtime) VALUES (1, true, 1);
INSERT INTO s (id, n, rowtime) VALUES (1, 6, 2);
INSERT INTO s (id, n, rowtime) VALUES (2, 7, 3);
INSERT INTO t (id, vip, rowtime) VALUES (1, false, 4);
INSERT INTO s (id, n, rowtime) VALUES (1, 8, 5);
ASSERT VALUES o (id, n, rowtime) VALUES (1, 6, 2);
ASSERT STREAM o (id INT KEY, n INT) WITH (kafka_topic='O', value_format='JSON');
ASSERT VALUES p (id, n, rowtime) VALUES (1, 5, 0);
ASSERT VALUES p (id, n, rowtime) VALUES (2, 7, 3);
ASSERT VALUES p (id, n, rowtime) VALUES (1, 8, 5);

--@test: by another column than the key, which the result keeps
CREATE STREAM s (id INT KEY, region STRING) WITH (kafka_topic='s', value_format='JSON');
CREATE TABLE shops (id INT PRIMARY KEY, region STRING, open BOOLEAN) WITH (kafka_topic='shops', value_format='JSON');
CREATE STREAM o AS SELECT * FROM s WHERE region IN (SELECT region FROM shops WHERE open);
CREATE STREAM p AS SELECT * FROM s WHERE region NOT IN (SELECT region FROM shops WHERE open);
INSERT INTO shops (id, region, open, rowtime) VALUES (1, 'north', true, 0);
INSERT INTO shops (id, region, open, rowtime) VALUES (2, 'north', true, 1);
INSERT INTO shops (id, region, open, rowtime) VALUES (3, 'south', false, 2);
INSERT INTO s (id, region, rowtime) VALUES (10, 'north', 3);
INSERT INTO s (id, region, rowtime) VALUES (11, 'south', 4);
INSERT INTO s (id, region, rowtime) VALUES (12, NULL, 5);
INSERT INTO shops (id, region, open, rowtime) VALUES (1, 'south', true, 6);
INSERT INTO s (id, region, rowtime) VALUES (13, 'north', 7);
INSERT INTO s (id, region, rowtime) VALUES (14, 'south', 8);
ASSERT VALUES o (id, region, rowtime) VALUES (10, 'north', 3);
ASSERT VALUES o (id, region, rowtime) VALUES (13, 'north', 7);
ASSERT VALUES o (id, region, rowtime) VALUES (14, 'south', 8);
ASSERT STREAM o (id INT KEY, region STRING) WITH (kafka_topic='O', value_format='JSON');
ASSERT VALUES p (id, region, rowtime) VALUES (11, 'south', 4);

--@test: a table follows the other one
CREATE TABLE t (id INT PRIMARY KEY, owner INT) WITH (kafka_topic='t', value_format='JSON');
CREATE TABLE owners (id INT PRIMARY KEY, name STRING, active BOOLEAN) WITH (kafka_topic='owners', value_format='JSON');
CREATE TABLE o AS SELECT id, owner FROM t WHERE owner IN (SELECT id FROM owners WHERE active);
CREATE TABLE p AS SELECT id, owner FROM t WHERE owner NOT IN (SELECT id FROM owners WHERE active) OR owner = 9;
INSERT INTO t (id, owner, rowtime) VALUES (1, 7, 0);
INSERT INTO owners (id, name, active, rowtime) VALUES (7, 'Ann', true, 1);
INSERT INTO owners (id, name, active, rowtime) VALUES (7, 'Bea', true, 2);
INSERT INTO owners (id, name, active, rowtime) VALUES (7, 'Bea', false, 3);
INSERT INTO t (id, owner, rowtime) VALUES (2, 9, 4);
INSERT INTO owners (id, name, active, rowtime) VALUES (9, 'Cy', true, 5);
ASSERT VALUES o (id, owner, rowtime) VALUES (1, 7, 1);
ASSERT NULL VALUES o (id) KEY (1);
ASSERT VALUES o (id, owner, rowtime) VALUES (2, 9, 5);
ASSERT VALUES p (id, owner, rowtime) VALUES (1, 7, 0);
ASSERT NULL VALUES p (id) KEY (1);
ASSERT VALUES p (id, owner, rowtime) VALUES (1, 7, 3);
ASSERT VALUES p (id, owner, rowtime) VALUES (2, 9, 4);
ASSERT VALUES p (id, owner, rowtime) VALUES (2, 9, 5);

--@test: ahead of a group, two subqueries, one of them an aggregate
CREATE STREAM orders (id INT KEY, product STRING, shop INT) WITH (kafka_topic='orders', value_format='JSON');
CREATE STREAM clicks (id INT KEY, product STRING) WITH (kafka_topic='clicks', value_format='JSON');
CREATE TABLE shops (id INT PRIMARY KEY, name STRING) WITH (kafka_topic='shops', value_format='JSON');
CREATE TABLE o AS SELECT id, COUNT(*) AS n FROM orders
  WHERE product IN (SELECT product FROM clicks GROUP BY product HAVING COUNT(*) > 1) OR shop IN (SELECT id FROM shops)
  GROUP BY id;
INSERT INTO shops (id, name, rowtime) VALUES (1, 'a', 0);
INSERT INTO clicks (id, product, rowtime) VALUES (1, 'pen', 0);
INSERT INTO clicks (id, product, rowtime) VALUES (1, 'pen', 0);
INSERT INTO clicks (id, product, rowtime) VALUES (1, 'ink', 0);
INSERT INTO orders (id, product, shop, rowtime) VALUES (5, 'pen', 9, 1);
INSERT INTO orders (id, product, shop, rowtime) VALUES (5, 'ink', 9, 2);
INSERT INTO orders (id, product, shop, rowtime) VALUES (5, 'ink', 1, 3);
ASSERT VALUES o (id, n, rowtime) VALUES (5, 1, 1);
ASSERT VALUES o (id, n, rowtime) VALUES (5, 2, 3);

--@test: a number is widened to the subquery's
CREATE STREAM s (id INT KEY, n INT) WITH (kafka_topic='s', value_format='JSON');
CREATE TABLE t (id BIGINT PRIMARY KEY, v STRING) WITH (kafka_topic='t', value_format='JSON');
CREATE STREAM o AS SELECT id, n FROM s WHERE id IN (SELECT id FROM t);
INSERT INTO t (id, v, rowtime) VALUES (7, 'x', 0);
INSERT INTO s (id, n, rowtime) VALUES (7, 1, 1);
INSERT INTO s (id, n, rowtime) VALUES (8, 1, 2);
ASSERT VALUES o (id, n) VALUES (7, 1);

--@test: different rows of a table, as a table to join with
CREATE TABLE shops (id INT PRIMARY KEY, region STRING) WITH (kafka_topic='shops', value_format='JSON');
CREATE TABLE tickets (id INT PRIMARY KEY, region STRING) WITH (kafka_topic='tickets', value_format='JSON');
CREATE TABLE o AS SELECT t.id AS id, r.region AS region FROM tickets t JOIN (SELECT DISTINCT region FROM shops) r ON t.region = r.region;
INSERT INTO tickets (id, region, rowtime) VALUES (1, 'north', 0);
INSERT INTO shops (id, region, rowtime) VALUES (7, 'north', 1);
INSERT INTO shops (id, region, rowtime) VALUES (8, 'north', 2);
INSERT INTO shops (id, region, rowtime) VALUES (7, 'south', 3);
INSERT INTO shops (id, region, rowtime) VALUES (8, 'south', 4);
ASSERT VALUES o (id, region, rowtime) VALUES (1, 'north', 1);
ASSERT NULL VALUES o (id) KEY (1);

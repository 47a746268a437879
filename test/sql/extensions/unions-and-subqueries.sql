--@test: UNION ALL of two streams keeps their key, and brings columns to one type
CREATE STREAM a (id INT KEY, n INT, v STRING) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b (code INT KEY, m BIGINT) WITH (kafka_topic='b', value_format='JSON');
CREATE STREAM o AS SELECT id, n, v FROM a WHERE n > 0 UNION ALL SELECT code, m + 1, 'from b' FROM b;
INSERT INTO a (id, n, v) VALUES (1, 5, 'x');
INSERT INTO b (code, m) VALUES (2, 9000000000);
INSERT INTO a (id, n, v) VALUES (1, 0, 'y');
ASSERT VALUES o (id, n, v) VALUES (1, 5, 'x');
ASSERT VALUES o (id, n, v) VALUES (2, 9000000001, 'from b');
ASSERT STREAM o (id INT KEY, n BIGINT, v STRING) WITH (kafka_topic='O', value_format='JSON');

--@test: without a common key the union has none
CREATE STREAM a (id INT KEY, n INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b (code INT KEY, m INT) WITH (kafka_topic='b', value_format='JSON');
CREATE STREAM o AS SELECT id, n FROM a UNION ALL SELECT m, code FROM b UNION ALL SELECT n, 7 FROM a;
INSERT INTO a (id, n) VALUES (1, 5);
INSERT INTO b (code, m) VALUES (2, 3);
ASSERT VALUES o (id, n) VALUES (1, 5);
ASSERT VALUES o (id, n) VALUES (5, 7);
ASSERT VALUES o (id, n) VALUES (3, 2);
ASSERT STREAM o (id INT, n INT) WITH (kafka_topic='O', value_format='JSON');

--@test: INSERT INTO takes a union
CREATE STREAM a (id INT KEY, n INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b (id INT KEY, n INT) WITH (kafka_topic='b', value_format='JSON');
CREATE STREAM o (id INT KEY, n INT) WITH (kafka_topic='o', value_format='JSON', partitions=1);
INSERT INTO o SELECT * FROM a UNION ALL SELECT * FROM b;
INSERT INTO a (id, n) VALUES (1, 5);
INSERT INTO b (id, n) VALUES (1, 6);
ASSERT VALUES o (id, n) VALUES (1, 5);
ASSERT VALUES o (id, n) VALUES (1, 6);

--@test: an aggregate over a union counts both
CREATE STREAM a (id INT KEY, n INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b (id INT KEY, n INT) WITH (kafka_topic='b', value_format='JSON');
CREATE TABLE o AS SELECT id, COUNT(*) AS c, SUM(n) AS total FROM (SELECT id, n FROM a UNION ALL SELECT id, n FROM b) AS u GROUP BY id;
INSERT INTO a (id, n) VALUES (1, 5);
INSERT INTO b (id, n) VALUES (1, 6);
INSERT INTO b (id, n) VALUES (2, 1);
ASSERT VALUES o (id, c, total) VALUES (1, 1, 5);
ASSERT VALUES o (id, c, total) VALUES (1, 2, 11);
ASSERT VALUES o (id, c, total) VALUES (2, 1, 1);

--@test: a subquery of a stream, with an expression that is named once
CREATE STREAM s (id INT KEY, price INT, amount INT) WITH (kafka_topic='s', value_format='JSON');
CREATE STREAM o AS SELECT id, total, total / 10 AS tenth FROM (SELECT id, price * amount AS total FROM s WHERE amount > 0) x WHERE total > 50;
INSERT INTO s (id, price, amount) VALUES (1, 30, 2);
INSERT INTO s (id, price, amount) VALUES (2, 30, 1);
INSERT INTO s (id, price, amount) VALUES (3, 30, -9);
ASSERT VALUES o (id, total, tenth) VALUES (1, 60, 6);
ASSERT STREAM o (id INT KEY, total INT, tenth INT) WITH (kafka_topic='O', value_format='JSON');

--@test: an aggregate of an aggregate
CREATE STREAM s (id INT KEY, product STRING) WITH (kafka_topic='s', value_format='JSON');
CREATE TABLE o AS SELECT c, COUNT(*) AS products FROM (SELECT product, COUNT(*) AS c FROM s GROUP BY product) AS counts GROUP BY c;
INSERT INTO s (id, product) VALUES (1, 'pen');
INSERT INTO s (id, product) VALUES (2, 'ink');
INSERT INTO s (id, product) VALUES (3, 'pen');
ASSERT VALUES o (c, products) VALUES (1, 1);
ASSERT VALUES o (c, products) VALUES (1, 2);
ASSERT VALUES o (c, products) VALUES (1, 1);
ASSERT VALUES o (c, products) VALUES (2, 1);

--@test: a stream joined with an aggregate of another one, in one statement
CREATE STREAM orders (id INT KEY, product STRING) WITH (kafka_topic='orders', value_format='JSON');
CREATE STREAM clicks (id INT KEY, product STRING) WITH (kafka_topic='clicks', value_format='JSON');
CREATE STREAM o AS
  WITH popular AS (SELECT product, COUNT(*) AS n FROM clicks GROUP BY product HAVING COUNT(*) > 1)
  SELECT orders.product, id, n FROM orders JOIN popular ON orders.product = popular.product;
INSERT INTO clicks (id, product, rowtime) VALUES (1, 'pen', 0);
INSERT INTO clicks (id, product, rowtime) VALUES (2, 'pen', 1);
INSERT INTO clicks (id, product, rowtime) VALUES (3, 'ink', 2);
INSERT INTO orders (id, product, rowtime) VALUES (10, 'pen', 3);
INSERT INTO orders (id, product, rowtime) VALUES (11, 'ink', 4);
ASSERT VALUES o (orders_product, id, n) VALUES ('pen', 10, 2);
ASSERT STREAM o (orders_product STRING KEY, id INT, n BIGINT) WITH (kafka_topic='O', value_format='JSON');

--@test: names of WITH know those before them, and stand ahead of sources
CREATE STREAM s (id INT KEY, n INT) WITH (kafka_topic='s', value_format='JSON');
CREATE STREAM o AS
  WITH positive AS (SELECT * FROM s WHERE n > 0), s AS (SELECT id, n * 2 AS n FROM positive)
  SELECT id, n FROM s UNION ALL SELECT id, n FROM positive;
INSERT INTO s (id, n) VALUES (1, 5);
INSERT INTO s (id, n) VALUES (2, -5);
ASSERT VALUES o (id, n) VALUES (1, 10);
ASSERT VALUES o (id, n) VALUES (1, 5);

--@test: a table's subquery follows updates and deletions
CREATE TABLE t (id INT PRIMARY KEY, n INT) WITH (kafka_topic='t', value_format='JSON');
CREATE TABLE o AS SELECT x.id AS id, twice FROM (SELECT id, n * 2 AS twice FROM t WHERE n > 3) AS x WHERE twice < 100;
INSERT INTO t (id, n) VALUES (1, 5);
INSERT INTO t (id, n) VALUES (1, 60);
INSERT INTO t (id, n) VALUES (1, 7);
INSERT INTO t (id) VALUES (1);
ASSERT VALUES o (id, twice) VALUES (1, 10);
ASSERT NULL VALUES o (id) KEY (1);
ASSERT VALUES o (id, twice) VALUES (1, 14);
ASSERT NULL VALUES o (id) KEY (1);

--@test: a stream's PARTITION BY in a subquery holds for what comes after it
CREATE STREAM s (id INT KEY, a INT, n INT) WITH (kafka_topic='s', value_format='JSON');
CREATE TABLE t (k INT PRIMARY KEY, name STRING) WITH (kafka_topic='t', value_format='JSON');
CREATE STREAM o AS SELECT x.a, n, name FROM (SELECT a, n FROM s PARTITION BY a) x JOIN t ON x.a = t.k;
INSERT INTO t (k, name, rowtime) VALUES (7, 'seven', 0);
INSERT INTO s (id, a, n, rowtime) VALUES (1, 7, 70, 1);
ASSERT VALUES o (a, n, name) VALUES (7, 70, 'seven');

--@test: the setting brings ksqlDB's errors back
--@expected.error: io.confluent.ksql.parser.exception.ParseFailedException
--@expected.message: UNION
SET 'millrace.sql.extensions' = 'false';
CREATE STREAM s (id INT KEY, n INT) WITH (kafka_topic='s', value_format='JSON');
CREATE STREAM o AS SELECT * FROM s UNION ALL SELECT * FROM s;

--@test: the setting brings ksqlDB's errors of joins back
--@expected.error: io.confluent.ksql.util.KsqlException
--@expected.message: joins on multiple conditions are not yet supported
SET 'millrace.sql.extensions' = 'false';
CREATE STREAM a (id INT KEY, n INT) WITH (kafka_topic='a', value_format='JSON');
CREATE STREAM b (id INT KEY, n INT) WITH (kafka_topic='b', value_format='JSON');
CREATE STREAM o AS SELECT * FROM a JOIN b WITHIN 1 DAY ON a.id = b.id AND a.n = b.n;

-- The odds alone, with the sums as they are given.
CREATE STREAM bets (runner_id INT, race_id INT, amount DOUBLE)
  WITH (KAFKA_TOPIC = 'bets', VALUE_FORMAT = 'AVRO', PARTITIONS = 1);

CREATE TABLE runners (runner_id INT PRIMARY KEY, runner INT, total DOUBLE, bets BIGINT)
  WITH (KAFKA_TOPIC = 'runners', VALUE_FORMAT = 'AVRO', PARTITIONS = 1);

CREATE TABLE races (race_id INT PRIMARY KEY, race INT, total DOUBLE, bets BIGINT)
  WITH (KAFKA_TOPIC = 'races', VALUE_FORMAT = 'AVRO', PARTITIONS = 1);

CREATE STREAM odds WITH (KAFKA_TOPIC = 'odds', PARTITIONS = 1) AS
  SELECT
    bets.race_id AS race_id,
    AS_VALUE(bets.race_id) AS race,
    bets.runner_id AS runner,
    bets.amount AS amount,
    runners.total AS runner_total,
    races.total AS race_total,
    CASE
      WHEN runners.total = 0 THEN CAST(0 AS DOUBLE)
      ELSE races.total / runners.total
    END AS odds
  FROM bets
    INNER JOIN runners ON bets.runner_id = runners.runner_id
    INNER JOIN races ON bets.race_id = races.race_id;

SET 'auto.offset.reset' = 'earliest';

CREATE STREAM bets (runner_id INT, race_id INT, amount DOUBLE)
  WITH (KAFKA_TOPIC = 'bets', VALUE_FORMAT = 'AVRO', PARTITIONS = 1);

CREATE STREAM bets_by_runner WITH (KAFKA_TOPIC = 'bets_by_runner', PARTITIONS = 1) AS
  SELECT runner_id, race_id, amount
  FROM bets
  PARTITION BY runner_id;

CREATE STREAM bets_by_race WITH (KAFKA_TOPIC = 'bets_by_race', PARTITIONS = 1) AS
  SELECT race_id, runner_id, amount
  FROM bets
  PARTITION BY race_id;

CREATE TABLE runners WITH (KAFKA_TOPIC = 'runners', PARTITIONS = 1) AS
  SELECT runner_id, AS_VALUE(runner_id) AS runner, SUM(amount) AS total, COUNT(*) AS bets
  FROM bets_by_runner
  GROUP BY runner_id;

CREATE TABLE races WITH (KAFKA_TOPIC = 'races', PARTITIONS = 1) AS
  SELECT race_id, AS_VALUE(race_id) AS race, SUM(amount) AS total, COUNT(*) AS bets
  FROM bets_by_race
  GROUP BY race_id;

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

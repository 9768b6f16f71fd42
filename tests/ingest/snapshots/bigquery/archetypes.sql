SELECT
  `t4`.`account_id`,
  EXTRACT(hour FROM `t4`.`at`) AS `hour`,
  COUNT(*) AS `n`
FROM (
  SELECT
    `t2`.`request_id`,
    `t2`.`at`,
    `t2`.`account_id`,
    `t2`.`organisation`,
    `t2`.`plan`,
    `t2`.`account_created_at`,
    `t2`.`api_key_id`,
    `t2`.`ip`,
    `t2`.`asn`,
    `t2`.`user_agent`,
    `t2`.`payment`,
    `t2`.`email_domain`,
    `t2`.`registration`,
    `t2`.`device`,
    `t2`.`model`,
    `t2`.`prompt`,
    `t2`.`input_tokens`,
    `t2`.`cached_tokens`,
    `t2`.`output_tokens`,
    `t2`.`reasoning_tokens`,
    `t2`.`status`,
    `t2`.`stop_reason`,
    `t2`.`end_user_id`,
    `t2`.`session_id`,
    `t2`.`provider`,
    `t2`.`operation`,
    `t2`.`latency_ms`
  FROM `requests` AS `t2`
  WHERE
    EXISTS(
      SELECT
        1
      FROM `given_1` AS `t3`
      WHERE
        `t2`.`account_id` = `t3`.`account_id`
    )
) AS `t4`
GROUP BY
  1,
  2;

SELECT
  `t4`.`account_id`,
  COUNT(DISTINCT `t4`.`user_agent`) AS `clients`,
  COUNT(DISTINCT `t4`.`prompt`) AS `prompts`,
  COUNT(`t4`.`prompt`) AS `told`,
  AVG(`t4`.`output_tokens`) AS `answer`
FROM (
  SELECT
    `t2`.`request_id`,
    `t2`.`at`,
    `t2`.`account_id`,
    `t2`.`organisation`,
    `t2`.`plan`,
    `t2`.`account_created_at`,
    `t2`.`api_key_id`,
    `t2`.`ip`,
    `t2`.`asn`,
    `t2`.`user_agent`,
    `t2`.`payment`,
    `t2`.`email_domain`,
    `t2`.`registration`,
    `t2`.`device`,
    `t2`.`model`,
    `t2`.`prompt`,
    `t2`.`input_tokens`,
    `t2`.`cached_tokens`,
    `t2`.`output_tokens`,
    `t2`.`reasoning_tokens`,
    `t2`.`status`,
    `t2`.`stop_reason`,
    `t2`.`end_user_id`,
    `t2`.`session_id`,
    `t2`.`provider`,
    `t2`.`operation`,
    `t2`.`latency_ms`
  FROM `requests` AS `t2`
  WHERE
    EXISTS(
      SELECT
        1
      FROM `given_1` AS `t3`
      WHERE
        `t2`.`account_id` = `t3`.`account_id`
    )
) AS `t4`
GROUP BY
  1;

WITH `t1` AS (
  SELECT
    *
  FROM `kept_1` AS `t0`
  WHERE
    `t0`.`kind` = 'ip_prefix'
)
SELECT
  `t6`.`account_id`,
  MAX(`t6`.`parties`) AS `parties`
FROM (
  SELECT
    `t3`.`account_id`,
    `t3`.`kind`,
    `t3`.`value`,
    `t3`.`organisation`,
    `t3`.`first_at`,
    `t3`.`last_at`,
    `t3`.`count`,
    `t5`.`parties`
  FROM `t1` AS `t3`
  INNER JOIN (
    SELECT
      `t2`.`value`,
      COUNT(DISTINCT `t2`.`organisation`) AS `parties`
    FROM `t1` AS `t2`
    GROUP BY
      1
  ) AS `t5`
    ON `t3`.`value` = `t5`.`value`
) AS `t6`
GROUP BY
  1;

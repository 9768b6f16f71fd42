SELECT
  *
FROM (
  SELECT
    `t6`.`account_id`,
    `t6`.`prompt`,
    `t6`.`first_at`,
    `t6`.`model`,
    ROW_NUMBER() OVER (
      PARTITION BY `t6`.`account_id`
      ORDER BY FARM_FINGERPRINT(`t6`.`prompt`) ASC, `t6`.`prompt` ASC
    ) - 1 AS `place`
  FROM (
    SELECT
      `t5`.`account_id`,
      `t5`.`prompt`,
      MIN(`t5`.`at`) AS `first_at`,
      MIN(`t5`.`model`) AS `model`
    FROM (
      SELECT
        `t4`.`request_id`,
        `t4`.`at`,
        `t4`.`account_id`,
        `t4`.`organisation`,
        `t4`.`plan`,
        `t4`.`account_created_at`,
        `t4`.`api_key_id`,
        `t4`.`ip`,
        `t4`.`asn`,
        `t4`.`user_agent`,
        `t4`.`payment`,
        `t4`.`email_domain`,
        `t4`.`registration`,
        `t4`.`device`,
        `t4`.`model`,
        `t4`.`prompt`,
        `t4`.`input_tokens`,
        `t4`.`cached_tokens`,
        `t4`.`output_tokens`,
        `t4`.`reasoning_tokens`,
        `t4`.`status`,
        `t4`.`stop_reason`,
        `t4`.`end_user_id`,
        `t4`.`session_id`,
        `t4`.`provider`,
        `t4`.`operation`,
        `t4`.`latency_ms`
      FROM (
        SELECT
          *
        FROM `requests` AS `t0`
        WHERE
          `t0`.`prompt` IS NOT NULL
      ) AS `t4`
      WHERE
        EXISTS(
          SELECT
            1
          FROM `given_1` AS `t2`
          WHERE
            `t4`.`account_id` = `t2`.`account_id`
        )
    ) AS `t5`
    GROUP BY
      1,
      2
  ) AS `t6`
) AS `t7`
WHERE
  `t7`.`place` < 5
ORDER BY
  `t7`.`account_id` ASC NULLS LAST,
  `t7`.`first_at` ASC NULLS LAST,
  `t7`.`place` ASC NULLS LAST;

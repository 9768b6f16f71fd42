SELECT
  `t2`.`account_id`,
  CAST(UNIX_SECONDS(TIMESTAMP_TRUNC(`t2`.`at`, SECOND)) AS INT64) AS `second`
FROM `requests` AS `t2`
WHERE
  EXISTS(
    SELECT
      1
    FROM `given_1` AS `t3`
    WHERE
      `t2`.`account_id` = `t3`.`account_id`
  );

SELECT
  `t1`.`account_id`,
  `t1`.`hour`,
  `t1`.`part`,
  SUM(CAST(TRUNC(POWER(2.0, `t1`.`cell`)) AS INT64)) AS `cells`,
  COUNT(*) AS `n`
FROM (
  SELECT DISTINCT
    `t0`.`account_id`,
    CAST(FLOOR(ieee_divide(`t0`.`second`, 3600)) AS INT64) AS `hour`,
    CAST(FLOOR(ieee_divide(MOD(CAST(FLOOR(ieee_divide(`t0`.`second`, 60)) AS INT64), 60), 5)) AS INT64) AS `part`,
    (
      (
        MOD(MOD(CAST(FLOOR(ieee_divide(`t0`.`second`, 60)) AS INT64), 60), 5)
      ) * 10
    ) + CAST(FLOOR(ieee_divide((
      MOD(`t0`.`second`, 60)
    ) - 5, 5)) AS INT64) AS `cell`
  FROM `kept_1` AS `t0`
  WHERE
    (
      MOD(`t0`.`second`, 60)
    ) >= 5 AND (
      MOD(`t0`.`second`, 60)
    ) < 55
) AS `t1`
GROUP BY
  1,
  2,
  3;

SELECT
  LOGICAL_OR((
    `t0`.`cells` & 1100586419201
  ) <> 0) AS `place_0`,
  LOGICAL_OR((
    `t0`.`cells` & 2201172838402
  ) <> 0) AS `place_1`,
  LOGICAL_OR((
    `t0`.`cells` & 4402345676804
  ) <> 0) AS `place_2`,
  LOGICAL_OR((
    `t0`.`cells` & 8804691353608
  ) <> 0) AS `place_3`,
  LOGICAL_OR((
    `t0`.`cells` & 17609382707216
  ) <> 0) AS `place_4`,
  LOGICAL_OR((
    `t0`.`cells` & 35218765414432
  ) <> 0) AS `place_5`,
  LOGICAL_OR((
    `t0`.`cells` & 70437530828864
  ) <> 0) AS `place_6`,
  LOGICAL_OR((
    `t0`.`cells` & 140875061657728
  ) <> 0) AS `place_7`,
  LOGICAL_OR((
    `t0`.`cells` & 281750123315456
  ) <> 0) AS `place_8`,
  LOGICAL_OR((
    `t0`.`cells` & 563500246630912
  ) <> 0) AS `place_9`
FROM `kept_2` AS `t0`;

SELECT
  `t0`.`account_id`,
  COUNT(*) AS `n`
FROM `kept_2` AS `t0`
GROUP BY
  1;

SELECT
  *
FROM (
  SELECT
    `t9`.`pair`,
    COUNT(*) AS `strata`,
    SUM(CAST(`t9`.`hit` AS INT64)) AS `hits`,
    SUM(`t9`.`mean`) AS `mean`,
    COUNT(DISTINCT IF(`t9`.`hit`, `t9`.`hour`, NULL)) AS `hours`
  FROM (
    SELECT
      *
    FROM (
      SELECT
        `t7`.`pair`,
        `t7`.`one`,
        `t7`.`other`,
        `t7`.`hour`,
        `t7`.`part`,
        `t7`.`cells`,
        `t7`.`n`,
        `t7`.`other_cells`,
        `t7`.`other_n`,
        (
          `t7`.`cells` & `t7`.`other_cells`
        ) <> 0 AS `hit`,
        -(
          LEAST(`t7`.`n`, `t7`.`other_n`)
        ) * LN(
          GREATEST(
            1.0 - ieee_divide(GREATEST(`t7`.`n`, `t7`.`other_n`), 51 - LEAST(`t7`.`n`, `t7`.`other_n`)),
            0.25
          )
        ) AS `mean`
      FROM (
        SELECT
          `t2`.`pair`,
          `t2`.`one`,
          `t2`.`other`,
          `t5`.`hour`,
          `t5`.`part`,
          `t5`.`cells`,
          `t5`.`n`,
          `t6`.`other_cells`,
          `t6`.`other_n`
        FROM `given_2` AS `t2`
        INNER JOIN (
          SELECT
            `t1`.`hour`,
            `t1`.`part`,
            `t1`.`account_id` AS `one`,
            `t1`.`cells`,
            `t1`.`n`
          FROM `kept_2` AS `t1`
        ) AS `t5`
          ON `t2`.`one` = `t5`.`one`
        INNER JOIN (
          SELECT
            `t1`.`hour`,
            `t1`.`part`,
            `t1`.`account_id` AS `other`,
            `t1`.`cells` AS `other_cells`,
            `t1`.`n` AS `other_n`
          FROM `kept_2` AS `t1`
        ) AS `t6`
          ON `t2`.`other` = `t6`.`other`
          AND `t5`.`hour` = `t6`.`hour`
          AND `t5`.`part` = `t6`.`part`
      ) AS `t7`
    ) AS `t8`
    WHERE
      `t8`.`mean` <= 0.6931471805599453
  ) AS `t9`
  GROUP BY
    1
) AS `t10`
WHERE
  `t10`.`hits` > 0;

WITH `t1` AS (
  SELECT
    `t0`.`account_id`,
    `t0`.`second`,
    `t0`.`second` - LAG(`t0`.`second`) OVER (PARTITION BY `t0`.`account_id` ORDER BY `t0`.`second` ASC) AS `before`,
    LEAD(`t0`.`second`) OVER (PARTITION BY `t0`.`account_id` ORDER BY `t0`.`second` ASC) - `t0`.`second` AS `after`
  FROM `kept_1` AS `t0`
)
SELECT DISTINCT
  `t6`.`account_id`,
  `t6`.`is_end`,
  `t6`.`hour`,
  (
    CAST(FLOOR(ieee_divide(`t6`.`minute`, 30)) AS INT64) * 10
  ) + CAST(FLOOR(ieee_divide((
    MOD(`t6`.`minute`, 30)
  ) - 5, 2)) AS INT64) AS `cell`
FROM (
  SELECT
    `t5`.`account_id`,
    `t5`.`second`,
    `t5`.`is_end`,
    CAST(FLOOR(ieee_divide(`t5`.`second`, 3600)) AS INT64) AS `hour`,
    MOD(CAST(FLOOR(ieee_divide(`t5`.`second`, 60)) AS INT64), 60) AS `minute`
  FROM (
    SELECT
      *
    FROM (
      SELECT
        `t2`.`account_id`,
        `t2`.`second`,
        FALSE AS `is_end`
      FROM `t1` AS `t2`
      WHERE
        (
          `t2`.`before` IS NULL
        ) OR (
          `t2`.`before` > 1800
        )
    ) AS `t3`
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        `t2`.`account_id`,
        `t2`.`second` + 60 AS `second`,
        TRUE AS `is_end`
      FROM `t1` AS `t2`
      WHERE
        (
          `t2`.`after` IS NULL
        ) OR (
          `t2`.`after` > 1800
        )
    ) AS `t4`
  ) AS `t5`
  WHERE
    (
      MOD(`t5`.`second`, 60)
    ) >= 5 AND (
      MOD(`t5`.`second`, 60)
    ) < 55
) AS `t6`
WHERE
  (
    MOD(`t6`.`minute`, 30)
  ) >= 5 AND (
    MOD(`t6`.`minute`, 30)
  ) < 25;

WITH `t7` AS (
  SELECT
    `t5`.`account_id`,
    `t2`.`party`,
    `t2`.`value`,
    `t5`.`hour`,
    `t5`.`cell`
  FROM (
    SELECT
      *
    FROM `kept_3` AS `t0`
    WHERE
      `t0`.`is_end`
  ) AS `t5`
  INNER JOIN `given_3` AS `t2`
    ON `t5`.`account_id` = `t2`.`account_id`
)
SELECT
  `t22`.`account_id`,
  `t22`.`value`,
  COUNT(*) AS `strata`,
  SUM(CAST(`t22`.`hit` AS INT64)) AS `hits`,
  SUM(`t22`.`mean`) AS `mean`,
  SUM(CAST(`t22`.`hit` AS INT64)) AS `hours`
FROM (
  SELECT
    *
  FROM (
    SELECT
      `t20`.`account_id`,
      `t20`.`value`,
      `t20`.`hour`,
      `t20`.`n`,
      `t20`.`others`,
      `t20`.`hit`,
      -(
        LEAST(`t20`.`n`, `t20`.`others`)
      ) * LN(
        GREATEST(
          1.0 - ieee_divide(GREATEST(`t20`.`n`, `t20`.`others`), 21 - LEAST(`t20`.`n`, `t20`.`others`)),
          0.25
        )
      ) AS `mean`
    FROM (
      SELECT
        `t19`.`account_id`,
        `t19`.`value`,
        `t19`.`hour`,
        `t19`.`n`,
        COUNT(*) AS `others`,
        LOGICAL_OR(`t19`.`ended` IS NOT NULL) AS `hit`
      FROM (
        SELECT
          `t18`.`account_id`,
          `t18`.`value`,
          `t18`.`hour`,
          `t18`.`cell`,
          `t18`.`n`,
          `t13`.`account_id` AS `account_id_right`,
          `t13`.`value` AS `value_right`,
          `t13`.`hour` AS `hour_right`,
          `t13`.`cell` AS `cell_right`,
          `t13`.`ended`
        FROM (
          SELECT
            `t16`.`account_id`,
            `t16`.`value`,
            `t16`.`hour`,
            `t16`.`cell`,
            `t16`.`n`
          FROM (
            SELECT
              `t14`.`account_id`,
              `t14`.`party`,
              `t14`.`value`,
              `t14`.`hour`,
              `t14`.`n`,
              `t15`.`cell`,
              `t15`.`least`,
              `t15`.`most`
            FROM (
              SELECT
                `t9`.`account_id`,
                `t9`.`party`,
                `t9`.`value`,
                `t9`.`hour`,
                COUNT(*) AS `n`
              FROM `t7` AS `t9`
              GROUP BY
                1,
                2,
                3,
                4
            ) AS `t14`
            INNER JOIN (
              SELECT
                `t8`.`value`,
                `t8`.`hour`,
                `t8`.`cell`,
                MIN(`t8`.`other_party`) AS `least`,
                MAX(`t8`.`other_party`) AS `most`
              FROM (
                SELECT
                  `t2`.`value`,
                  `t6`.`hour`,
                  `t6`.`cell`,
                  `t6`.`account_id` AS `other`,
                  `t2`.`party` AS `other_party`
                FROM (
                  SELECT
                    *
                  FROM `kept_3` AS `t0`
                  WHERE
                    NOT (
                      `t0`.`is_end`
                    )
                ) AS `t6`
                INNER JOIN `given_3` AS `t2`
                  ON `t6`.`account_id` = `t2`.`account_id`
              ) AS `t8`
              GROUP BY
                1,
                2,
                3
            ) AS `t15`
              ON `t14`.`value` = `t15`.`value` AND `t14`.`hour` = `t15`.`hour`
          ) AS `t16`
          WHERE
            (
              `t16`.`least` <> `t16`.`party`
            ) OR (
              `t16`.`most` <> `t16`.`party`
            )
        ) AS `t18`
        LEFT OUTER JOIN (
          SELECT
            `t9`.`account_id`,
            `t9`.`value`,
            `t9`.`hour`,
            `t9`.`cell`,
            1 AS `ended`
          FROM `t7` AS `t9`
        ) AS `t13`
          ON `t18`.`account_id` = `t13`.`account_id`
          AND `t18`.`value` = `t13`.`value`
          AND `t18`.`hour` = `t13`.`hour`
          AND `t18`.`cell` = `t13`.`cell`
      ) AS `t19`
      GROUP BY
        1,
        2,
        3,
        4
    ) AS `t20`
  ) AS `t21`
  WHERE
    `t21`.`mean` <= 0.6931471805599453
) AS `t22`
GROUP BY
  1,
  2;

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
          FROM `given_4` AS `t2`
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

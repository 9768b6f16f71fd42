SELECT
  `t8`.`account_id`,
  `t8`.`organisation`,
  `t8`.`at`,
  `t8`.`prompt_key`,
  FARM_FINGERPRINT(`t8`.`text`) AS `skeleton_key`,
  IF(
    IF(
      NOT (
        (
          INSTR(`t8`.`opening_80`, '⟨') > 0
        )
        OR (
          INSTR(`t8`.`opening_80`, '⟩') > 0
        )
      ),
      REGEXP_CONTAINS(`t8`.`opening_80`, '^([\\s0-9!-/:-@\\[-`{-~]*[^\\s0-9!-/:-@\\[-`{-~]){14}'),
      LENGTH(
        REGEXP_REPLACE(
          REGEXP_REPLACE(`t8`.`opening_80`, '⟨[a-z]*⟩?|^[a-z]*⟩', ''),
          '[\\s0-9!-/:-@\\[-`{-~]+',
          ''
        )
      ) >= 14
    ),
    FARM_FINGERPRINT(CONCAT(`t8`.`opening_80`, '|opening_80')),
    CAST(NULL AS INT64)
  ) AS `opening_80`,
  IF(
    IF(
      NOT (
        (
          INSTR(`t8`.`opening_32`, '⟨') > 0
        )
        OR (
          INSTR(`t8`.`opening_32`, '⟩') > 0
        )
      ),
      REGEXP_CONTAINS(`t8`.`opening_32`, '^([\\s0-9!-/:-@\\[-`{-~]*[^\\s0-9!-/:-@\\[-`{-~]){14}'),
      LENGTH(
        REGEXP_REPLACE(
          REGEXP_REPLACE(`t8`.`opening_32`, '⟨[a-z]*⟩?|^[a-z]*⟩', ''),
          '[\\s0-9!-/:-@\\[-`{-~]+',
          ''
        )
      ) >= 14
    ),
    FARM_FINGERPRINT(CONCAT(`t8`.`opening_32`, '|opening_32')),
    CAST(NULL AS INT64)
  ) AS `opening_32`,
  IF(
    IF(
      NOT (
        (
          INSTR(`t8`.`closing_80`, '⟨') > 0
        )
        OR (
          INSTR(`t8`.`closing_80`, '⟩') > 0
        )
      ),
      REGEXP_CONTAINS(`t8`.`closing_80`, '^([\\s0-9!-/:-@\\[-`{-~]*[^\\s0-9!-/:-@\\[-`{-~]){14}'),
      LENGTH(
        REGEXP_REPLACE(
          REGEXP_REPLACE(`t8`.`closing_80`, '⟨[a-z]*⟩?|^[a-z]*⟩', ''),
          '[\\s0-9!-/:-@\\[-`{-~]+',
          ''
        )
      ) >= 14
    ),
    FARM_FINGERPRINT(CONCAT(`t8`.`closing_80`, '|closing_80')),
    CAST(NULL AS INT64)
  ) AS `closing_80`,
  IF(
    IF(
      NOT (
        (
          INSTR(`t8`.`closing_32`, '⟨') > 0
        )
        OR (
          INSTR(`t8`.`closing_32`, '⟩') > 0
        )
      ),
      REGEXP_CONTAINS(`t8`.`closing_32`, '^([\\s0-9!-/:-@\\[-`{-~]*[^\\s0-9!-/:-@\\[-`{-~]){14}'),
      LENGTH(
        REGEXP_REPLACE(
          REGEXP_REPLACE(`t8`.`closing_32`, '⟨[a-z]*⟩?|^[a-z]*⟩', ''),
          '[\\s0-9!-/:-@\\[-`{-~]+',
          ''
        )
      ) >= 14
    ),
    FARM_FINGERPRINT(CONCAT(`t8`.`closing_32`, '|closing_32')),
    CAST(NULL AS INT64)
  ) AS `closing_32`
FROM (
  SELECT
    `t7`.`account_id`,
    `t7`.`at`,
    `t7`.`organisation`,
    `t7`.`prompt_key`,
    `t7`.`text`,
    IF(
      LENGTH(`t7`.`text`) >= 80,
      SUBSTRING(`t7`.`text`, IF((
        0 + 1
      ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t7`.`text`)), 80),
      CAST(NULL AS STRING)
    ) AS `opening_80`,
    IF(
      LENGTH(`t7`.`text`) >= 16,
      SUBSTRING(`t7`.`text`, IF((
        0 + 1
      ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t7`.`text`)), 32),
      CAST(NULL AS STRING)
    ) AS `opening_32`,
    IF(
      LENGTH(`t7`.`text`) >= 80,
      SUBSTRING(`t7`.`text`, -LEAST(LENGTH(`t7`.`text`), 80)),
      CAST(NULL AS STRING)
    ) AS `closing_80`,
    IF(
      LENGTH(`t7`.`text`) >= 16,
      SUBSTRING(`t7`.`text`, -LEAST(LENGTH(`t7`.`text`), 32)),
      CAST(NULL AS STRING)
    ) AS `closing_32`
  FROM (
    SELECT
      `t6`.*
      EXCEPT (`prompt`)
    FROM (
      SELECT
        `t5`.`account_id`,
        `t5`.`prompt`,
        `t5`.`at`,
        `t5`.`organisation`,
        `t5`.`prompt_key`,
        IF(
          REGEXP_CONTAINS(`t5`.`text`, '^\\s') OR REGEXP_CONTAINS(`t5`.`text`, '\\s$'),
          REGEXP_REPLACE(`t5`.`text`, '^\\s+|\\s+$', ''),
          `t5`.`text`
        ) AS `text`
      FROM (
        SELECT
          `t4`.`account_id`,
          `t4`.`prompt`,
          `t4`.`at`,
          `t4`.`organisation`,
          `t4`.`prompt_key`,
          IF(
            (
              INSTR(`t4`.`text`, '  ') > 0
            )
            OR (
              INSTR(`t4`.`text`, '\n') > 0
            )
            OR (
              INSTR(`t4`.`text`, '\r') > 0
            )
            OR (
              INSTR(`t4`.`text`, '\t') > 0
            )
            OR (
              INSTR(`t4`.`text`, '\f') > 0
            ),
            REGEXP_REPLACE(`t4`.`text`, '\\s\\s+|[\\n\\r\\t]', ' '),
            `t4`.`text`
          ) AS `text`
        FROM (
          SELECT
            `t3`.`account_id`,
            `t3`.`prompt`,
            `t3`.`at`,
            `t3`.`organisation`,
            `t3`.`prompt_key`,
            REGEXP_REPLACE(
              IF(
                REGEXP_CONTAINS(`t3`.`text`, '[0-9][0-9a-z_-]{15}'),
                REGEXP_REPLACE(`t3`.`text`, '[0-9a-z_-]*[0-9][0-9a-z_-]{15,}', '⟨id⟩'),
                `t3`.`text`
              ),
              '[0-9]+([.,:/][0-9]+)*',
              '⟨n⟩'
            ) AS `text`
          FROM (
            SELECT
              `t2`.`account_id`,
              `t2`.`prompt`,
              `t2`.`at`,
              `t2`.`organisation`,
              `t2`.`prompt_key`,
              IF(
                (
                  INSTR(`t2`.`text`, '"') > 0
                )
                OR (
                  INSTR(`t2`.`text`, '“') > 0
                )
                OR (
                  INSTR(`t2`.`text`, '`') > 0
                ),
                REGEXP_REPLACE(`t2`.`text`, '\\"[^\\"]+\\"|“[^”]+”|`[^`]+`', '⟨text⟩'),
                `t2`.`text`
              ) AS `text`
            FROM (
              SELECT
                `t1`.`account_id`,
                `t1`.`prompt`,
                `t1`.`at`,
                `t1`.`organisation`,
                `t1`.`prompt_key`,
                IF(
                  INSTR(`t1`.`text`, '://') > 0,
                  REGEXP_REPLACE(`t1`.`text`, 'https?://[^\\s\\"\'<>)]+', '⟨link⟩'),
                  `t1`.`text`
                ) AS `text`
              FROM (
                SELECT
                  `t0`.`account_id`,
                  `t0`.`prompt`,
                  `t0`.`at`,
                  COALESCE(`t0`.`organisation`, `t0`.`account_id`) AS `organisation`,
                  FARM_FINGERPRINT(`t0`.`prompt`) AS `prompt_key`,
                  LOWER(
                    IF(
                      LENGTH(`t0`.`prompt`) > 4000,
                      CONCAT(
                        CONCAT(
                          SUBSTRING(`t0`.`prompt`, IF((
                            0 + 1
                          ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t0`.`prompt`)), 2000),
                          ' … '
                        ),
                        SUBSTRING(`t0`.`prompt`, -LEAST(LENGTH(`t0`.`prompt`), 2000))
                      ),
                      `t0`.`prompt`
                    )
                  ) AS `text`
                FROM `requests` AS `t0`
                WHERE
                  `t0`.`prompt` IS NOT NULL
              ) AS `t1`
            ) AS `t2`
          ) AS `t3`
        ) AS `t4`
      ) AS `t5`
    ) AS `t6`
  ) AS `t7`
) AS `t8`;

SELECT
  *
FROM (
  SELECT
    *
  FROM (
    SELECT
      *
    FROM (
      SELECT
        *
      FROM (
        SELECT
          `t5`.`frame`,
          `t5`.`requests`,
          `t5`.`accounts`,
          `t5`.`organisations`,
          `t5`.`low`,
          `t5`.`high`,
          'opening_80' AS `edge`
        FROM (
          SELECT
            `t1`.`opening_80` AS `frame`,
            COUNT(*) AS `requests`,
            COUNT(DISTINCT `t1`.`account_id`) AS `accounts`,
            COUNT(DISTINCT `t1`.`organisation`) AS `organisations`,
            MIN(`t1`.`prompt_key`) AS `low`,
            MAX(`t1`.`prompt_key`) AS `high`
          FROM (
            SELECT
              *
            FROM `kept_1` AS `t0`
            WHERE
              `t0`.`opening_80` IS NOT NULL
          ) AS `t1`
          GROUP BY
            1
        ) AS `t5`
        WHERE
          `t5`.`accounts` >= 3 AND `t5`.`organisations` >= 3
      ) AS `t9`
      UNION ALL
      SELECT
        *
      FROM (
        SELECT
          `t6`.`frame`,
          `t6`.`requests`,
          `t6`.`accounts`,
          `t6`.`organisations`,
          `t6`.`low`,
          `t6`.`high`,
          'opening_32' AS `edge`
        FROM (
          SELECT
            `t2`.`opening_32` AS `frame`,
            COUNT(*) AS `requests`,
            COUNT(DISTINCT `t2`.`account_id`) AS `accounts`,
            COUNT(DISTINCT `t2`.`organisation`) AS `organisations`,
            MIN(`t2`.`prompt_key`) AS `low`,
            MAX(`t2`.`prompt_key`) AS `high`
          FROM (
            SELECT
              *
            FROM `kept_1` AS `t0`
            WHERE
              `t0`.`opening_32` IS NOT NULL
          ) AS `t2`
          GROUP BY
            1
        ) AS `t6`
        WHERE
          `t6`.`accounts` >= 3 AND `t6`.`organisations` >= 3
      ) AS `t10`
    ) AS `t13`
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        `t7`.`frame`,
        `t7`.`requests`,
        `t7`.`accounts`,
        `t7`.`organisations`,
        `t7`.`low`,
        `t7`.`high`,
        'closing_80' AS `edge`
      FROM (
        SELECT
          `t3`.`closing_80` AS `frame`,
          COUNT(*) AS `requests`,
          COUNT(DISTINCT `t3`.`account_id`) AS `accounts`,
          COUNT(DISTINCT `t3`.`organisation`) AS `organisations`,
          MIN(`t3`.`prompt_key`) AS `low`,
          MAX(`t3`.`prompt_key`) AS `high`
        FROM (
          SELECT
            *
          FROM `kept_1` AS `t0`
          WHERE
            `t0`.`closing_80` IS NOT NULL
        ) AS `t3`
        GROUP BY
          1
      ) AS `t7`
      WHERE
        `t7`.`accounts` >= 3 AND `t7`.`organisations` >= 3
    ) AS `t11`
  ) AS `t14`
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      `t8`.`frame`,
      `t8`.`requests`,
      `t8`.`accounts`,
      `t8`.`organisations`,
      `t8`.`low`,
      `t8`.`high`,
      'closing_32' AS `edge`
    FROM (
      SELECT
        `t4`.`closing_32` AS `frame`,
        COUNT(*) AS `requests`,
        COUNT(DISTINCT `t4`.`account_id`) AS `accounts`,
        COUNT(DISTINCT `t4`.`organisation`) AS `organisations`,
        MIN(`t4`.`prompt_key`) AS `low`,
        MAX(`t4`.`prompt_key`) AS `high`
      FROM (
        SELECT
          *
        FROM `kept_1` AS `t0`
        WHERE
          `t0`.`closing_32` IS NOT NULL
      ) AS `t4`
      GROUP BY
        1
    ) AS `t8`
    WHERE
      `t8`.`accounts` >= 3 AND `t8`.`organisations` >= 3
  ) AS `t12`
) AS `t15`
ORDER BY
  `t15`.`accounts` DESC,
  `t15`.`requests` DESC,
  `t15`.`frame` ASC NULLS LAST
LIMIT 50000;

SELECT DISTINCT
  *
FROM (
  SELECT
    *
  FROM (
    SELECT
      `t0`.`low` AS `key`
    FROM `kept_2` AS `t0`
  ) AS `t1`
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      `t0`.`high` AS `key`
    FROM `kept_2` AS `t0`
  ) AS `t2`
) AS `t3`;

SELECT
  CAST(`t12`.`key` AS STRING) AS `key`,
  SUBSTRING(`t12`.`text`, IF((
    0 + 1
  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t12`.`text`)), 1200) AS `start`,
  SUBSTRING(`t12`.`text`, -LEAST(LENGTH(`t12`.`text`), 80)) AS `end`,
  LENGTH(`t12`.`text`) AS `length`
FROM (
  SELECT
    `t11`.`key`,
    `t11`.`prompt`,
    IF(
      REGEXP_CONTAINS(`t11`.`text`, '^\\s') OR REGEXP_CONTAINS(`t11`.`text`, '\\s$'),
      REGEXP_REPLACE(`t11`.`text`, '^\\s+|\\s+$', ''),
      `t11`.`text`
    ) AS `text`
  FROM (
    SELECT
      `t10`.`key`,
      `t10`.`prompt`,
      IF(
        (
          INSTR(`t10`.`text`, '  ') > 0
        )
        OR (
          INSTR(`t10`.`text`, '\n') > 0
        )
        OR (
          INSTR(`t10`.`text`, '\r') > 0
        )
        OR (
          INSTR(`t10`.`text`, '\t') > 0
        )
        OR (
          INSTR(`t10`.`text`, '\f') > 0
        ),
        REGEXP_REPLACE(`t10`.`text`, '\\s\\s+|[\\n\\r\\t]', ' '),
        `t10`.`text`
      ) AS `text`
    FROM (
      SELECT
        `t9`.`key`,
        `t9`.`prompt`,
        REGEXP_REPLACE(
          IF(
            REGEXP_CONTAINS(`t9`.`text`, '[0-9][0-9a-z_-]{15}'),
            REGEXP_REPLACE(`t9`.`text`, '[0-9a-z_-]*[0-9][0-9a-z_-]{15,}', '⟨id⟩'),
            `t9`.`text`
          ),
          '[0-9]+([.,:/][0-9]+)*',
          '⟨n⟩'
        ) AS `text`
      FROM (
        SELECT
          `t8`.`key`,
          `t8`.`prompt`,
          IF(
            (
              INSTR(`t8`.`text`, '"') > 0
            )
            OR (
              INSTR(`t8`.`text`, '“') > 0
            )
            OR (
              INSTR(`t8`.`text`, '`') > 0
            ),
            REGEXP_REPLACE(`t8`.`text`, '\\"[^\\"]+\\"|“[^”]+”|`[^`]+`', '⟨text⟩'),
            `t8`.`text`
          ) AS `text`
        FROM (
          SELECT
            `t7`.`key`,
            `t7`.`prompt`,
            IF(
              INSTR(`t7`.`text`, '://') > 0,
              REGEXP_REPLACE(`t7`.`text`, 'https?://[^\\s\\"\'<>)]+', '⟨link⟩'),
              `t7`.`text`
            ) AS `text`
          FROM (
            SELECT
              `t6`.`key`,
              `t6`.`prompt`,
              LOWER(
                IF(
                  LENGTH(`t6`.`prompt`) > 4000,
                  CONCAT(
                    CONCAT(
                      SUBSTRING(`t6`.`prompt`, IF((
                        0 + 1
                      ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t6`.`prompt`)), 2000),
                      ' … '
                    ),
                    SUBSTRING(`t6`.`prompt`, -LEAST(LENGTH(`t6`.`prompt`), 2000))
                  ),
                  `t6`.`prompt`
                )
              ) AS `text`
            FROM (
              SELECT
                `t5`.`key`,
                MIN(`t5`.`prompt`) AS `prompt`
              FROM (
                SELECT
                  `t4`.`key`,
                  `t4`.`prompt`
                FROM (
                  SELECT
                    FARM_FINGERPRINT(`t0`.`prompt`) AS `key`,
                    `t0`.`prompt`
                  FROM `requests` AS `t0`
                ) AS `t4`
                INNER JOIN `kept_3` AS `t2`
                  ON `t4`.`key` = `t2`.`key`
              ) AS `t5`
              GROUP BY
                1
            ) AS `t6`
          ) AS `t7`
        ) AS `t8`
      ) AS `t9`
    ) AS `t10`
  ) AS `t11`
) AS `t12`;

SELECT
  CAST(`t0`.`frame` AS STRING) AS `frame`,
  `t0`.`requests`,
  `t0`.`accounts`,
  `t0`.`organisations`,
  CAST(`t0`.`low` AS STRING) AS `low`,
  CAST(`t0`.`high` AS STRING) AS `high`,
  `t0`.`edge`
FROM `kept_2` AS `t0`;

SELECT
  `t12`.`account_id`,
  `t12`.`organisation`,
  `t12`.`skeleton_key`,
  COUNT(*) AS `n`,
  MIN(`t12`.`at`) AS `first_at`,
  MAX(`t12`.`at`) AS `last_at`,
  MIN(`t12`.`known_opening_80`) AS `known_opening_80`,
  MIN(`t12`.`known_opening_32`) AS `known_opening_32`,
  MIN(`t12`.`known_closing_80`) AS `known_closing_80`,
  MIN(`t12`.`known_closing_32`) AS `known_closing_32`
FROM (
  SELECT
    *
  FROM (
    SELECT
      `t2`.`account_id`,
      `t2`.`organisation`,
      `t2`.`at`,
      `t2`.`prompt_key`,
      `t2`.`skeleton_key`,
      `t2`.`opening_80`,
      `t2`.`opening_32`,
      `t2`.`closing_80`,
      `t2`.`closing_32`,
      `t7`.`known_opening_80`,
      `t8`.`known_opening_32`,
      `t9`.`known_closing_80`,
      `t10`.`known_closing_32`
    FROM `kept_1` AS `t2`
    LEFT OUTER JOIN (
      SELECT
        `t1`.`frame` AS `known_opening_80`
      FROM `kept_2` AS `t1`
      WHERE
        `t1`.`edge` = 'opening_80'
    ) AS `t7`
      ON `t2`.`opening_80` = `t7`.`known_opening_80`
    LEFT OUTER JOIN (
      SELECT
        `t1`.`frame` AS `known_opening_32`
      FROM `kept_2` AS `t1`
      WHERE
        `t1`.`edge` = 'opening_32'
    ) AS `t8`
      ON `t2`.`opening_32` = `t8`.`known_opening_32`
    LEFT OUTER JOIN (
      SELECT
        `t1`.`frame` AS `known_closing_80`
      FROM `kept_2` AS `t1`
      WHERE
        `t1`.`edge` = 'closing_80'
    ) AS `t9`
      ON `t2`.`closing_80` = `t9`.`known_closing_80`
    LEFT OUTER JOIN (
      SELECT
        `t1`.`frame` AS `known_closing_32`
      FROM `kept_2` AS `t1`
      WHERE
        `t1`.`edge` = 'closing_32'
    ) AS `t10`
      ON `t2`.`closing_32` = `t10`.`known_closing_32`
  ) AS `t11`
  WHERE
    (
      `t11`.`known_opening_80` IS NOT NULL
    )
    OR (
      `t11`.`known_opening_32` IS NOT NULL
    )
    OR (
      `t11`.`known_closing_80` IS NOT NULL
    )
    OR (
      `t11`.`known_closing_32` IS NOT NULL
    )
) AS `t12`
GROUP BY
  1,
  2,
  3;

SELECT
  CAST(`t9`.`left` AS STRING) AS `Cast_left_string`,
  CAST(`t9`.`right` AS STRING) AS `Cast_right_string`,
  `t9`.`both`
FROM (
  SELECT
    `t8`.`left`,
    `t8`.`right`,
    `t8`.`both`,
    `t5`.`left_requests`,
    `t6`.`right_requests`
  FROM (
    SELECT
      `t4`.`known_opening_80` AS `left`,
      `t4`.`known_opening_32` AS `right`,
      SUM(`t4`.`n`) AS `both`
    FROM (
      SELECT
        *
      FROM `kept_4` AS `t0`
      WHERE
        `t0`.`known_opening_80` IS NOT NULL AND `t0`.`known_opening_32` IS NOT NULL
    ) AS `t4`
    GROUP BY
      1,
      2
  ) AS `t8`
  INNER JOIN (
    SELECT
      `t1`.`frame` AS `left`,
      `t1`.`requests` AS `left_requests`
    FROM `kept_2` AS `t1`
  ) AS `t5`
    ON `t8`.`left` = `t5`.`left`
  INNER JOIN (
    SELECT
      `t1`.`frame` AS `right`,
      `t1`.`requests` AS `right_requests`
    FROM `kept_2` AS `t1`
  ) AS `t6`
    ON `t8`.`right` = `t6`.`right`
) AS `t9`
WHERE
  `t9`.`both` >= (
    (
      (
        `t9`.`left_requests` + `t9`.`right_requests`
      ) - `t9`.`both`
    ) * 0.5
  );

SELECT
  CAST(`t9`.`left` AS STRING) AS `Cast_left_string`,
  CAST(`t9`.`right` AS STRING) AS `Cast_right_string`,
  `t9`.`both`
FROM (
  SELECT
    `t8`.`left`,
    `t8`.`right`,
    `t8`.`both`,
    `t5`.`left_requests`,
    `t6`.`right_requests`
  FROM (
    SELECT
      `t4`.`known_opening_80` AS `left`,
      `t4`.`known_closing_80` AS `right`,
      SUM(`t4`.`n`) AS `both`
    FROM (
      SELECT
        *
      FROM `kept_4` AS `t0`
      WHERE
        `t0`.`known_opening_80` IS NOT NULL AND `t0`.`known_closing_80` IS NOT NULL
    ) AS `t4`
    GROUP BY
      1,
      2
  ) AS `t8`
  INNER JOIN (
    SELECT
      `t1`.`frame` AS `left`,
      `t1`.`requests` AS `left_requests`
    FROM `kept_2` AS `t1`
  ) AS `t5`
    ON `t8`.`left` = `t5`.`left`
  INNER JOIN (
    SELECT
      `t1`.`frame` AS `right`,
      `t1`.`requests` AS `right_requests`
    FROM `kept_2` AS `t1`
  ) AS `t6`
    ON `t8`.`right` = `t6`.`right`
) AS `t9`
WHERE
  `t9`.`both` >= (
    (
      (
        `t9`.`left_requests` + `t9`.`right_requests`
      ) - `t9`.`both`
    ) * 0.5
  );

SELECT
  CAST(`t9`.`left` AS STRING) AS `Cast_left_string`,
  CAST(`t9`.`right` AS STRING) AS `Cast_right_string`,
  `t9`.`both`
FROM (
  SELECT
    `t8`.`left`,
    `t8`.`right`,
    `t8`.`both`,
    `t5`.`left_requests`,
    `t6`.`right_requests`
  FROM (
    SELECT
      `t4`.`known_opening_80` AS `left`,
      `t4`.`known_closing_32` AS `right`,
      SUM(`t4`.`n`) AS `both`
    FROM (
      SELECT
        *
      FROM `kept_4` AS `t0`
      WHERE
        `t0`.`known_opening_80` IS NOT NULL AND `t0`.`known_closing_32` IS NOT NULL
    ) AS `t4`
    GROUP BY
      1,
      2
  ) AS `t8`
  INNER JOIN (
    SELECT
      `t1`.`frame` AS `left`,
      `t1`.`requests` AS `left_requests`
    FROM `kept_2` AS `t1`
  ) AS `t5`
    ON `t8`.`left` = `t5`.`left`
  INNER JOIN (
    SELECT
      `t1`.`frame` AS `right`,
      `t1`.`requests` AS `right_requests`
    FROM `kept_2` AS `t1`
  ) AS `t6`
    ON `t8`.`right` = `t6`.`right`
) AS `t9`
WHERE
  `t9`.`both` >= (
    (
      (
        `t9`.`left_requests` + `t9`.`right_requests`
      ) - `t9`.`both`
    ) * 0.5
  );

SELECT
  CAST(`t9`.`left` AS STRING) AS `Cast_left_string`,
  CAST(`t9`.`right` AS STRING) AS `Cast_right_string`,
  `t9`.`both`
FROM (
  SELECT
    `t8`.`left`,
    `t8`.`right`,
    `t8`.`both`,
    `t5`.`left_requests`,
    `t6`.`right_requests`
  FROM (
    SELECT
      `t4`.`known_opening_32` AS `left`,
      `t4`.`known_closing_80` AS `right`,
      SUM(`t4`.`n`) AS `both`
    FROM (
      SELECT
        *
      FROM `kept_4` AS `t0`
      WHERE
        `t0`.`known_opening_32` IS NOT NULL AND `t0`.`known_closing_80` IS NOT NULL
    ) AS `t4`
    GROUP BY
      1,
      2
  ) AS `t8`
  INNER JOIN (
    SELECT
      `t1`.`frame` AS `left`,
      `t1`.`requests` AS `left_requests`
    FROM `kept_2` AS `t1`
  ) AS `t5`
    ON `t8`.`left` = `t5`.`left`
  INNER JOIN (
    SELECT
      `t1`.`frame` AS `right`,
      `t1`.`requests` AS `right_requests`
    FROM `kept_2` AS `t1`
  ) AS `t6`
    ON `t8`.`right` = `t6`.`right`
) AS `t9`
WHERE
  `t9`.`both` >= (
    (
      (
        `t9`.`left_requests` + `t9`.`right_requests`
      ) - `t9`.`both`
    ) * 0.5
  );

SELECT
  CAST(`t9`.`left` AS STRING) AS `Cast_left_string`,
  CAST(`t9`.`right` AS STRING) AS `Cast_right_string`,
  `t9`.`both`
FROM (
  SELECT
    `t8`.`left`,
    `t8`.`right`,
    `t8`.`both`,
    `t5`.`left_requests`,
    `t6`.`right_requests`
  FROM (
    SELECT
      `t4`.`known_opening_32` AS `left`,
      `t4`.`known_closing_32` AS `right`,
      SUM(`t4`.`n`) AS `both`
    FROM (
      SELECT
        *
      FROM `kept_4` AS `t0`
      WHERE
        `t0`.`known_opening_32` IS NOT NULL AND `t0`.`known_closing_32` IS NOT NULL
    ) AS `t4`
    GROUP BY
      1,
      2
  ) AS `t8`
  INNER JOIN (
    SELECT
      `t1`.`frame` AS `left`,
      `t1`.`requests` AS `left_requests`
    FROM `kept_2` AS `t1`
  ) AS `t5`
    ON `t8`.`left` = `t5`.`left`
  INNER JOIN (
    SELECT
      `t1`.`frame` AS `right`,
      `t1`.`requests` AS `right_requests`
    FROM `kept_2` AS `t1`
  ) AS `t6`
    ON `t8`.`right` = `t6`.`right`
) AS `t9`
WHERE
  `t9`.`both` >= (
    (
      (
        `t9`.`left_requests` + `t9`.`right_requests`
      ) - `t9`.`both`
    ) * 0.5
  );

SELECT
  CAST(`t9`.`left` AS STRING) AS `Cast_left_string`,
  CAST(`t9`.`right` AS STRING) AS `Cast_right_string`,
  `t9`.`both`
FROM (
  SELECT
    `t8`.`left`,
    `t8`.`right`,
    `t8`.`both`,
    `t5`.`left_requests`,
    `t6`.`right_requests`
  FROM (
    SELECT
      `t4`.`known_closing_80` AS `left`,
      `t4`.`known_closing_32` AS `right`,
      SUM(`t4`.`n`) AS `both`
    FROM (
      SELECT
        *
      FROM `kept_4` AS `t0`
      WHERE
        `t0`.`known_closing_80` IS NOT NULL AND `t0`.`known_closing_32` IS NOT NULL
    ) AS `t4`
    GROUP BY
      1,
      2
  ) AS `t8`
  INNER JOIN (
    SELECT
      `t1`.`frame` AS `left`,
      `t1`.`requests` AS `left_requests`
    FROM `kept_2` AS `t1`
  ) AS `t5`
    ON `t8`.`left` = `t5`.`left`
  INNER JOIN (
    SELECT
      `t1`.`frame` AS `right`,
      `t1`.`requests` AS `right_requests`
    FROM `kept_2` AS `t1`
  ) AS `t6`
    ON `t8`.`right` = `t6`.`right`
) AS `t9`
WHERE
  `t9`.`both` >= (
    (
      (
        `t9`.`left_requests` + `t9`.`right_requests`
      ) - `t9`.`both`
    ) * 0.5
  );

WITH `t11` AS (
  SELECT
    `t2`.`account_id`,
    `t2`.`organisation`,
    `t2`.`n`,
    `t2`.`first_at`,
    `t2`.`last_at`,
    `t7`.`known_opening_80_template`,
    `t8`.`known_opening_32_template`,
    `t9`.`known_closing_80_template`,
    `t10`.`known_closing_32_template`
  FROM `kept_4` AS `t2`
  LEFT OUTER JOIN (
    SELECT
      `t1`.`frame` AS `known_opening_80_frame`,
      `t1`.`template` AS `known_opening_80_template`
    FROM `given_1` AS `t1`
  ) AS `t7`
    ON `t2`.`known_opening_80` = `t7`.`known_opening_80_frame`
  LEFT OUTER JOIN (
    SELECT
      `t1`.`frame` AS `known_opening_32_frame`,
      `t1`.`template` AS `known_opening_32_template`
    FROM `given_1` AS `t1`
  ) AS `t8`
    ON `t2`.`known_opening_32` = `t8`.`known_opening_32_frame`
  LEFT OUTER JOIN (
    SELECT
      `t1`.`frame` AS `known_closing_80_frame`,
      `t1`.`template` AS `known_closing_80_template`
    FROM `given_1` AS `t1`
  ) AS `t9`
    ON `t2`.`known_closing_80` = `t9`.`known_closing_80_frame`
  LEFT OUTER JOIN (
    SELECT
      `t1`.`frame` AS `known_closing_32_frame`,
      `t1`.`template` AS `known_closing_32_template`
    FROM `given_1` AS `t1`
  ) AS `t10`
    ON `t2`.`known_closing_32` = `t10`.`known_closing_32_frame`
)
SELECT
  *
FROM (
  SELECT
    `t19`.`account_id`,
    `t19`.`organisation`,
    `t19`.`template`,
    SUM(`t19`.`n`) AS `count`,
    COUNT(*) AS `distinct`,
    SUM(`t19`.`n` * LN(CAST(`t19`.`n` AS FLOAT64))) AS `n_log_n`,
    MIN(`t19`.`first_at`) AS `first_at`,
    MAX(`t19`.`last_at`) AS `last_at`
  FROM (
    SELECT
      *
    FROM (
      SELECT
        *
      FROM (
        SELECT
          *
        FROM (
          SELECT
            `t12`.`account_id`,
            `t12`.`organisation`,
            `t12`.`n`,
            `t12`.`first_at`,
            `t12`.`last_at`,
            `t12`.`known_opening_80_template` AS `template`
          FROM `t11` AS `t12`
          WHERE
            `t12`.`known_opening_80_template` IS NOT NULL
        ) AS `t13`
        UNION ALL
        SELECT
          *
        FROM (
          SELECT
            `t12`.`account_id`,
            `t12`.`organisation`,
            `t12`.`n`,
            `t12`.`first_at`,
            `t12`.`last_at`,
            `t12`.`known_opening_32_template` AS `template`
          FROM `t11` AS `t12`
          WHERE
            `t12`.`known_opening_32_template` IS NOT NULL
            AND COALESCE(`t12`.`known_opening_80_template`, -1) <> `t12`.`known_opening_32_template`
        ) AS `t14`
      ) AS `t17`
      UNION ALL
      SELECT
        *
      FROM (
        SELECT
          `t12`.`account_id`,
          `t12`.`organisation`,
          `t12`.`n`,
          `t12`.`first_at`,
          `t12`.`last_at`,
          `t12`.`known_closing_80_template` AS `template`
        FROM `t11` AS `t12`
        WHERE
          `t12`.`known_closing_80_template` IS NOT NULL
          AND COALESCE(`t12`.`known_opening_80_template`, -1) <> `t12`.`known_closing_80_template`
          AND COALESCE(`t12`.`known_opening_32_template`, -1) <> `t12`.`known_closing_80_template`
      ) AS `t16`
    ) AS `t18`
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        `t12`.`account_id`,
        `t12`.`organisation`,
        `t12`.`n`,
        `t12`.`first_at`,
        `t12`.`last_at`,
        `t12`.`known_closing_32_template` AS `template`
      FROM `t11` AS `t12`
      WHERE
        `t12`.`known_closing_32_template` IS NOT NULL
        AND COALESCE(`t12`.`known_opening_80_template`, -1) <> `t12`.`known_closing_32_template`
        AND COALESCE(`t12`.`known_opening_32_template`, -1) <> `t12`.`known_closing_32_template`
        AND COALESCE(`t12`.`known_closing_80_template`, -1) <> `t12`.`known_closing_32_template`
    ) AS `t15`
  ) AS `t19`
  GROUP BY
    1,
    2,
    3
) AS `t20`
ORDER BY
  `t20`.`account_id` ASC NULLS LAST,
  `t20`.`organisation` ASC NULLS LAST,
  `t20`.`template` ASC NULLS LAST;

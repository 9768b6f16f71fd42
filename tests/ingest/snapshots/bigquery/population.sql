SELECT
  `t3`.`account_id`,
  `t3`.`organisation`,
  `t3`.`party`,
  `t3`.`plan`,
  `t3`.`created_at`,
  `t3`.`first_at`,
  `t3`.`last_at`,
  `t3`.`requests`,
  `t3`.`active_days`,
  `t3`.`addresses`,
  `t5`.`active_hours`,
  `t5`.`busiest_hour`
FROM (
  SELECT
    `t0`.`account_id`,
    MAX(`t0`.`organisation`) AS `organisation`,
    MAX(COALESCE(`t0`.`organisation`, `t0`.`account_id`)) AS `party`,
    MAX(`t0`.`plan`) AS `plan`,
    MIN(`t0`.`account_created_at`) AS `created_at`,
    MIN(`t0`.`at`) AS `first_at`,
    MAX(`t0`.`at`) AS `last_at`,
    COUNT(*) AS `requests`,
    COUNT(DISTINCT TIMESTAMP_TRUNC(`t0`.`at`, DAY)) AS `active_days`,
    COUNT(DISTINCT `t0`.`ip`) AS `addresses`
  FROM `requests` AS `t0`
  GROUP BY
    1
) AS `t3`
INNER JOIN (
  SELECT
    `t1`.`account_id`,
    COUNT(*) AS `active_hours`,
    MAX(`t1`.`n`) AS `busiest_hour`
  FROM (
    SELECT
      `t0`.`account_id`,
      TIMESTAMP_TRUNC(`t0`.`at`, HOUR) AS `hour`,
      COUNT(*) AS `n`
    FROM `requests` AS `t0`
    GROUP BY
      1,
      2
  ) AS `t1`
  GROUP BY
    1
) AS `t5`
  ON `t3`.`account_id` = `t5`.`account_id`;

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
          *
        FROM (
          SELECT
            *
          FROM (
            SELECT
              *
            FROM (
              SELECT
                `t6`.`account_id`,
                `t6`.`kind`,
                `t6`.`value`,
                MAX(`t6`.`organisation`) AS `organisation`,
                MIN(`t6`.`at`) AS `first_at`,
                MAX(`t6`.`at`) AS `last_at`,
                COUNT(*) AS `count`
              FROM (
                SELECT
                  `t0`.`account_id`,
                  COALESCE(`t0`.`organisation`, `t0`.`account_id`) AS `organisation`,
                  'ip' AS `kind`,
                  LOWER(`t0`.`ip`) AS `value`,
                  `t0`.`at`
                FROM `requests` AS `t0`
                WHERE
                  LOWER(`t0`.`ip`) IS NOT NULL
              ) AS `t6`
              GROUP BY
                1,
                2,
                3
            ) AS `t13`
            UNION ALL
            SELECT
              *
            FROM (
              SELECT
                `t7`.`account_id`,
                `t7`.`kind`,
                `t7`.`value`,
                MAX(`t7`.`organisation`) AS `organisation`,
                MIN(`t7`.`at`) AS `first_at`,
                MAX(`t7`.`at`) AS `last_at`,
                COUNT(*) AS `count`
              FROM (
                SELECT
                  `t0`.`account_id`,
                  COALESCE(`t0`.`organisation`, `t0`.`account_id`) AS `organisation`,
                  'asn' AS `kind`,
                  REGEXP_REPLACE(UPPER(`t0`.`asn`), '^AS\\s*', '') AS `value`,
                  `t0`.`at`
                FROM `requests` AS `t0`
                WHERE
                  REGEXP_REPLACE(UPPER(`t0`.`asn`), '^AS\\s*', '') IS NOT NULL
              ) AS `t7`
              GROUP BY
                1,
                2,
                3
            ) AS `t14`
          ) AS `t15`
          UNION ALL
          SELECT
            *
          FROM (
            SELECT
              `t4`.`account_id`,
              `t4`.`kind`,
              `t4`.`value`,
              MAX(`t4`.`organisation`) AS `organisation`,
              MIN(`t4`.`at`) AS `first_at`,
              MAX(`t4`.`at`) AS `last_at`,
              COUNT(*) AS `count`
            FROM (
              SELECT
                `t0`.`account_id`,
                COALESCE(`t0`.`organisation`, `t0`.`account_id`) AS `organisation`,
                'payment' AS `kind`,
                `t0`.`payment` AS `value`,
                `t0`.`at`
              FROM `requests` AS `t0`
              WHERE
                `t0`.`payment` IS NOT NULL
            ) AS `t4`
            GROUP BY
              1,
              2,
              3
          ) AS `t11`
        ) AS `t16`
        UNION ALL
        SELECT
          *
        FROM (
          SELECT
            `t3`.`account_id`,
            `t3`.`kind`,
            `t3`.`value`,
            MAX(`t3`.`organisation`) AS `organisation`,
            MIN(`t3`.`at`) AS `first_at`,
            MAX(`t3`.`at`) AS `last_at`,
            COUNT(*) AS `count`
          FROM (
            SELECT
              `t0`.`account_id`,
              COALESCE(`t0`.`organisation`, `t0`.`account_id`) AS `organisation`,
              'user_agent' AS `kind`,
              `t0`.`user_agent` AS `value`,
              `t0`.`at`
            FROM `requests` AS `t0`
            WHERE
              `t0`.`user_agent` IS NOT NULL
          ) AS `t3`
          GROUP BY
            1,
            2,
            3
        ) AS `t10`
      ) AS `t17`
      UNION ALL
      SELECT
        *
      FROM (
        SELECT
          `t5`.`account_id`,
          `t5`.`kind`,
          `t5`.`value`,
          MAX(`t5`.`organisation`) AS `organisation`,
          MIN(`t5`.`at`) AS `first_at`,
          MAX(`t5`.`at`) AS `last_at`,
          COUNT(*) AS `count`
        FROM (
          SELECT
            `t0`.`account_id`,
            COALESCE(`t0`.`organisation`, `t0`.`account_id`) AS `organisation`,
            'email_domain' AS `kind`,
            LOWER(`t0`.`email_domain`) AS `value`,
            `t0`.`at`
          FROM `requests` AS `t0`
          WHERE
            LOWER(`t0`.`email_domain`) IS NOT NULL
        ) AS `t5`
        GROUP BY
          1,
          2,
          3
      ) AS `t12`
    ) AS `t19`
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        `t2`.`account_id`,
        `t2`.`kind`,
        `t2`.`value`,
        MAX(`t2`.`organisation`) AS `organisation`,
        MIN(`t2`.`at`) AS `first_at`,
        MAX(`t2`.`at`) AS `last_at`,
        COUNT(*) AS `count`
      FROM (
        SELECT
          `t0`.`account_id`,
          COALESCE(`t0`.`organisation`, `t0`.`account_id`) AS `organisation`,
          'registration' AS `kind`,
          `t0`.`registration` AS `value`,
          `t0`.`at`
        FROM `requests` AS `t0`
        WHERE
          `t0`.`registration` IS NOT NULL
      ) AS `t2`
      GROUP BY
        1,
        2,
        3
    ) AS `t9`
  ) AS `t20`
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      `t1`.`account_id`,
      `t1`.`kind`,
      `t1`.`value`,
      MAX(`t1`.`organisation`) AS `organisation`,
      MIN(`t1`.`at`) AS `first_at`,
      MAX(`t1`.`at`) AS `last_at`,
      COUNT(*) AS `count`
    FROM (
      SELECT
        `t0`.`account_id`,
        COALESCE(`t0`.`organisation`, `t0`.`account_id`) AS `organisation`,
        'device' AS `kind`,
        `t0`.`device` AS `value`,
        `t0`.`at`
      FROM `requests` AS `t0`
      WHERE
        `t0`.`device` IS NOT NULL
    ) AS `t1`
    GROUP BY
      1,
      2,
      3
  ) AS `t8`
) AS `t21`
UNION ALL
SELECT
  *
FROM (
  SELECT
    `t22`.`account_id`,
    `t22`.`kind`,
    `t22`.`value`,
    MAX(`t22`.`organisation`) AS `organisation`,
    MIN(`t22`.`at`) AS `first_at`,
    MAX(`t22`.`at`) AS `last_at`,
    COUNT(*) AS `count`
  FROM (
    SELECT
      *
    FROM (
      SELECT
        `t0`.`account_id`,
        COALESCE(`t0`.`organisation`, `t0`.`account_id`) AS `organisation`,
        'ip_prefix' AS `kind`,
        CASE
          WHEN LENGTH(
            IF(
              REGEXP_CONTAINS(LOWER(`t0`.`ip`), '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$'),
              IF(
                1 = 0,
                REGEXP_REPLACE(
                  LOWER(`t0`.`ip`),
                  CONCAT(
                    '.*?',
                    CONCAT('(', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', ')'),
                    '.*'
                  ),
                  '\\1'
                ),
                REGEXP_REPLACE(
                  LOWER(`t0`.`ip`),
                  CONCAT('.*?', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', '.*'),
                  CONCAT('\\', CAST(1 AS STRING))
                )
              ),
              NULL
            )
          ) > 0
          THEN CONCAT(
            IF(
              REGEXP_CONTAINS(LOWER(`t0`.`ip`), '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$'),
              IF(
                1 = 0,
                REGEXP_REPLACE(
                  LOWER(`t0`.`ip`),
                  CONCAT(
                    '.*?',
                    CONCAT('(', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', ')'),
                    '.*'
                  ),
                  '\\1'
                ),
                REGEXP_REPLACE(
                  LOWER(`t0`.`ip`),
                  CONCAT('.*?', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', '.*'),
                  CONCAT('\\', CAST(1 AS STRING))
                )
              ),
              NULL
            ),
            '.0/24'
          )
          WHEN (
            INSTR(LOWER(`t0`.`ip`), ':') > 0
          )
          AND (
            NOT (
              INSTR(LOWER(`t0`.`ip`), '::') > 0
            )
            OR (
              (
                LENGTH(
                  IF(
                    REGEXP_CONTAINS(LOWER(`t0`.`ip`), '::([0-9a-f:]*)$'),
                    IF(
                      1 = 0,
                      REGEXP_REPLACE(LOWER(`t0`.`ip`), CONCAT('.*?', CONCAT('(', '::([0-9a-f:]*)$', ')'), '.*'), '\\1'),
                      REGEXP_REPLACE(
                        LOWER(`t0`.`ip`),
                        CONCAT('.*?', '::([0-9a-f:]*)$', '.*'),
                        CONCAT('\\', CAST(1 AS STRING))
                      )
                    ),
                    NULL
                  )
                ) - LENGTH(
                  REPLACE(
                    IF(
                      REGEXP_CONTAINS(LOWER(`t0`.`ip`), '::([0-9a-f:]*)$'),
                      IF(
                        1 = 0,
                        REGEXP_REPLACE(LOWER(`t0`.`ip`), CONCAT('.*?', CONCAT('(', '::([0-9a-f:]*)$', ')'), '.*'), '\\1'),
                        REGEXP_REPLACE(
                          LOWER(`t0`.`ip`),
                          CONCAT('.*?', '::([0-9a-f:]*)$', '.*'),
                          CONCAT('\\', CAST(1 AS STRING))
                        )
                      ),
                      NULL
                    ),
                    ':',
                    ''
                  )
                )
              ) < 4
            )
          )
          AND (
            LENGTH(
              IF(
                REGEXP_CONTAINS(
                  IF(
                    INSTR(LOWER(`t0`.`ip`), '::') > 0,
                    CONCAT(
                      IF(
                        REGEXP_CONTAINS(LOWER(`t0`.`ip`), '^([0-9a-f:]*[0-9a-f])::'),
                        IF(
                          1 = 0,
                          REGEXP_REPLACE(
                            LOWER(`t0`.`ip`),
                            CONCAT('.*?', CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'), '.*'),
                            '\\1'
                          ),
                          REGEXP_REPLACE(
                            LOWER(`t0`.`ip`),
                            CONCAT('.*?', '^([0-9a-f:]*[0-9a-f])::', '.*'),
                            CONCAT('\\', CAST(1 AS STRING))
                          )
                        ),
                        NULL
                      ),
                      ':0:0:0:0'
                    ),
                    LOWER(`t0`.`ip`)
                  ),
                  '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})'
                ),
                IF(
                  1 = 0,
                  REGEXP_REPLACE(
                    IF(
                      INSTR(LOWER(`t0`.`ip`), '::') > 0,
                      CONCAT(
                        IF(
                          REGEXP_CONTAINS(LOWER(`t0`.`ip`), '^([0-9a-f:]*[0-9a-f])::'),
                          IF(
                            1 = 0,
                            REGEXP_REPLACE(
                              LOWER(`t0`.`ip`),
                              CONCAT('.*?', CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'), '.*'),
                              '\\1'
                            ),
                            REGEXP_REPLACE(
                              LOWER(`t0`.`ip`),
                              CONCAT('.*?', '^([0-9a-f:]*[0-9a-f])::', '.*'),
                              CONCAT('\\', CAST(1 AS STRING))
                            )
                          ),
                          NULL
                        ),
                        ':0:0:0:0'
                      ),
                      LOWER(`t0`.`ip`)
                    ),
                    CONCAT(
                      '.*?',
                      CONCAT('(', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', ')'),
                      '.*'
                    ),
                    '\\1'
                  ),
                  REGEXP_REPLACE(
                    IF(
                      INSTR(LOWER(`t0`.`ip`), '::') > 0,
                      CONCAT(
                        IF(
                          REGEXP_CONTAINS(LOWER(`t0`.`ip`), '^([0-9a-f:]*[0-9a-f])::'),
                          IF(
                            1 = 0,
                            REGEXP_REPLACE(
                              LOWER(`t0`.`ip`),
                              CONCAT('.*?', CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'), '.*'),
                              '\\1'
                            ),
                            REGEXP_REPLACE(
                              LOWER(`t0`.`ip`),
                              CONCAT('.*?', '^([0-9a-f:]*[0-9a-f])::', '.*'),
                              CONCAT('\\', CAST(1 AS STRING))
                            )
                          ),
                          NULL
                        ),
                        ':0:0:0:0'
                      ),
                      LOWER(`t0`.`ip`)
                    ),
                    CONCAT('.*?', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', '.*'),
                    CONCAT('\\', CAST(1 AS STRING))
                  )
                ),
                NULL
              )
            ) > 0
          )
          THEN CONCAT(
            IF(
              REGEXP_CONTAINS(
                IF(
                  INSTR(LOWER(`t0`.`ip`), '::') > 0,
                  CONCAT(
                    IF(
                      REGEXP_CONTAINS(LOWER(`t0`.`ip`), '^([0-9a-f:]*[0-9a-f])::'),
                      IF(
                        1 = 0,
                        REGEXP_REPLACE(
                          LOWER(`t0`.`ip`),
                          CONCAT('.*?', CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'), '.*'),
                          '\\1'
                        ),
                        REGEXP_REPLACE(
                          LOWER(`t0`.`ip`),
                          CONCAT('.*?', '^([0-9a-f:]*[0-9a-f])::', '.*'),
                          CONCAT('\\', CAST(1 AS STRING))
                        )
                      ),
                      NULL
                    ),
                    ':0:0:0:0'
                  ),
                  LOWER(`t0`.`ip`)
                ),
                '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})'
              ),
              IF(
                1 = 0,
                REGEXP_REPLACE(
                  IF(
                    INSTR(LOWER(`t0`.`ip`), '::') > 0,
                    CONCAT(
                      IF(
                        REGEXP_CONTAINS(LOWER(`t0`.`ip`), '^([0-9a-f:]*[0-9a-f])::'),
                        IF(
                          1 = 0,
                          REGEXP_REPLACE(
                            LOWER(`t0`.`ip`),
                            CONCAT('.*?', CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'), '.*'),
                            '\\1'
                          ),
                          REGEXP_REPLACE(
                            LOWER(`t0`.`ip`),
                            CONCAT('.*?', '^([0-9a-f:]*[0-9a-f])::', '.*'),
                            CONCAT('\\', CAST(1 AS STRING))
                          )
                        ),
                        NULL
                      ),
                      ':0:0:0:0'
                    ),
                    LOWER(`t0`.`ip`)
                  ),
                  CONCAT(
                    '.*?',
                    CONCAT('(', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', ')'),
                    '.*'
                  ),
                  '\\1'
                ),
                REGEXP_REPLACE(
                  IF(
                    INSTR(LOWER(`t0`.`ip`), '::') > 0,
                    CONCAT(
                      IF(
                        REGEXP_CONTAINS(LOWER(`t0`.`ip`), '^([0-9a-f:]*[0-9a-f])::'),
                        IF(
                          1 = 0,
                          REGEXP_REPLACE(
                            LOWER(`t0`.`ip`),
                            CONCAT('.*?', CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'), '.*'),
                            '\\1'
                          ),
                          REGEXP_REPLACE(
                            LOWER(`t0`.`ip`),
                            CONCAT('.*?', '^([0-9a-f:]*[0-9a-f])::', '.*'),
                            CONCAT('\\', CAST(1 AS STRING))
                          )
                        ),
                        NULL
                      ),
                      ':0:0:0:0'
                    ),
                    LOWER(`t0`.`ip`)
                  ),
                  CONCAT('.*?', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', '.*'),
                  CONCAT('\\', CAST(1 AS STRING))
                )
              ),
              NULL
            ),
            '::/64'
          )
          ELSE CAST(NULL AS STRING)
        END AS `value`,
        `t0`.`at`
      FROM `requests` AS `t0`
    ) AS `t18`
    WHERE
      `t18`.`value` IS NOT NULL
  ) AS `t22`
  GROUP BY
    1,
    2,
    3
) AS `t23`;

SELECT
  *
FROM (
  SELECT
    `t0`.`kind`,
    `t0`.`value`,
    COUNT(DISTINCT `t0`.`account_id`) AS `accounts`,
    COUNT(DISTINCT `t0`.`organisation`) AS `organisations`
  FROM `kept_1` AS `t0`
  GROUP BY
    1,
    2
) AS `t1`
WHERE
  `t1`.`accounts` >= 2;

SELECT
  *
FROM (
  SELECT
    `t1`.`kind`,
    `t1`.`value`,
    COUNT(DISTINCT `t1`.`account_id`) AS `accounts`,
    COUNT(DISTINCT `t1`.`organisation`) AS `parties`
  FROM (
    SELECT
      *
    FROM `kept_1` AS `t0`
    WHERE
      `t0`.`kind` IN ('ip', 'ip_prefix', 'payment', 'email_domain', 'registration')
  ) AS `t1`
  GROUP BY
    1,
    2
) AS `t2`
WHERE
  `t2`.`parties` >= 5;

SELECT
  `t6`.*
  EXCEPT (`account_id_right`)
FROM (
  SELECT
    `t5`.`account_id`,
    `t5`.`created`,
    `t4`.`account_id` AS `account_id_right`,
    `t4`.`networks`,
    `t4`.`mail`
  FROM (
    SELECT
      `t0`.`account_id`,
      CAST(UNIX_SECONDS(MIN(`t0`.`account_created_at`)) AS INT64) AS `created`
    FROM `requests` AS `t0`
    GROUP BY
      1
  ) AS `t5`
  LEFT OUTER JOIN (
    SELECT
      `t1`.`account_id`,
      COUNT(DISTINCT IF(`t1`.`kind` = 'asn', `t1`.`value`, NULL)) AS `networks`,
      MAX(IF(`t1`.`kind` = 'email_domain', `t1`.`value`, NULL)) AS `mail`
    FROM `kept_1` AS `t1`
    GROUP BY
      1
  ) AS `t4`
    ON `t5`.`account_id` = `t4`.`account_id`
) AS `t6`;

SELECT
  MOD(
    CAST(FLOOR(
      ieee_divide(CAST(UNIX_SECONDS(TIMESTAMP_TRUNC(`t0`.`at`, SECOND)) AS INT64), 3600)
    ) AS INT64),
    24
  ) AS `of_day`,
  `t0`.`user_agent` AS `agent`,
  LOWER(`t0`.`ip`) AS `ip`,
  `t0`.`payment`,
  LOWER(`t0`.`email_domain`) AS `email_domain`,
  `t0`.`registration`,
  CASE
    WHEN LENGTH(
      IF(
        REGEXP_CONTAINS(LOWER(`t0`.`ip`), '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$'),
        IF(
          1 = 0,
          REGEXP_REPLACE(
            LOWER(`t0`.`ip`),
            CONCAT(
              '.*?',
              CONCAT('(', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', ')'),
              '.*'
            ),
            '\\1'
          ),
          REGEXP_REPLACE(
            LOWER(`t0`.`ip`),
            CONCAT('.*?', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', '.*'),
            CONCAT('\\', CAST(1 AS STRING))
          )
        ),
        NULL
      )
    ) > 0
    THEN CONCAT(
      IF(
        REGEXP_CONTAINS(LOWER(`t0`.`ip`), '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$'),
        IF(
          1 = 0,
          REGEXP_REPLACE(
            LOWER(`t0`.`ip`),
            CONCAT(
              '.*?',
              CONCAT('(', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', ')'),
              '.*'
            ),
            '\\1'
          ),
          REGEXP_REPLACE(
            LOWER(`t0`.`ip`),
            CONCAT('.*?', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', '.*'),
            CONCAT('\\', CAST(1 AS STRING))
          )
        ),
        NULL
      ),
      '.0/24'
    )
    WHEN (
      INSTR(LOWER(`t0`.`ip`), ':') > 0
    )
    AND (
      NOT (
        INSTR(LOWER(`t0`.`ip`), '::') > 0
      )
      OR (
        (
          LENGTH(
            IF(
              REGEXP_CONTAINS(LOWER(`t0`.`ip`), '::([0-9a-f:]*)$'),
              IF(
                1 = 0,
                REGEXP_REPLACE(LOWER(`t0`.`ip`), CONCAT('.*?', CONCAT('(', '::([0-9a-f:]*)$', ')'), '.*'), '\\1'),
                REGEXP_REPLACE(
                  LOWER(`t0`.`ip`),
                  CONCAT('.*?', '::([0-9a-f:]*)$', '.*'),
                  CONCAT('\\', CAST(1 AS STRING))
                )
              ),
              NULL
            )
          ) - LENGTH(
            REPLACE(
              IF(
                REGEXP_CONTAINS(LOWER(`t0`.`ip`), '::([0-9a-f:]*)$'),
                IF(
                  1 = 0,
                  REGEXP_REPLACE(LOWER(`t0`.`ip`), CONCAT('.*?', CONCAT('(', '::([0-9a-f:]*)$', ')'), '.*'), '\\1'),
                  REGEXP_REPLACE(
                    LOWER(`t0`.`ip`),
                    CONCAT('.*?', '::([0-9a-f:]*)$', '.*'),
                    CONCAT('\\', CAST(1 AS STRING))
                  )
                ),
                NULL
              ),
              ':',
              ''
            )
          )
        ) < 4
      )
    )
    AND (
      LENGTH(
        IF(
          REGEXP_CONTAINS(
            IF(
              INSTR(LOWER(`t0`.`ip`), '::') > 0,
              CONCAT(
                IF(
                  REGEXP_CONTAINS(LOWER(`t0`.`ip`), '^([0-9a-f:]*[0-9a-f])::'),
                  IF(
                    1 = 0,
                    REGEXP_REPLACE(
                      LOWER(`t0`.`ip`),
                      CONCAT('.*?', CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'), '.*'),
                      '\\1'
                    ),
                    REGEXP_REPLACE(
                      LOWER(`t0`.`ip`),
                      CONCAT('.*?', '^([0-9a-f:]*[0-9a-f])::', '.*'),
                      CONCAT('\\', CAST(1 AS STRING))
                    )
                  ),
                  NULL
                ),
                ':0:0:0:0'
              ),
              LOWER(`t0`.`ip`)
            ),
            '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})'
          ),
          IF(
            1 = 0,
            REGEXP_REPLACE(
              IF(
                INSTR(LOWER(`t0`.`ip`), '::') > 0,
                CONCAT(
                  IF(
                    REGEXP_CONTAINS(LOWER(`t0`.`ip`), '^([0-9a-f:]*[0-9a-f])::'),
                    IF(
                      1 = 0,
                      REGEXP_REPLACE(
                        LOWER(`t0`.`ip`),
                        CONCAT('.*?', CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'), '.*'),
                        '\\1'
                      ),
                      REGEXP_REPLACE(
                        LOWER(`t0`.`ip`),
                        CONCAT('.*?', '^([0-9a-f:]*[0-9a-f])::', '.*'),
                        CONCAT('\\', CAST(1 AS STRING))
                      )
                    ),
                    NULL
                  ),
                  ':0:0:0:0'
                ),
                LOWER(`t0`.`ip`)
              ),
              CONCAT(
                '.*?',
                CONCAT('(', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', ')'),
                '.*'
              ),
              '\\1'
            ),
            REGEXP_REPLACE(
              IF(
                INSTR(LOWER(`t0`.`ip`), '::') > 0,
                CONCAT(
                  IF(
                    REGEXP_CONTAINS(LOWER(`t0`.`ip`), '^([0-9a-f:]*[0-9a-f])::'),
                    IF(
                      1 = 0,
                      REGEXP_REPLACE(
                        LOWER(`t0`.`ip`),
                        CONCAT('.*?', CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'), '.*'),
                        '\\1'
                      ),
                      REGEXP_REPLACE(
                        LOWER(`t0`.`ip`),
                        CONCAT('.*?', '^([0-9a-f:]*[0-9a-f])::', '.*'),
                        CONCAT('\\', CAST(1 AS STRING))
                      )
                    ),
                    NULL
                  ),
                  ':0:0:0:0'
                ),
                LOWER(`t0`.`ip`)
              ),
              CONCAT('.*?', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', '.*'),
              CONCAT('\\', CAST(1 AS STRING))
            )
          ),
          NULL
        )
      ) > 0
    )
    THEN CONCAT(
      IF(
        REGEXP_CONTAINS(
          IF(
            INSTR(LOWER(`t0`.`ip`), '::') > 0,
            CONCAT(
              IF(
                REGEXP_CONTAINS(LOWER(`t0`.`ip`), '^([0-9a-f:]*[0-9a-f])::'),
                IF(
                  1 = 0,
                  REGEXP_REPLACE(
                    LOWER(`t0`.`ip`),
                    CONCAT('.*?', CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'), '.*'),
                    '\\1'
                  ),
                  REGEXP_REPLACE(
                    LOWER(`t0`.`ip`),
                    CONCAT('.*?', '^([0-9a-f:]*[0-9a-f])::', '.*'),
                    CONCAT('\\', CAST(1 AS STRING))
                  )
                ),
                NULL
              ),
              ':0:0:0:0'
            ),
            LOWER(`t0`.`ip`)
          ),
          '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})'
        ),
        IF(
          1 = 0,
          REGEXP_REPLACE(
            IF(
              INSTR(LOWER(`t0`.`ip`), '::') > 0,
              CONCAT(
                IF(
                  REGEXP_CONTAINS(LOWER(`t0`.`ip`), '^([0-9a-f:]*[0-9a-f])::'),
                  IF(
                    1 = 0,
                    REGEXP_REPLACE(
                      LOWER(`t0`.`ip`),
                      CONCAT('.*?', CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'), '.*'),
                      '\\1'
                    ),
                    REGEXP_REPLACE(
                      LOWER(`t0`.`ip`),
                      CONCAT('.*?', '^([0-9a-f:]*[0-9a-f])::', '.*'),
                      CONCAT('\\', CAST(1 AS STRING))
                    )
                  ),
                  NULL
                ),
                ':0:0:0:0'
              ),
              LOWER(`t0`.`ip`)
            ),
            CONCAT(
              '.*?',
              CONCAT('(', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', ')'),
              '.*'
            ),
            '\\1'
          ),
          REGEXP_REPLACE(
            IF(
              INSTR(LOWER(`t0`.`ip`), '::') > 0,
              CONCAT(
                IF(
                  REGEXP_CONTAINS(LOWER(`t0`.`ip`), '^([0-9a-f:]*[0-9a-f])::'),
                  IF(
                    1 = 0,
                    REGEXP_REPLACE(
                      LOWER(`t0`.`ip`),
                      CONCAT('.*?', CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'), '.*'),
                      '\\1'
                    ),
                    REGEXP_REPLACE(
                      LOWER(`t0`.`ip`),
                      CONCAT('.*?', '^([0-9a-f:]*[0-9a-f])::', '.*'),
                      CONCAT('\\', CAST(1 AS STRING))
                    )
                  ),
                  NULL
                ),
                ':0:0:0:0'
              ),
              LOWER(`t0`.`ip`)
            ),
            CONCAT('.*?', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', '.*'),
            CONCAT('\\', CAST(1 AS STRING))
          )
        ),
        NULL
      ),
      '::/64'
    )
    ELSE CAST(NULL AS STRING)
  END AS `ip_prefix`,
  COUNT(*) AS `n`
FROM `requests` AS `t0`
GROUP BY
  1,
  2,
  3,
  4,
  5,
  6,
  7;

WITH `t20` AS (
  SELECT
    `t14`.`account_id`,
    `t14`.`kind`,
    `t14`.`value`,
    `t14`.`first_at`,
    `t4`.`accounts`,
    `t4`.`parties`,
    `t5`.`created`,
    `t5`.`networks`,
    `t5`.`mail`
  FROM (
    SELECT
      `t2`.`account_id`,
      `t2`.`kind`,
      `t2`.`value`,
      `t2`.`first_at`
    FROM `kept_1` AS `t2`
  ) AS `t14`
  INNER JOIN `kept_2` AS `t4`
    ON `t14`.`kind` = `t4`.`kind` AND `t14`.`value` = `t4`.`value`
  INNER JOIN `kept_3` AS `t5`
    ON `t14`.`account_id` = `t5`.`account_id`
)
SELECT
  `t33`.`kind`,
  `t33`.`value`,
  `t33`.`requests`,
  `t33`.`agents`,
  `t33`.`hour_0`,
  `t33`.`hour_1`,
  `t33`.`hour_2`,
  `t33`.`hour_3`,
  `t33`.`hour_4`,
  `t33`.`hour_5`,
  `t33`.`hour_6`,
  `t33`.`hour_7`,
  `t33`.`hour_8`,
  `t33`.`hour_9`,
  `t33`.`hour_10`,
  `t33`.`hour_11`,
  `t33`.`hour_12`,
  `t33`.`hour_13`,
  `t33`.`hour_14`,
  `t33`.`hour_15`,
  `t33`.`hour_16`,
  `t33`.`hour_17`,
  `t33`.`hour_18`,
  `t33`.`hour_19`,
  `t33`.`hour_20`,
  `t33`.`hour_21`,
  `t33`.`hour_22`,
  `t33`.`hour_23`,
  `t33`.`browsers`,
  `t38`.`accounts`,
  `t38`.`parties`,
  `t38`.`known`,
  `t38`.`old`,
  `t38`.`blocks`,
  `t38`.`elsewhere`
FROM (
  SELECT
    `t30`.*
    EXCEPT (`browsing`)
  FROM (
    SELECT
      `t26`.`kind`,
      `t26`.`value`,
      `t26`.`requests`,
      `t26`.`agents`,
      `t26`.`browsing`,
      `t26`.`hour_0`,
      `t26`.`hour_1`,
      `t26`.`hour_2`,
      `t26`.`hour_3`,
      `t26`.`hour_4`,
      `t26`.`hour_5`,
      `t26`.`hour_6`,
      `t26`.`hour_7`,
      `t26`.`hour_8`,
      `t26`.`hour_9`,
      `t26`.`hour_10`,
      `t26`.`hour_11`,
      `t26`.`hour_12`,
      `t26`.`hour_13`,
      `t26`.`hour_14`,
      `t26`.`hour_15`,
      `t26`.`hour_16`,
      `t26`.`hour_17`,
      `t26`.`hour_18`,
      `t26`.`hour_19`,
      `t26`.`hour_20`,
      `t26`.`hour_21`,
      `t26`.`hour_22`,
      `t26`.`hour_23`,
      ieee_divide(COALESCE(`t26`.`browsing`, 0), `t26`.`requests`) AS `browsers`
    FROM (
      SELECT
        `t22`.`kind`,
        `t22`.`value`,
        SUM(`t22`.`n`) AS `requests`,
        COUNT(DISTINCT `t22`.`agent`) AS `agents`,
        SUM(IF(STARTS_WITH(`t22`.`agent`, 'Mozilla/'), `t22`.`n`, NULL)) AS `browsing`,
        COALESCE(SUM(IF(`t22`.`of_day` = 0, `t22`.`n`, NULL)), 0) AS `hour_0`,
        COALESCE(SUM(IF(`t22`.`of_day` = 1, `t22`.`n`, NULL)), 0) AS `hour_1`,
        COALESCE(SUM(IF(`t22`.`of_day` = 2, `t22`.`n`, NULL)), 0) AS `hour_2`,
        COALESCE(SUM(IF(`t22`.`of_day` = 3, `t22`.`n`, NULL)), 0) AS `hour_3`,
        COALESCE(SUM(IF(`t22`.`of_day` = 4, `t22`.`n`, NULL)), 0) AS `hour_4`,
        COALESCE(SUM(IF(`t22`.`of_day` = 5, `t22`.`n`, NULL)), 0) AS `hour_5`,
        COALESCE(SUM(IF(`t22`.`of_day` = 6, `t22`.`n`, NULL)), 0) AS `hour_6`,
        COALESCE(SUM(IF(`t22`.`of_day` = 7, `t22`.`n`, NULL)), 0) AS `hour_7`,
        COALESCE(SUM(IF(`t22`.`of_day` = 8, `t22`.`n`, NULL)), 0) AS `hour_8`,
        COALESCE(SUM(IF(`t22`.`of_day` = 9, `t22`.`n`, NULL)), 0) AS `hour_9`,
        COALESCE(SUM(IF(`t22`.`of_day` = 10, `t22`.`n`, NULL)), 0) AS `hour_10`,
        COALESCE(SUM(IF(`t22`.`of_day` = 11, `t22`.`n`, NULL)), 0) AS `hour_11`,
        COALESCE(SUM(IF(`t22`.`of_day` = 12, `t22`.`n`, NULL)), 0) AS `hour_12`,
        COALESCE(SUM(IF(`t22`.`of_day` = 13, `t22`.`n`, NULL)), 0) AS `hour_13`,
        COALESCE(SUM(IF(`t22`.`of_day` = 14, `t22`.`n`, NULL)), 0) AS `hour_14`,
        COALESCE(SUM(IF(`t22`.`of_day` = 15, `t22`.`n`, NULL)), 0) AS `hour_15`,
        COALESCE(SUM(IF(`t22`.`of_day` = 16, `t22`.`n`, NULL)), 0) AS `hour_16`,
        COALESCE(SUM(IF(`t22`.`of_day` = 17, `t22`.`n`, NULL)), 0) AS `hour_17`,
        COALESCE(SUM(IF(`t22`.`of_day` = 18, `t22`.`n`, NULL)), 0) AS `hour_18`,
        COALESCE(SUM(IF(`t22`.`of_day` = 19, `t22`.`n`, NULL)), 0) AS `hour_19`,
        COALESCE(SUM(IF(`t22`.`of_day` = 20, `t22`.`n`, NULL)), 0) AS `hour_20`,
        COALESCE(SUM(IF(`t22`.`of_day` = 21, `t22`.`n`, NULL)), 0) AS `hour_21`,
        COALESCE(SUM(IF(`t22`.`of_day` = 22, `t22`.`n`, NULL)), 0) AS `hour_22`,
        COALESCE(SUM(IF(`t22`.`of_day` = 23, `t22`.`n`, NULL)), 0) AS `hour_23`
      FROM (
        SELECT
          `t19`.`of_day`,
          `t19`.`agent`,
          `t19`.`n`,
          `t19`.`kind`,
          `t19`.`value`
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
                  *
                FROM (
                  SELECT
                    `t1`.`of_day`,
                    `t1`.`agent`,
                    `t1`.`n`,
                    'ip' AS `kind`,
                    `t1`.`ip` AS `value`
                  FROM `kept_4` AS `t1`
                ) AS `t9`
                UNION ALL
                SELECT
                  *
                FROM (
                  SELECT
                    `t1`.`of_day`,
                    `t1`.`agent`,
                    `t1`.`n`,
                    'ip_prefix' AS `kind`,
                    `t1`.`ip_prefix` AS `value`
                  FROM `kept_4` AS `t1`
                ) AS `t10`
              ) AS `t12`
              UNION ALL
              SELECT
                *
              FROM (
                SELECT
                  `t1`.`of_day`,
                  `t1`.`agent`,
                  `t1`.`n`,
                  'payment' AS `kind`,
                  `t1`.`payment` AS `value`
                FROM `kept_4` AS `t1`
              ) AS `t8`
            ) AS `t15`
            UNION ALL
            SELECT
              *
            FROM (
              SELECT
                `t1`.`of_day`,
                `t1`.`agent`,
                `t1`.`n`,
                'email_domain' AS `kind`,
                `t1`.`email_domain` AS `value`
              FROM `kept_4` AS `t1`
            ) AS `t7`
          ) AS `t17`
          UNION ALL
          SELECT
            *
          FROM (
            SELECT
              `t1`.`of_day`,
              `t1`.`agent`,
              `t1`.`n`,
              'registration' AS `kind`,
              `t1`.`registration` AS `value`
            FROM `kept_4` AS `t1`
          ) AS `t6`
        ) AS `t19`
        WHERE
          EXISTS(
            SELECT
              1
            FROM `kept_2` AS `t4`
            WHERE
              `t19`.`kind` = `t4`.`kind` AND `t19`.`value` = `t4`.`value`
          )
      ) AS `t22`
      GROUP BY
        1,
        2
    ) AS `t26`
  ) AS `t30`
) AS `t33`
INNER JOIN (
  SELECT
    `t36`.*
    EXCEPT (`roaming`)
  FROM (
    SELECT
      `t35`.`kind`,
      `t35`.`value`,
      `t35`.`accounts`,
      `t35`.`parties`,
      `t35`.`known`,
      COALESCE(`t35`.`old`, 0) AS `old`,
      `t35`.`roaming`,
      COALESCE(`t35`.`blocks`, 0) AS `blocks`,
      ieee_divide(COALESCE(`t35`.`roaming`, 0), `t35`.`accounts`) AS `elsewhere`
    FROM (
      SELECT
        `t34`.*
        EXCEPT (`kind_right`, `value_right`)
      FROM (
        SELECT
          `t28`.`kind`,
          `t28`.`value`,
          `t28`.`accounts`,
          `t28`.`parties`,
          `t28`.`known`,
          `t28`.`old`,
          `t28`.`roaming`,
          `t31`.`kind` AS `kind_right`,
          `t31`.`value` AS `value_right`,
          `t31`.`blocks`
        FROM (
          SELECT
            `t21`.`kind`,
            `t21`.`value`,
            `t21`.`accounts`,
            `t21`.`parties`,
            SUM(CAST(`t21`.`created` IS NOT NULL AS INT64)) AS `known`,
            SUM(
              CAST((
                CAST(UNIX_SECONDS(`t21`.`first_at`) AS INT64) - `t21`.`created`
              ) >= 2592000 AS INT64)
            ) AS `old`,
            SUM(CAST(`t21`.`networks` >= 2 AS INT64)) AS `roaming`
          FROM `t20` AS `t21`
          GROUP BY
            1,
            2,
            3,
            4
        ) AS `t28`
        LEFT OUTER JOIN (
          SELECT
            `t27`.`kind`,
            `t27`.`value`,
            COUNT(DISTINCT `t27`.`block`) AS `blocks`
          FROM (
            SELECT
              `t24`.`account_id`,
              `t24`.`kind`,
              `t24`.`value`,
              `t16`.`block`
            FROM (
              SELECT
                `t21`.`account_id`,
                `t21`.`kind`,
                `t21`.`value`
              FROM `t20` AS `t21`
              WHERE
                `t21`.`kind` IN ('email_domain', 'registration')
            ) AS `t24`
            INNER JOIN (
              SELECT
                `t2`.`account_id`,
                `t2`.`value` AS `block`
              FROM `kept_1` AS `t2`
              WHERE
                `t2`.`kind` = 'ip_prefix'
            ) AS `t16`
              ON `t24`.`account_id` = `t16`.`account_id`
          ) AS `t27`
          GROUP BY
            1,
            2
        ) AS `t31`
          ON `t28`.`kind` = `t31`.`kind` AND `t28`.`value` = `t31`.`value`
      ) AS `t34`
    ) AS `t35`
  ) AS `t36`
) AS `t38`
  ON `t33`.`kind` = `t38`.`kind` AND `t33`.`value` = `t38`.`value`;

SELECT
  `t16`.`kind`,
  `t16`.`value`,
  MAX(ieee_divide(`t16`.`here`, `t16`.`accounts`)) AS `house`
FROM (
  SELECT
    *
  FROM (
    SELECT
      `t14`.`kind`,
      `t14`.`value`,
      `t14`.`accounts`,
      `t14`.`mail`,
      `t14`.`here`,
      `t11`.`everywhere`
    FROM (
      SELECT
        `t12`.`kind`,
        `t12`.`value`,
        `t12`.`accounts`,
        `t12`.`mail`,
        COUNT(*) AS `here`
      FROM (
        SELECT
          `t9`.`account_id`,
          `t9`.`kind`,
          `t9`.`value`,
          `t8`.`accounts`,
          `t6`.`mail`
        FROM (
          SELECT
            `t1`.`account_id`,
            `t1`.`kind`,
            `t1`.`value`
          FROM `kept_1` AS `t1`
          WHERE
            `t1`.`kind` IN ('ip', 'ip_prefix')
        ) AS `t9`
        INNER JOIN (
          SELECT
            `t2`.`kind`,
            `t2`.`value`,
            `t2`.`accounts`
          FROM `kept_2` AS `t2`
        ) AS `t8`
          ON `t9`.`kind` = `t8`.`kind` AND `t9`.`value` = `t8`.`value`
        INNER JOIN (
          SELECT
            `t0`.`account_id`,
            `t0`.`mail`
          FROM `kept_3` AS `t0`
        ) AS `t6`
          ON `t9`.`account_id` = `t6`.`account_id`
      ) AS `t12`
      GROUP BY
        1,
        2,
        3,
        4
    ) AS `t14`
    INNER JOIN (
      SELECT
        `t5`.`mail`,
        COUNT(*) AS `everywhere`
      FROM (
        SELECT
          *
        FROM `kept_3` AS `t0`
        WHERE
          `t0`.`mail` IS NOT NULL
      ) AS `t5`
      GROUP BY
        1
    ) AS `t11`
      ON `t14`.`mail` = `t11`.`mail`
  ) AS `t15`
  WHERE
    (
      `t15`.`here` * 2
    ) > `t15`.`everywhere`
) AS `t16`
GROUP BY
  1,
  2;

SELECT
  `t5`.*
  EXCEPT (`organisation`)
FROM (
  SELECT
    `t1`.`account_id`,
    `t1`.`kind`,
    `t1`.`value`,
    `t1`.`organisation`,
    `t1`.`first_at`,
    `t1`.`last_at`,
    `t1`.`count`
  FROM `kept_1` AS `t1`
  WHERE
    EXISTS(
      SELECT
        1
      FROM (
        SELECT
          *
        FROM (
          SELECT
            `t0`.`kind`,
            `t0`.`value`,
            COUNT(DISTINCT `t0`.`account_id`) AS `n`
          FROM `kept_1` AS `t0`
          GROUP BY
            1,
            2
        ) AS `t2`
        WHERE
          `t2`.`n` >= 2 AND `t2`.`n` <= 10
      ) AS `t4`
      WHERE
        `t1`.`kind` = `t4`.`kind` AND `t1`.`value` = `t4`.`value`
    )
) AS `t5`;

SELECT
  `t4`.*
  EXCEPT (`organisation`)
FROM (
  SELECT
    `t2`.`account_id`,
    `t2`.`kind`,
    `t2`.`value`,
    `t2`.`organisation`,
    `t2`.`first_at`,
    `t2`.`last_at`,
    `t2`.`count`
  FROM `kept_1` AS `t2`
  WHERE
    EXISTS(
      SELECT
        1
      FROM `given_1` AS `t3`
      WHERE
        `t2`.`account_id` = `t3`.`account_id`
    )
) AS `t4`;

SELECT
  `t4`.*
  EXCEPT (`organisation`)
FROM (
  SELECT
    `t2`.`account_id`,
    `t2`.`kind`,
    `t2`.`value`,
    `t2`.`organisation`,
    `t2`.`first_at`,
    `t2`.`last_at`,
    `t2`.`count`
  FROM `kept_1` AS `t2`
  WHERE
    EXISTS(
      SELECT
        1
      FROM `given_2` AS `t3`
      WHERE
        `t2`.`account_id` = `t3`.`account_id`
    )
) AS `t4`;

SELECT
  `t7`.*
  EXCEPT (`organisation`)
FROM (
  SELECT
    `t2`.`account_id`,
    `t2`.`kind`,
    `t2`.`value`,
    `t2`.`organisation`,
    `t2`.`first_at`,
    `t2`.`last_at`,
    `t2`.`count`
  FROM `kept_1` AS `t2`
  WHERE
    EXISTS(
      SELECT
        1
      FROM `given_3` AS `t3`
      WHERE
        `t2`.`account_id` = `t3`.`account_id`
    )
    AND EXISTS(
      SELECT
        1
      FROM (
        SELECT
          *
        FROM (
          SELECT
            `t0`.`kind`,
            `t0`.`value`,
            COUNT(DISTINCT `t0`.`account_id`) AS `n`
          FROM `kept_1` AS `t0`
          GROUP BY
            1,
            2
        ) AS `t4`
        WHERE
          `t4`.`n` >= 2 AND `t4`.`n` <= 13
      ) AS `t6`
      WHERE
        `t2`.`kind` = `t6`.`kind` AND `t2`.`value` = `t6`.`value`
    )
) AS `t7`;

SELECT
  `t4`.*
  EXCEPT (`organisation`)
FROM (
  SELECT
    `t2`.`account_id`,
    `t2`.`kind`,
    `t2`.`value`,
    `t2`.`organisation`,
    `t2`.`first_at`,
    `t2`.`last_at`,
    `t2`.`count`
  FROM `kept_1` AS `t2`
  WHERE
    EXISTS(
      SELECT
        1
      FROM `given_4` AS `t3`
      WHERE
        `t2`.`account_id` = `t3`.`account_id`
    )
) AS `t4`;

SELECT
  `t4`.*
  EXCEPT (`organisation`)
FROM (
  SELECT
    `t2`.`account_id`,
    `t2`.`kind`,
    `t2`.`value`,
    `t2`.`organisation`,
    `t2`.`first_at`,
    `t2`.`last_at`,
    `t2`.`count`
  FROM `kept_1` AS `t2`
  WHERE
    EXISTS(
      SELECT
        1
      FROM `given_5` AS `t3`
      WHERE
        `t2`.`account_id` = `t3`.`account_id`
    )
) AS `t4`;

SELECT
  "t3"."account_id" AS "account_id",
  "t3"."organisation" AS "organisation",
  "t3"."party" AS "party",
  "t3"."plan" AS "plan",
  "t3"."created_at" AS "created_at",
  "t3"."first_at" AS "first_at",
  "t3"."last_at" AS "last_at",
  "t3"."requests" AS "requests",
  "t3"."active_days" AS "active_days",
  "t3"."addresses" AS "addresses",
  "t5"."active_hours" AS "active_hours",
  "t5"."busiest_hour" AS "busiest_hour"
FROM (
  SELECT
    "t0"."account_id" AS "account_id",
    MAX("t0"."organisation") AS "organisation",
    MAX(COALESCE("t0"."organisation", "t0"."account_id")) AS "party",
    MAX("t0"."plan") AS "plan",
    MIN("t0"."account_created_at") AS "created_at",
    MIN("t0"."at") AS "first_at",
    MAX("t0"."at") AS "last_at",
    COUNT(*) AS "requests",
    uniq(CAST(dateTrunc('DAY', "t0"."at") AS Nullable(DateTime))) AS "active_days",
    uniq("t0"."ip") AS "addresses"
  FROM "requests" AS "t0"
  GROUP BY
    "t0"."account_id"
) AS "t3"
INNER JOIN (
  SELECT
    "t1"."account_id" AS "account_id",
    COUNT(*) AS "active_hours",
    MAX("t1"."n") AS "busiest_hour"
  FROM (
    SELECT
      "t0"."account_id" AS "account_id",
      dateTrunc('HOUR', "t0"."at") AS "hour",
      COUNT(*) AS "n"
    FROM "requests" AS "t0"
    GROUP BY
      "t0"."account_id",
      dateTrunc('HOUR', "t0"."at")
  ) AS "t1"
  GROUP BY
    "t1"."account_id"
) AS "t5"
  ON "t3"."account_id" = "t5"."account_id";

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
                "t6"."account_id" AS "account_id",
                "t6"."kind" AS "kind",
                "t6"."value" AS "value",
                MAX("t6"."organisation") AS "organisation",
                MIN("t6"."at") AS "first_at",
                MAX("t6"."at") AS "last_at",
                COUNT(*) AS "count"
              FROM (
                SELECT
                  "t0"."account_id" AS "account_id",
                  COALESCE("t0"."organisation", "t0"."account_id") AS "organisation",
                  'ip' AS "kind",
                  LOWER("t0"."ip") AS "value",
                  "t0"."at" AS "at"
                FROM "requests" AS "t0"
                WHERE
                  isNotNull(LOWER("t0"."ip"))
              ) AS "t6"
              GROUP BY
                "t6"."account_id",
                "t6"."kind",
                "t6"."value"
            ) AS "t13"
            UNION ALL
            SELECT
              *
            FROM (
              SELECT
                "t7"."account_id" AS "account_id",
                "t7"."kind" AS "kind",
                "t7"."value" AS "value",
                MAX("t7"."organisation") AS "organisation",
                MIN("t7"."at") AS "first_at",
                MAX("t7"."at") AS "last_at",
                COUNT(*) AS "count"
              FROM (
                SELECT
                  "t0"."account_id" AS "account_id",
                  COALESCE("t0"."organisation", "t0"."account_id") AS "organisation",
                  'asn' AS "kind",
                  replaceRegexpAll(UPPER("t0"."asn"), '^AS\\s*', '') AS "value",
                  "t0"."at" AS "at"
                FROM "requests" AS "t0"
                WHERE
                  isNotNull(replaceRegexpAll(UPPER("t0"."asn"), '^AS\\s*', ''))
              ) AS "t7"
              GROUP BY
                "t7"."account_id",
                "t7"."kind",
                "t7"."value"
            ) AS "t14"
          ) AS "t15"
          UNION ALL
          SELECT
            *
          FROM (
            SELECT
              "t4"."account_id" AS "account_id",
              "t4"."kind" AS "kind",
              "t4"."value" AS "value",
              MAX("t4"."organisation") AS "organisation",
              MIN("t4"."at") AS "first_at",
              MAX("t4"."at") AS "last_at",
              COUNT(*) AS "count"
            FROM (
              SELECT
                "t0"."account_id" AS "account_id",
                COALESCE("t0"."organisation", "t0"."account_id") AS "organisation",
                'payment' AS "kind",
                "t0"."payment" AS "value",
                "t0"."at" AS "at"
              FROM "requests" AS "t0"
              WHERE
                isNotNull("t0"."payment")
            ) AS "t4"
            GROUP BY
              "t4"."account_id",
              "t4"."kind",
              "t4"."value"
          ) AS "t11"
        ) AS "t16"
        UNION ALL
        SELECT
          *
        FROM (
          SELECT
            "t3"."account_id" AS "account_id",
            "t3"."kind" AS "kind",
            "t3"."value" AS "value",
            MAX("t3"."organisation") AS "organisation",
            MIN("t3"."at") AS "first_at",
            MAX("t3"."at") AS "last_at",
            COUNT(*) AS "count"
          FROM (
            SELECT
              "t0"."account_id" AS "account_id",
              COALESCE("t0"."organisation", "t0"."account_id") AS "organisation",
              'user_agent' AS "kind",
              "t0"."user_agent" AS "value",
              "t0"."at" AS "at"
            FROM "requests" AS "t0"
            WHERE
              isNotNull("t0"."user_agent")
          ) AS "t3"
          GROUP BY
            "t3"."account_id",
            "t3"."kind",
            "t3"."value"
        ) AS "t10"
      ) AS "t17"
      UNION ALL
      SELECT
        *
      FROM (
        SELECT
          "t5"."account_id" AS "account_id",
          "t5"."kind" AS "kind",
          "t5"."value" AS "value",
          MAX("t5"."organisation") AS "organisation",
          MIN("t5"."at") AS "first_at",
          MAX("t5"."at") AS "last_at",
          COUNT(*) AS "count"
        FROM (
          SELECT
            "t0"."account_id" AS "account_id",
            COALESCE("t0"."organisation", "t0"."account_id") AS "organisation",
            'email_domain' AS "kind",
            LOWER("t0"."email_domain") AS "value",
            "t0"."at" AS "at"
          FROM "requests" AS "t0"
          WHERE
            isNotNull(LOWER("t0"."email_domain"))
        ) AS "t5"
        GROUP BY
          "t5"."account_id",
          "t5"."kind",
          "t5"."value"
      ) AS "t12"
    ) AS "t19"
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        "t2"."account_id" AS "account_id",
        "t2"."kind" AS "kind",
        "t2"."value" AS "value",
        MAX("t2"."organisation") AS "organisation",
        MIN("t2"."at") AS "first_at",
        MAX("t2"."at") AS "last_at",
        COUNT(*) AS "count"
      FROM (
        SELECT
          "t0"."account_id" AS "account_id",
          COALESCE("t0"."organisation", "t0"."account_id") AS "organisation",
          'registration' AS "kind",
          "t0"."registration" AS "value",
          "t0"."at" AS "at"
        FROM "requests" AS "t0"
        WHERE
          isNotNull("t0"."registration")
      ) AS "t2"
      GROUP BY
        "t2"."account_id",
        "t2"."kind",
        "t2"."value"
    ) AS "t9"
  ) AS "t20"
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      "t1"."account_id" AS "account_id",
      "t1"."kind" AS "kind",
      "t1"."value" AS "value",
      MAX("t1"."organisation") AS "organisation",
      MIN("t1"."at") AS "first_at",
      MAX("t1"."at") AS "last_at",
      COUNT(*) AS "count"
    FROM (
      SELECT
        "t0"."account_id" AS "account_id",
        COALESCE("t0"."organisation", "t0"."account_id") AS "organisation",
        'device' AS "kind",
        "t0"."device" AS "value",
        "t0"."at" AS "at"
      FROM "requests" AS "t0"
      WHERE
        isNotNull("t0"."device")
    ) AS "t1"
    GROUP BY
      "t1"."account_id",
      "t1"."kind",
      "t1"."value"
  ) AS "t8"
) AS "t21"
UNION ALL
SELECT
  *
FROM (
  SELECT
    "t22"."account_id" AS "account_id",
    "t22"."kind" AS "kind",
    "t22"."value" AS "value",
    MAX("t22"."organisation") AS "organisation",
    MIN("t22"."at") AS "first_at",
    MAX("t22"."at") AS "last_at",
    COUNT(*) AS "count"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        "t0"."account_id" AS "account_id",
        COALESCE("t0"."organisation", "t0"."account_id") AS "organisation",
        'ip_prefix' AS "kind",
        CASE
          WHEN LENGTH(
            CASE
              WHEN notEmpty(
                extractGroups(
                  CAST(LOWER("t0"."ip") AS String),
                  CONCAT('(', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', ')')
                )[2]
              )
              THEN extractGroups(
                CAST(LOWER("t0"."ip") AS String),
                CONCAT('(', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', ')')
              )[2]
              ELSE NULL
            END
          ) > 0
          THEN CONCAT(
            CASE
              WHEN notEmpty(
                extractGroups(
                  CAST(LOWER("t0"."ip") AS String),
                  CONCAT('(', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', ')')
                )[2]
              )
              THEN extractGroups(
                CAST(LOWER("t0"."ip") AS String),
                CONCAT('(', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', ')')
              )[2]
              ELSE NULL
            END,
            '.0/24'
          )
          WHEN (
            position(LOWER("t0"."ip"), ':') > 0
          )
          AND (
            NOT (
              position(LOWER("t0"."ip"), '::') > 0
            )
            OR (
              (
                LENGTH(
                  CASE
                    WHEN notEmpty(
                      extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '::([0-9a-f:]*)$', ')'))[2]
                    )
                    THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '::([0-9a-f:]*)$', ')'))[2]
                    ELSE NULL
                  END
                ) - LENGTH(
                  replaceAll(
                    CASE
                      WHEN notEmpty(
                        extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '::([0-9a-f:]*)$', ')'))[2]
                      )
                      THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '::([0-9a-f:]*)$', ')'))[2]
                      ELSE NULL
                    END,
                    ':',
                    ''
                  )
                )
              ) < 4
            )
          )
          AND (
            LENGTH(
              CASE
                WHEN notEmpty(
                  extractGroups(
                    CAST(CASE
                      WHEN position(LOWER("t0"."ip"), '::') > 0
                      THEN CONCAT(
                        CASE
                          WHEN notEmpty(
                            extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                          )
                          THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                          ELSE NULL
                        END,
                        ':0:0:0:0'
                      )
                      ELSE LOWER("t0"."ip")
                    END AS String),
                    CONCAT('(', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', ')')
                  )[2]
                )
                THEN extractGroups(
                  CAST(CASE
                    WHEN position(LOWER("t0"."ip"), '::') > 0
                    THEN CONCAT(
                      CASE
                        WHEN notEmpty(
                          extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                        )
                        THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                        ELSE NULL
                      END,
                      ':0:0:0:0'
                    )
                    ELSE LOWER("t0"."ip")
                  END AS String),
                  CONCAT('(', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', ')')
                )[2]
                ELSE NULL
              END
            ) > 0
          )
          THEN CONCAT(
            CASE
              WHEN notEmpty(
                extractGroups(
                  CAST(CASE
                    WHEN position(LOWER("t0"."ip"), '::') > 0
                    THEN CONCAT(
                      CASE
                        WHEN notEmpty(
                          extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                        )
                        THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                        ELSE NULL
                      END,
                      ':0:0:0:0'
                    )
                    ELSE LOWER("t0"."ip")
                  END AS String),
                  CONCAT('(', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', ')')
                )[2]
              )
              THEN extractGroups(
                CAST(CASE
                  WHEN position(LOWER("t0"."ip"), '::') > 0
                  THEN CONCAT(
                    CASE
                      WHEN notEmpty(
                        extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                      )
                      THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                      ELSE NULL
                    END,
                    ':0:0:0:0'
                  )
                  ELSE LOWER("t0"."ip")
                END AS String),
                CONCAT('(', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', ')')
              )[2]
              ELSE NULL
            END,
            '::/64'
          )
          ELSE CAST(NULL AS Nullable(String))
        END AS "value",
        "t0"."at" AS "at"
      FROM "requests" AS "t0"
    ) AS "t18"
    WHERE
      isNotNull("t18"."value")
  ) AS "t22"
  GROUP BY
    "t22"."account_id",
    "t22"."kind",
    "t22"."value"
) AS "t23";

SELECT
  *
FROM (
  SELECT
    "t0"."kind" AS "kind",
    "t0"."value" AS "value",
    uniq("t0"."account_id") AS "accounts",
    uniq("t0"."organisation") AS "organisations"
  FROM "kept_1" AS "t0"
  GROUP BY
    "t0"."kind",
    "t0"."value"
) AS "t1"
WHERE
  "t1"."accounts" >= 2;

SELECT
  *
FROM (
  SELECT
    "t1"."kind" AS "kind",
    "t1"."value" AS "value",
    uniq("t1"."account_id") AS "accounts",
    uniq("t1"."organisation") AS "parties"
  FROM (
    SELECT
      *
    FROM "kept_1" AS "t0"
    WHERE
      "t0"."kind" IN ('ip', 'ip_prefix', 'payment', 'email_domain', 'registration')
  ) AS "t1"
  GROUP BY
    "t1"."kind",
    "t1"."value"
) AS "t2"
WHERE
  "t2"."parties" >= 5;

SELECT
  "t6".*
  EXCEPT ("account_id_right")
FROM (
  SELECT
    "t5"."account_id" AS "account_id",
    "t5"."created" AS "created",
    "t4"."account_id" AS "account_id_right",
    "t4"."networks" AS "networks",
    "t4"."mail" AS "mail"
  FROM (
    SELECT
      "t0"."account_id" AS "account_id",
      CAST(toRelativeSecondNum(MIN("t0"."account_created_at")) AS Nullable(Int64)) AS "created"
    FROM "requests" AS "t0"
    GROUP BY
      "t0"."account_id"
  ) AS "t5"
  LEFT OUTER JOIN (
    SELECT
      "t1"."account_id" AS "account_id",
      uniqIf("t1"."value", "t1"."kind" = 'asn') AS "networks",
      maxIf("t1"."value", "t1"."kind" = 'email_domain') AS "mail"
    FROM "kept_1" AS "t1"
    GROUP BY
      "t1"."account_id"
  ) AS "t4"
    ON "t5"."account_id" = "t4"."account_id"
) AS "t6";

SELECT
  CAST(FLOOR(
    (
      CAST(toRelativeSecondNum(dateTrunc('SECOND', toDateTime64("t0"."at", 0))) AS Nullable(Int64))
    ) / (
      3600
    )
  ) AS Nullable(Int64)) % 24 AS "of_day",
  "t0"."user_agent" AS "agent",
  LOWER("t0"."ip") AS "ip",
  "t0"."payment" AS "payment",
  LOWER("t0"."email_domain") AS "email_domain",
  "t0"."registration" AS "registration",
  CASE
    WHEN LENGTH(
      CASE
        WHEN notEmpty(
          extractGroups(
            CAST(LOWER("t0"."ip") AS String),
            CONCAT('(', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', ')')
          )[2]
        )
        THEN extractGroups(
          CAST(LOWER("t0"."ip") AS String),
          CONCAT('(', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', ')')
        )[2]
        ELSE NULL
      END
    ) > 0
    THEN CONCAT(
      CASE
        WHEN notEmpty(
          extractGroups(
            CAST(LOWER("t0"."ip") AS String),
            CONCAT('(', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', ')')
          )[2]
        )
        THEN extractGroups(
          CAST(LOWER("t0"."ip") AS String),
          CONCAT('(', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', ')')
        )[2]
        ELSE NULL
      END,
      '.0/24'
    )
    WHEN (
      position(LOWER("t0"."ip"), ':') > 0
    )
    AND (
      NOT (
        position(LOWER("t0"."ip"), '::') > 0
      )
      OR (
        (
          LENGTH(
            CASE
              WHEN notEmpty(
                extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '::([0-9a-f:]*)$', ')'))[2]
              )
              THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '::([0-9a-f:]*)$', ')'))[2]
              ELSE NULL
            END
          ) - LENGTH(
            replaceAll(
              CASE
                WHEN notEmpty(
                  extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '::([0-9a-f:]*)$', ')'))[2]
                )
                THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '::([0-9a-f:]*)$', ')'))[2]
                ELSE NULL
              END,
              ':',
              ''
            )
          )
        ) < 4
      )
    )
    AND (
      LENGTH(
        CASE
          WHEN notEmpty(
            extractGroups(
              CAST(CASE
                WHEN position(LOWER("t0"."ip"), '::') > 0
                THEN CONCAT(
                  CASE
                    WHEN notEmpty(
                      extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                    )
                    THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                    ELSE NULL
                  END,
                  ':0:0:0:0'
                )
                ELSE LOWER("t0"."ip")
              END AS String),
              CONCAT('(', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', ')')
            )[2]
          )
          THEN extractGroups(
            CAST(CASE
              WHEN position(LOWER("t0"."ip"), '::') > 0
              THEN CONCAT(
                CASE
                  WHEN notEmpty(
                    extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                  )
                  THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                  ELSE NULL
                END,
                ':0:0:0:0'
              )
              ELSE LOWER("t0"."ip")
            END AS String),
            CONCAT('(', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', ')')
          )[2]
          ELSE NULL
        END
      ) > 0
    )
    THEN CONCAT(
      CASE
        WHEN notEmpty(
          extractGroups(
            CAST(CASE
              WHEN position(LOWER("t0"."ip"), '::') > 0
              THEN CONCAT(
                CASE
                  WHEN notEmpty(
                    extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                  )
                  THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                  ELSE NULL
                END,
                ':0:0:0:0'
              )
              ELSE LOWER("t0"."ip")
            END AS String),
            CONCAT('(', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', ')')
          )[2]
        )
        THEN extractGroups(
          CAST(CASE
            WHEN position(LOWER("t0"."ip"), '::') > 0
            THEN CONCAT(
              CASE
                WHEN notEmpty(
                  extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                )
                THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                ELSE NULL
              END,
              ':0:0:0:0'
            )
            ELSE LOWER("t0"."ip")
          END AS String),
          CONCAT('(', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', ')')
        )[2]
        ELSE NULL
      END,
      '::/64'
    )
    ELSE CAST(NULL AS Nullable(String))
  END AS "ip_prefix",
  COUNT(*) AS "n"
FROM "requests" AS "t0"
GROUP BY
  CAST(FLOOR(
    (
      CAST(toRelativeSecondNum(dateTrunc('SECOND', toDateTime64("t0"."at", 0))) AS Nullable(Int64))
    ) / (
      3600
    )
  ) AS Nullable(Int64)) % 24,
  "t0"."user_agent",
  LOWER("t0"."ip"),
  "t0"."payment",
  LOWER("t0"."email_domain"),
  "t0"."registration",
  CASE
    WHEN LENGTH(
      CASE
        WHEN notEmpty(
          extractGroups(
            CAST(LOWER("t0"."ip") AS String),
            CONCAT('(', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', ')')
          )[2]
        )
        THEN extractGroups(
          CAST(LOWER("t0"."ip") AS String),
          CONCAT('(', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', ')')
        )[2]
        ELSE NULL
      END
    ) > 0
    THEN CONCAT(
      CASE
        WHEN notEmpty(
          extractGroups(
            CAST(LOWER("t0"."ip") AS String),
            CONCAT('(', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', ')')
          )[2]
        )
        THEN extractGroups(
          CAST(LOWER("t0"."ip") AS String),
          CONCAT('(', '^([0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3})\\.[0-9]{1,3}$', ')')
        )[2]
        ELSE NULL
      END,
      '.0/24'
    )
    WHEN (
      position(LOWER("t0"."ip"), ':') > 0
    )
    AND (
      NOT (
        position(LOWER("t0"."ip"), '::') > 0
      )
      OR (
        (
          LENGTH(
            CASE
              WHEN notEmpty(
                extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '::([0-9a-f:]*)$', ')'))[2]
              )
              THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '::([0-9a-f:]*)$', ')'))[2]
              ELSE NULL
            END
          ) - LENGTH(
            replaceAll(
              CASE
                WHEN notEmpty(
                  extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '::([0-9a-f:]*)$', ')'))[2]
                )
                THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '::([0-9a-f:]*)$', ')'))[2]
                ELSE NULL
              END,
              ':',
              ''
            )
          )
        ) < 4
      )
    )
    AND (
      LENGTH(
        CASE
          WHEN notEmpty(
            extractGroups(
              CAST(CASE
                WHEN position(LOWER("t0"."ip"), '::') > 0
                THEN CONCAT(
                  CASE
                    WHEN notEmpty(
                      extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                    )
                    THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                    ELSE NULL
                  END,
                  ':0:0:0:0'
                )
                ELSE LOWER("t0"."ip")
              END AS String),
              CONCAT('(', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', ')')
            )[2]
          )
          THEN extractGroups(
            CAST(CASE
              WHEN position(LOWER("t0"."ip"), '::') > 0
              THEN CONCAT(
                CASE
                  WHEN notEmpty(
                    extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                  )
                  THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                  ELSE NULL
                END,
                ':0:0:0:0'
              )
              ELSE LOWER("t0"."ip")
            END AS String),
            CONCAT('(', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', ')')
          )[2]
          ELSE NULL
        END
      ) > 0
    )
    THEN CONCAT(
      CASE
        WHEN notEmpty(
          extractGroups(
            CAST(CASE
              WHEN position(LOWER("t0"."ip"), '::') > 0
              THEN CONCAT(
                CASE
                  WHEN notEmpty(
                    extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                  )
                  THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                  ELSE NULL
                END,
                ':0:0:0:0'
              )
              ELSE LOWER("t0"."ip")
            END AS String),
            CONCAT('(', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', ')')
          )[2]
        )
        THEN extractGroups(
          CAST(CASE
            WHEN position(LOWER("t0"."ip"), '::') > 0
            THEN CONCAT(
              CASE
                WHEN notEmpty(
                  extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                )
                THEN extractGroups(CAST(LOWER("t0"."ip") AS String), CONCAT('(', '^([0-9a-f:]*[0-9a-f])::', ')'))[2]
                ELSE NULL
              END,
              ':0:0:0:0'
            )
            ELSE LOWER("t0"."ip")
          END AS String),
          CONCAT('(', '^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})', ')')
        )[2]
        ELSE NULL
      END,
      '::/64'
    )
    ELSE CAST(NULL AS Nullable(String))
  END;

WITH "t20" AS (
  SELECT
    "t14"."account_id" AS "account_id",
    "t14"."kind" AS "kind",
    "t14"."value" AS "value",
    "t14"."first_at" AS "first_at",
    "t4"."accounts" AS "accounts",
    "t4"."parties" AS "parties",
    "t5"."created" AS "created",
    "t5"."networks" AS "networks",
    "t5"."mail" AS "mail"
  FROM (
    SELECT
      "t2"."account_id" AS "account_id",
      "t2"."kind" AS "kind",
      "t2"."value" AS "value",
      "t2"."first_at" AS "first_at"
    FROM "kept_1" AS "t2"
  ) AS "t14"
  INNER JOIN "kept_2" AS "t4"
    ON "t14"."kind" = "t4"."kind" AND "t14"."value" = "t4"."value"
  INNER JOIN "kept_3" AS "t5"
    ON "t14"."account_id" = "t5"."account_id"
)
SELECT
  "t33"."kind" AS "kind",
  "t33"."value" AS "value",
  "t33"."requests" AS "requests",
  "t33"."agents" AS "agents",
  "t33"."hour_0" AS "hour_0",
  "t33"."hour_1" AS "hour_1",
  "t33"."hour_2" AS "hour_2",
  "t33"."hour_3" AS "hour_3",
  "t33"."hour_4" AS "hour_4",
  "t33"."hour_5" AS "hour_5",
  "t33"."hour_6" AS "hour_6",
  "t33"."hour_7" AS "hour_7",
  "t33"."hour_8" AS "hour_8",
  "t33"."hour_9" AS "hour_9",
  "t33"."hour_10" AS "hour_10",
  "t33"."hour_11" AS "hour_11",
  "t33"."hour_12" AS "hour_12",
  "t33"."hour_13" AS "hour_13",
  "t33"."hour_14" AS "hour_14",
  "t33"."hour_15" AS "hour_15",
  "t33"."hour_16" AS "hour_16",
  "t33"."hour_17" AS "hour_17",
  "t33"."hour_18" AS "hour_18",
  "t33"."hour_19" AS "hour_19",
  "t33"."hour_20" AS "hour_20",
  "t33"."hour_21" AS "hour_21",
  "t33"."hour_22" AS "hour_22",
  "t33"."hour_23" AS "hour_23",
  "t33"."browsers" AS "browsers",
  "t38"."accounts" AS "accounts",
  "t38"."parties" AS "parties",
  "t38"."known" AS "known",
  "t38"."old" AS "old",
  "t38"."blocks" AS "blocks",
  "t38"."elsewhere" AS "elsewhere"
FROM (
  SELECT
    "t30".*
    EXCEPT ("browsing")
  FROM (
    SELECT
      "t26"."kind" AS "kind",
      "t26"."value" AS "value",
      "t26"."requests" AS "requests",
      "t26"."agents" AS "agents",
      "t26"."browsing" AS "browsing",
      "t26"."hour_0" AS "hour_0",
      "t26"."hour_1" AS "hour_1",
      "t26"."hour_2" AS "hour_2",
      "t26"."hour_3" AS "hour_3",
      "t26"."hour_4" AS "hour_4",
      "t26"."hour_5" AS "hour_5",
      "t26"."hour_6" AS "hour_6",
      "t26"."hour_7" AS "hour_7",
      "t26"."hour_8" AS "hour_8",
      "t26"."hour_9" AS "hour_9",
      "t26"."hour_10" AS "hour_10",
      "t26"."hour_11" AS "hour_11",
      "t26"."hour_12" AS "hour_12",
      "t26"."hour_13" AS "hour_13",
      "t26"."hour_14" AS "hour_14",
      "t26"."hour_15" AS "hour_15",
      "t26"."hour_16" AS "hour_16",
      "t26"."hour_17" AS "hour_17",
      "t26"."hour_18" AS "hour_18",
      "t26"."hour_19" AS "hour_19",
      "t26"."hour_20" AS "hour_20",
      "t26"."hour_21" AS "hour_21",
      "t26"."hour_22" AS "hour_22",
      "t26"."hour_23" AS "hour_23",
      COALESCE("t26"."browsing", 0) / "t26"."requests" AS "browsers"
    FROM (
      SELECT
        "t22"."kind" AS "kind",
        "t22"."value" AS "value",
        SUM("t22"."n") AS "requests",
        uniq("t22"."agent") AS "agents",
        sumIf("t22"."n", startsWith("t22"."agent", 'Mozilla/')) AS "browsing",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 0), 0) AS "hour_0",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 1), 0) AS "hour_1",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 2), 0) AS "hour_2",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 3), 0) AS "hour_3",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 4), 0) AS "hour_4",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 5), 0) AS "hour_5",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 6), 0) AS "hour_6",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 7), 0) AS "hour_7",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 8), 0) AS "hour_8",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 9), 0) AS "hour_9",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 10), 0) AS "hour_10",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 11), 0) AS "hour_11",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 12), 0) AS "hour_12",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 13), 0) AS "hour_13",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 14), 0) AS "hour_14",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 15), 0) AS "hour_15",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 16), 0) AS "hour_16",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 17), 0) AS "hour_17",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 18), 0) AS "hour_18",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 19), 0) AS "hour_19",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 20), 0) AS "hour_20",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 21), 0) AS "hour_21",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 22), 0) AS "hour_22",
        COALESCE(sumIf("t22"."n", "t22"."of_day" = 23), 0) AS "hour_23"
      FROM (
        SELECT
          "t19"."of_day" AS "of_day",
          "t19"."agent" AS "agent",
          "t19"."n" AS "n",
          "t19"."kind" AS "kind",
          "t19"."value" AS "value"
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
                    "t1"."of_day" AS "of_day",
                    "t1"."agent" AS "agent",
                    "t1"."n" AS "n",
                    'ip' AS "kind",
                    "t1"."ip" AS "value"
                  FROM "kept_4" AS "t1"
                ) AS "t9"
                UNION ALL
                SELECT
                  *
                FROM (
                  SELECT
                    "t1"."of_day" AS "of_day",
                    "t1"."agent" AS "agent",
                    "t1"."n" AS "n",
                    'ip_prefix' AS "kind",
                    "t1"."ip_prefix" AS "value"
                  FROM "kept_4" AS "t1"
                ) AS "t10"
              ) AS "t12"
              UNION ALL
              SELECT
                *
              FROM (
                SELECT
                  "t1"."of_day" AS "of_day",
                  "t1"."agent" AS "agent",
                  "t1"."n" AS "n",
                  'payment' AS "kind",
                  "t1"."payment" AS "value"
                FROM "kept_4" AS "t1"
              ) AS "t8"
            ) AS "t15"
            UNION ALL
            SELECT
              *
            FROM (
              SELECT
                "t1"."of_day" AS "of_day",
                "t1"."agent" AS "agent",
                "t1"."n" AS "n",
                'email_domain' AS "kind",
                "t1"."email_domain" AS "value"
              FROM "kept_4" AS "t1"
            ) AS "t7"
          ) AS "t17"
          UNION ALL
          SELECT
            *
          FROM (
            SELECT
              "t1"."of_day" AS "of_day",
              "t1"."agent" AS "agent",
              "t1"."n" AS "n",
              'registration' AS "kind",
              "t1"."registration" AS "value"
            FROM "kept_4" AS "t1"
          ) AS "t6"
        ) AS "t19"
        LEFT SEMI JOIN "kept_2" AS "t4"
          ON "t19"."kind" = "t4"."kind" AND "t19"."value" = "t4"."value"
      ) AS "t22"
      GROUP BY
        "t22"."kind",
        "t22"."value"
    ) AS "t26"
  ) AS "t30"
) AS "t33"
INNER JOIN (
  SELECT
    "t36".*
    EXCEPT ("roaming")
  FROM (
    SELECT
      "t35"."kind" AS "kind",
      "t35"."value" AS "value",
      "t35"."accounts" AS "accounts",
      "t35"."parties" AS "parties",
      "t35"."known" AS "known",
      COALESCE("t35"."old", 0) AS "old",
      "t35"."roaming" AS "roaming",
      COALESCE("t35"."blocks", 0) AS "blocks",
      COALESCE("t35"."roaming", 0) / "t35"."accounts" AS "elsewhere"
    FROM (
      SELECT
        "t34".*
        EXCEPT ("kind_right", "value_right")
      FROM (
        SELECT
          "t28"."kind" AS "kind",
          "t28"."value" AS "value",
          "t28"."accounts" AS "accounts",
          "t28"."parties" AS "parties",
          "t28"."known" AS "known",
          "t28"."old" AS "old",
          "t28"."roaming" AS "roaming",
          "t31"."kind" AS "kind_right",
          "t31"."value" AS "value_right",
          "t31"."blocks" AS "blocks"
        FROM (
          SELECT
            "t21"."kind" AS "kind",
            "t21"."value" AS "value",
            "t21"."accounts" AS "accounts",
            "t21"."parties" AS "parties",
            SUM(CAST(isNotNull("t21"."created") AS Nullable(Int32))) AS "known",
            SUM(
              CAST((
                CAST(toRelativeSecondNum("t21"."first_at") AS Nullable(Int64)) - "t21"."created"
              ) >= 2592000 AS Nullable(Int32))
            ) AS "old",
            SUM(CAST("t21"."networks" >= 2 AS Nullable(Int32))) AS "roaming"
          FROM "t20" AS "t21"
          GROUP BY
            "t21"."kind",
            "t21"."value",
            "t21"."accounts",
            "t21"."parties"
        ) AS "t28"
        LEFT OUTER JOIN (
          SELECT
            "t27"."kind" AS "kind",
            "t27"."value" AS "value",
            uniq("t27"."block") AS "blocks"
          FROM (
            SELECT
              "t24"."account_id" AS "account_id",
              "t24"."kind" AS "kind",
              "t24"."value" AS "value",
              "t16"."block" AS "block"
            FROM (
              SELECT
                "t21"."account_id" AS "account_id",
                "t21"."kind" AS "kind",
                "t21"."value" AS "value"
              FROM "t20" AS "t21"
              WHERE
                "t21"."kind" IN ('email_domain', 'registration')
            ) AS "t24"
            INNER JOIN (
              SELECT
                "t2"."account_id" AS "account_id",
                "t2"."value" AS "block"
              FROM "kept_1" AS "t2"
              WHERE
                "t2"."kind" = 'ip_prefix'
            ) AS "t16"
              ON "t24"."account_id" = "t16"."account_id"
          ) AS "t27"
          GROUP BY
            "t27"."kind",
            "t27"."value"
        ) AS "t31"
          ON "t28"."kind" = "t31"."kind" AND "t28"."value" = "t31"."value"
      ) AS "t34"
    ) AS "t35"
  ) AS "t36"
) AS "t38"
  ON "t33"."kind" = "t38"."kind" AND "t33"."value" = "t38"."value";

SELECT
  "t16"."kind" AS "kind",
  "t16"."value" AS "value",
  MAX("t16"."here" / "t16"."accounts") AS "house"
FROM (
  SELECT
    *
  FROM (
    SELECT
      "t14"."kind" AS "kind",
      "t14"."value" AS "value",
      "t14"."accounts" AS "accounts",
      "t14"."mail" AS "mail",
      "t14"."here" AS "here",
      "t11"."everywhere" AS "everywhere"
    FROM (
      SELECT
        "t12"."kind" AS "kind",
        "t12"."value" AS "value",
        "t12"."accounts" AS "accounts",
        "t12"."mail" AS "mail",
        COUNT(*) AS "here"
      FROM (
        SELECT
          "t9"."account_id" AS "account_id",
          "t9"."kind" AS "kind",
          "t9"."value" AS "value",
          "t8"."accounts" AS "accounts",
          "t6"."mail" AS "mail"
        FROM (
          SELECT
            "t1"."account_id" AS "account_id",
            "t1"."kind" AS "kind",
            "t1"."value" AS "value"
          FROM "kept_1" AS "t1"
          WHERE
            "t1"."kind" IN ('ip', 'ip_prefix')
        ) AS "t9"
        INNER JOIN (
          SELECT
            "t2"."kind" AS "kind",
            "t2"."value" AS "value",
            "t2"."accounts" AS "accounts"
          FROM "kept_2" AS "t2"
        ) AS "t8"
          ON "t9"."kind" = "t8"."kind" AND "t9"."value" = "t8"."value"
        INNER JOIN (
          SELECT
            "t0"."account_id" AS "account_id",
            "t0"."mail" AS "mail"
          FROM "kept_3" AS "t0"
        ) AS "t6"
          ON "t9"."account_id" = "t6"."account_id"
      ) AS "t12"
      GROUP BY
        "t12"."kind",
        "t12"."value",
        "t12"."accounts",
        "t12"."mail"
    ) AS "t14"
    INNER JOIN (
      SELECT
        "t5"."mail" AS "mail",
        COUNT(*) AS "everywhere"
      FROM (
        SELECT
          *
        FROM "kept_3" AS "t0"
        WHERE
          isNotNull("t0"."mail")
      ) AS "t5"
      GROUP BY
        "t5"."mail"
    ) AS "t11"
      ON "t14"."mail" = "t11"."mail"
  ) AS "t15"
  WHERE
    (
      "t15"."here" * 2
    ) > "t15"."everywhere"
) AS "t16"
GROUP BY
  "t16"."kind",
  "t16"."value";

SELECT
  "t5".*
  EXCEPT ("organisation")
FROM (
  SELECT
    "t1"."account_id" AS "account_id",
    "t1"."kind" AS "kind",
    "t1"."value" AS "value",
    "t1"."organisation" AS "organisation",
    "t1"."first_at" AS "first_at",
    "t1"."last_at" AS "last_at",
    "t1"."count" AS "count"
  FROM "kept_1" AS "t1"
  LEFT SEMI JOIN (
    SELECT
      *
    FROM (
      SELECT
        "t0"."kind" AS "kind",
        "t0"."value" AS "value",
        uniq("t0"."account_id") AS "n"
      FROM "kept_1" AS "t0"
      GROUP BY
        "t0"."kind",
        "t0"."value"
    ) AS "t2"
    WHERE
      "t2"."n" >= 2 AND "t2"."n" <= 10
  ) AS "t4"
    ON "t1"."kind" = "t4"."kind" AND "t1"."value" = "t4"."value"
) AS "t5";

SELECT
  "t4".*
  EXCEPT ("organisation")
FROM (
  SELECT
    "t2"."account_id" AS "account_id",
    "t2"."kind" AS "kind",
    "t2"."value" AS "value",
    "t2"."organisation" AS "organisation",
    "t2"."first_at" AS "first_at",
    "t2"."last_at" AS "last_at",
    "t2"."count" AS "count"
  FROM "kept_1" AS "t2"
  LEFT SEMI JOIN "given_1" AS "t3"
    ON "t2"."account_id" = "t3"."account_id"
) AS "t4";

SELECT
  "t4".*
  EXCEPT ("organisation")
FROM (
  SELECT
    "t2"."account_id" AS "account_id",
    "t2"."kind" AS "kind",
    "t2"."value" AS "value",
    "t2"."organisation" AS "organisation",
    "t2"."first_at" AS "first_at",
    "t2"."last_at" AS "last_at",
    "t2"."count" AS "count"
  FROM "kept_1" AS "t2"
  LEFT SEMI JOIN "given_2" AS "t3"
    ON "t2"."account_id" = "t3"."account_id"
) AS "t4";

SELECT
  "t7".*
  EXCEPT ("organisation")
FROM (
  SELECT
    "t2"."account_id" AS "account_id",
    "t2"."kind" AS "kind",
    "t2"."value" AS "value",
    "t2"."organisation" AS "organisation",
    "t2"."first_at" AS "first_at",
    "t2"."last_at" AS "last_at",
    "t2"."count" AS "count"
  FROM "kept_1" AS "t2"
  LEFT SEMI JOIN "given_3" AS "t3"
    ON "t2"."account_id" = "t3"."account_id"
  LEFT SEMI JOIN (
    SELECT
      *
    FROM (
      SELECT
        "t0"."kind" AS "kind",
        "t0"."value" AS "value",
        uniq("t0"."account_id") AS "n"
      FROM "kept_1" AS "t0"
      GROUP BY
        "t0"."kind",
        "t0"."value"
    ) AS "t4"
    WHERE
      "t4"."n" >= 2 AND "t4"."n" <= 13
  ) AS "t6"
    ON "t2"."kind" = "t6"."kind" AND "t2"."value" = "t6"."value"
) AS "t7";

SELECT
  "t4".*
  EXCEPT ("organisation")
FROM (
  SELECT
    "t2"."account_id" AS "account_id",
    "t2"."kind" AS "kind",
    "t2"."value" AS "value",
    "t2"."organisation" AS "organisation",
    "t2"."first_at" AS "first_at",
    "t2"."last_at" AS "last_at",
    "t2"."count" AS "count"
  FROM "kept_1" AS "t2"
  LEFT SEMI JOIN "given_4" AS "t3"
    ON "t2"."account_id" = "t3"."account_id"
) AS "t4";

SELECT
  "t4".*
  EXCEPT ("organisation")
FROM (
  SELECT
    "t2"."account_id" AS "account_id",
    "t2"."kind" AS "kind",
    "t2"."value" AS "value",
    "t2"."organisation" AS "organisation",
    "t2"."first_at" AS "first_at",
    "t2"."last_at" AS "last_at",
    "t2"."count" AS "count"
  FROM "kept_1" AS "t2"
  LEFT SEMI JOIN "given_5" AS "t3"
    ON "t2"."account_id" = "t3"."account_id"
) AS "t4";

SELECT
  "t2"."account_id",
  "t2"."hour",
  COUNT(*) AS "n",
  SUM(CAST("t2"."throttled" AS INT)) AS "throttled",
  SUM(CAST("t2"."gap" <= 3600 AS INT)) AS "gaps",
  SUM(IFF("t2"."gap" <= 3600, "t2"."gap", NULL)) AS "gap_sum",
  SUM(IFF("t2"."gap" <= 3600, "t2"."gap" * "t2"."gap", NULL)) AS "gap_squares"
FROM (
  SELECT
    "t1"."account_id",
    "t1"."second",
    "t1"."throttled",
    CAST("t1"."second" - LAG("t1"."second") OVER (PARTITION BY "t1"."account_id" ORDER BY "t1"."second" ASC) AS DOUBLE) AS "gap",
    CAST(FLOOR((
      "t1"."second"
    ) / (
      3600
    )) AS BIGINT) AS "hour"
  FROM (
    SELECT
      "t0"."account_id",
      CAST(DATE_PART('epoch', DATE_TRUNC('SECOND', "t0"."at")) AS BIGINT) AS "second",
      COALESCE("t0"."status", '') = '429' AS "throttled"
    FROM "requests" AS "t0"
  ) AS "t1"
) AS "t2"
GROUP BY
  1,
  2;

SELECT
  "t12"."account_id",
  "t12"."requests",
  "t12"."throttled",
  "t12"."active_hours",
  "t12"."span",
  "t12"."gaps",
  "t12"."first_day",
  "t12"."gap_cv",
  "t9"."hour_entropy",
  "t17"."active_days",
  "t17"."change",
  "t17"."change_day"
FROM (
  SELECT
    "t10".*
    EXCLUDE ("gap_squares", "gap_sum")
  FROM (
    SELECT
      "t6"."account_id",
      "t6"."requests",
      "t6"."throttled",
      "t6"."active_hours",
      "t6"."span",
      "t6"."gaps",
      "t6"."gap_sum",
      "t6"."gap_squares",
      "t6"."first_day",
      SQRT(
        GREATEST(
          (
            "t6"."gap_squares" / NULLIF("t6"."gaps", 0)
          ) - (
            (
              "t6"."gap_sum" / NULLIF("t6"."gaps", 0)
            ) * (
              "t6"."gap_sum" / NULLIF("t6"."gaps", 0)
            )
          ),
          0.0
        )
      ) / NULLIF("t6"."gap_sum" / NULLIF("t6"."gaps", 0), 0) AS "gap_cv"
    FROM (
      SELECT
        "t3"."account_id",
        SUM("t3"."n") AS "requests",
        SUM("t3"."throttled") AS "throttled",
        COUNT(*) AS "active_hours",
        (
          MAX("t3"."hour") - MIN("t3"."hour")
        ) + 1 AS "span",
        SUM("t3"."gaps") AS "gaps",
        SUM("t3"."gap_sum") AS "gap_sum",
        SUM("t3"."gap_squares") AS "gap_squares",
        SUM(IFF("t3"."hour" < (
          "t3"."start" + 24
        ), "t3"."n", NULL)) AS "first_day"
      FROM (
        SELECT
          "t0"."account_id",
          "t0"."hour",
          "t0"."n",
          "t0"."throttled",
          "t0"."gaps",
          "t0"."gap_sum",
          "t0"."gap_squares",
          MIN("t0"."hour") OVER (
            PARTITION BY "t0"."account_id"
            ORDER BY NULL ASC
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) AS "start"
        FROM "kept_1" AS "t0"
      ) AS "t3"
      GROUP BY
        1
    ) AS "t6"
  ) AS "t10"
) AS "t12"
INNER JOIN (
  SELECT
    "t5"."account_id",
    -(
      SUM("t5"."share" * LN("t5"."share"))
    ) AS "hour_entropy"
  FROM (
    SELECT
      "t1"."account_id",
      "t1"."of_day",
      "t1"."n",
      "t1"."n" / SUM("t1"."n") OVER (
        PARTITION BY "t1"."account_id"
        ORDER BY NULL ASC
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
      ) AS "share"
    FROM (
      SELECT
        "t0"."account_id",
        "t0"."hour" % 24 AS "of_day",
        SUM("t0"."n") AS "n"
      FROM "kept_1" AS "t0"
      GROUP BY
        1,
        2
    ) AS "t1"
  ) AS "t5"
  GROUP BY
    1
) AS "t9"
  ON "t12"."account_id" = "t9"."account_id"
INNER JOIN (
  SELECT
    "t15"."account_id",
    COUNT(*) AS "active_days",
    MAX("t15"."risen") AS "change",
    MAX_BY("t15"."day", "t15"."risen") AS "change_day"
  FROM (
    SELECT
      "t14"."account_id",
      "t14"."day",
      "t14"."n",
      "t14"."x",
      "t14"."mean",
      "t14"."square",
      "t14"."step",
      "t14"."total",
      "t14"."total" - LEAST(
        MIN("t14"."total") OVER (
          PARTITION BY "t14"."account_id"
          ORDER BY "t14"."day" ASC
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ),
        0.0
      ) AS "risen"
    FROM (
      SELECT
        "t13"."account_id",
        "t13"."day",
        "t13"."n",
        "t13"."x",
        "t13"."mean",
        "t13"."square",
        "t13"."step",
        SUM("t13"."step") OVER (
          PARTITION BY "t13"."account_id"
          ORDER BY "t13"."day" ASC
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS "total"
      FROM (
        SELECT
          "t7"."account_id",
          "t7"."day",
          "t7"."n",
          "t7"."x",
          "t7"."mean",
          "t7"."square",
          (
            (
              "t7"."x" - "t7"."mean"
            ) / GREATEST(SQRT(GREATEST("t7"."square" - (
              "t7"."mean" * "t7"."mean"
            ), 0.0)), 0.1)
          ) - 0.5 AS "step"
        FROM (
          SELECT
            "t4"."account_id",
            "t4"."day",
            "t4"."n",
            "t4"."x",
            AVG("t4"."x") OVER (
              PARTITION BY "t4"."account_id"
              ORDER BY NULL ASC
              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) AS "mean",
            AVG("t4"."x" * "t4"."x") OVER (
              PARTITION BY "t4"."account_id"
              ORDER BY NULL ASC
              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) AS "square"
          FROM (
            SELECT
              "t2"."account_id",
              "t2"."day",
              "t2"."n",
              LN(CAST("t2"."n" AS DOUBLE)) AS "x"
            FROM (
              SELECT
                "t0"."account_id",
                CAST(FLOOR((
                  "t0"."hour"
                ) / (
                  24
                )) AS BIGINT) AS "day",
                SUM("t0"."n") AS "n"
              FROM "kept_1" AS "t0"
              GROUP BY
                1,
                2
            ) AS "t2"
          ) AS "t4"
        ) AS "t7"
      ) AS "t13"
    ) AS "t14"
  ) AS "t15"
  GROUP BY
    1
) AS "t17"
  ON "t12"."account_id" = "t17"."account_id";

SELECT
  "t7"."account_id",
  COUNT(*) AS "minutes",
  SUM(
    CAST((
      "t7"."throttled" > 0
    ) OR (
      "t7"."passed" >= (
        "t7"."cap" * 0.95
      )
    ) AS INT)
  ) AS "at_limit"
FROM (
  SELECT
    "t6"."account_id",
    "t6"."minute",
    "t6"."passed",
    "t6"."throttled",
    MAX("t6"."passed") OVER (
      PARTITION BY "t6"."account_id"
      ORDER BY NULL ASC
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS "cap"
  FROM (
    SELECT
      "t5"."account_id",
      "t5"."minute",
      SUM(CAST(NOT (
        "t5"."throttled"
      ) AS INT)) AS "passed",
      SUM(CAST("t5"."throttled" AS INT)) AS "throttled"
    FROM (
      SELECT
        "t2"."account_id",
        CAST(FLOOR(
          (
            CAST(DATE_PART('epoch', DATE_TRUNC('SECOND', "t2"."at")) AS BIGINT)
          ) / (
            60
          )
        ) AS BIGINT) AS "minute",
        COALESCE("t2"."status", '') = '429' AS "throttled"
      FROM "requests" AS "t2"
      WHERE
        EXISTS(
          SELECT
            1
          FROM (
            SELECT DISTINCT
              "t1"."account_id"
            FROM "kept_1" AS "t1"
            WHERE
              "t1"."throttled" > 0
          ) AS "t4"
          WHERE
            "t2"."account_id" = "t4"."account_id"
        )
    ) AS "t5"
    GROUP BY
      1,
      2
  ) AS "t6"
) AS "t7"
GROUP BY
  1;

SELECT
  "t0"."account_id",
  COALESCE("t0"."organisation", "t0"."account_id") AS "party",
  CAST(DATE_PART('epoch', DATE_TRUNC('SECOND', "t0"."at")) AS BIGINT) AS "second",
  SUBSTRING("t0"."prompt", IFF((
    0 + 1
  ) >= 1, 0 + 1, 0 + 1 + LENGTH("t0"."prompt")), 32) AS "opening",
  COALESCE("t0"."status", '') = '429' AS "throttled"
FROM "requests" AS "t0";

SELECT
  "t0"."account_id",
  "t0"."party",
  "t0"."second",
  "t0"."throttled",
  CAST(FLOOR((
    "t0"."second"
  ) / (
    3600
  )) AS BIGINT) AS "hour",
  REGEXP_REPLACE(LOWER("t0"."opening"), '[0-9]+', '0') AS "wording"
FROM "kept_2" AS "t0"
WHERE
  LENGTH("t0"."opening") >= 16;

WITH "t3" AS (
  SELECT
    "t2"."account_id",
    "t2"."party",
    "t2"."wording",
    "t2"."hour",
    MIN("t2"."second") AS "at"
  FROM (
    SELECT
      *
    FROM "kept_3" AS "t0"
    WHERE
      "t0"."throttled"
  ) AS "t2"
  GROUP BY
    1,
    2,
    3,
    4
)
SELECT
  "t21"."account_id",
  COUNT(*) AS "events",
  SUM("t21"."hit") AS "followed",
  SUM("t21"."mean") AS "mean"
FROM (
  SELECT
    "t20"."account_id",
    "t20"."wording",
    "t20"."hour",
    "t20"."at",
    "t20"."others",
    "t20"."hit",
    -(
      "t20"."others"
    ) * LN(
      1 - (
        LEAST((
          (
            "t20"."hour" + 1
          ) * 3600
        ) - "t20"."at", 180) / 3600
      )
    ) AS "mean"
  FROM (
    SELECT
      "t19"."account_id",
      "t19"."wording",
      "t19"."hour",
      "t19"."at",
      COUNT(*) AS "others",
      CAST(MAX("t19"."hit") AS BIGINT) AS "hit"
    FROM (
      SELECT
        "t18"."account_id",
        "t18"."party",
        "t18"."wording",
        "t18"."hour",
        "t18"."at",
        "t18"."start",
        "t18"."other",
        "t18"."other_party",
        (
          (
            "t18"."start" - "t18"."at"
          ) > 0
        )
        AND (
          (
            "t18"."start" - "t18"."at"
          ) <= 180
        ) AS "hit"
      FROM (
        SELECT
          "t5"."account_id",
          "t5"."party",
          "t5"."wording",
          "t5"."hour",
          "t5"."at",
          "t17"."start",
          "t17"."other",
          "t17"."other_party"
        FROM "t3" AS "t5"
        INNER JOIN (
          SELECT
            "t15"."wording",
            "t15"."hour",
            "t15"."start",
            "t15"."account_id" AS "other",
            "t15"."party" AS "other_party"
          FROM (
            SELECT
              "t14"."account_id",
              "t14"."party",
              "t14"."wording",
              "t14"."hour",
              MIN("t14"."second") AS "start"
            FROM (
              SELECT
                *
              FROM (
                SELECT
                  "t12"."account_id",
                  "t12"."party",
                  "t12"."second",
                  "t12"."throttled",
                  "t12"."hour",
                  "t12"."wording",
                  LAG("t12"."second") OVER (PARTITION BY "t12"."account_id", "t12"."wording" ORDER BY "t12"."second" ASC) AS "before"
                FROM (
                  SELECT
                    "t1"."account_id",
                    "t1"."party",
                    "t1"."second",
                    "t1"."throttled",
                    "t1"."hour",
                    "t1"."wording"
                  FROM "kept_3" AS "t1"
                  WHERE
                    EXISTS(
                      SELECT
                        1
                      FROM (
                        SELECT
                          *
                        FROM (
                          SELECT
                            "t8"."wording",
                            COUNT(DISTINCT "t8"."party") AS "parties"
                          FROM (
                            SELECT
                              "t1"."account_id",
                              "t1"."party",
                              "t1"."second",
                              "t1"."throttled",
                              "t1"."hour",
                              "t1"."wording"
                            FROM "kept_3" AS "t1"
                            WHERE
                              EXISTS(
                                SELECT
                                  1
                                FROM (
                                  SELECT DISTINCT
                                    "t4"."wording"
                                  FROM "t3" AS "t4"
                                ) AS "t7"
                                WHERE
                                  "t1"."wording" = "t7"."wording"
                              )
                          ) AS "t8"
                          GROUP BY
                            1
                        ) AS "t9"
                        WHERE
                          "t9"."parties" > 1 AND "t9"."parties" <= 200
                      ) AS "t11"
                      WHERE
                        "t1"."wording" = "t11"."wording"
                    )
                ) AS "t12"
              ) AS "t13"
              WHERE
                NOT (
                  "t13"."throttled"
                )
                AND (
                  (
                    "t13"."before" IS NULL
                  )
                  OR (
                    (
                      "t13"."second" - "t13"."before"
                    ) > 1800
                  )
                )
            ) AS "t14"
            GROUP BY
              1,
              2,
              3,
              4
          ) AS "t15"
        ) AS "t17"
          ON "t5"."wording" = "t17"."wording" AND "t5"."hour" = "t17"."hour"
      ) AS "t18"
      WHERE
        "t18"."account_id" <> "t18"."other" AND "t18"."party" <> "t18"."other_party"
    ) AS "t19"
    GROUP BY
      1,
      2,
      3,
      4
  ) AS "t20"
) AS "t21"
GROUP BY
  1;

SELECT
  "t1"."account_id"
FROM (
  SELECT
    "t0"."account_id",
    SUM(CAST("t0"."kind" = 'user_agent' AS INT)) AS "clients",
    SUM(CAST("t0"."kind" = 'ip' AS INT)) AS "addresses",
    SUM(CAST("t0"."kind" = 'asn' AS INT)) AS "networks"
  FROM "kept_4" AS "t0"
  GROUP BY
    1
) AS "t1"
WHERE
  "t1"."clients" >= 10 AND "t1"."addresses" >= 10 AND "t1"."networks" >= 5;

SELECT
  *
FROM (
  SELECT
    "t12"."kind",
    "t12"."value",
    SUM("t12"."accounts") AS "accounts",
    COUNT(*) AS "organisations",
    MAX("t12"."accounts") AS "largest",
    AVG("t12"."pace") AS "pace"
  FROM (
    SELECT
      "t11"."kind",
      "t11"."value",
      "t11"."organisation",
      COUNT(*) AS "accounts",
      AVG(LN("t11"."pace")) AS "pace"
    FROM (
      SELECT
        "t10"."account_id",
        "t10"."organisation",
        "t10"."kind",
        "t10"."value",
        "t7"."pace"
      FROM (
        SELECT
          "t8"."account_id",
          "t8"."organisation",
          "t8"."kind",
          "t8"."value"
        FROM (
          SELECT
            "t2"."account_id",
            "t2"."kind",
            "t2"."value",
            "t2"."organisation",
            "t2"."first_at",
            "t2"."last_at",
            "t2"."count"
          FROM "kept_4" AS "t2"
          WHERE
            NOT EXISTS(
              SELECT
                1
              FROM (
                SELECT
                  "t3"."account_id"
                FROM (
                  SELECT
                    "t1"."account_id",
                    SUM(CAST("t1"."kind" = 'user_agent' AS INT)) AS "clients",
                    SUM(CAST("t1"."kind" = 'ip' AS INT)) AS "addresses",
                    SUM(CAST("t1"."kind" = 'asn' AS INT)) AS "networks"
                  FROM "kept_4" AS "t1"
                  GROUP BY
                    1
                ) AS "t3"
                WHERE
                  "t3"."clients" >= 10 AND "t3"."addresses" >= 10 AND "t3"."networks" >= 5
              ) AS "t6"
              WHERE
                "t2"."account_id" = "t6"."account_id"
            )
        ) AS "t8"
        WHERE
          "t8"."kind" IN ('payment', 'asn')
      ) AS "t10"
      INNER JOIN (
        SELECT
          "t0"."account_id",
          COUNT(*) / COUNT(
            DISTINCT CAST(FLOOR(
              (
                CAST(DATE_PART('epoch', DATE_TRUNC('SECOND', "t0"."at")) AS BIGINT)
              ) / (
                86400
              )
            ) AS BIGINT)
          ) AS "pace"
        FROM "requests" AS "t0"
        GROUP BY
          1
      ) AS "t7"
        ON "t10"."account_id" = "t7"."account_id"
    ) AS "t11"
    GROUP BY
      1,
      2,
      3
  ) AS "t12"
  GROUP BY
    1,
    2
) AS "t13"
WHERE
  "t13"."organisations" >= 5;

SELECT
  *
FROM (
  SELECT
    "t6"."account_id",
    "t6"."prompt",
    "t6"."first_at",
    "t6"."model",
    ROW_NUMBER() OVER (
      PARTITION BY "t6"."account_id"
      ORDER BY HASH("t6"."prompt") ASC, "t6"."prompt" ASC
    ) - 1 AS "place"
  FROM (
    SELECT
      "t5"."account_id",
      "t5"."prompt",
      MIN("t5"."at") AS "first_at",
      MIN("t5"."model") AS "model"
    FROM (
      SELECT
        "t4"."request_id",
        "t4"."at",
        "t4"."account_id",
        "t4"."organisation",
        "t4"."plan",
        "t4"."account_created_at",
        "t4"."api_key_id",
        "t4"."ip",
        "t4"."asn",
        "t4"."user_agent",
        "t4"."payment",
        "t4"."email_domain",
        "t4"."registration",
        "t4"."device",
        "t4"."model",
        "t4"."prompt",
        "t4"."input_tokens",
        "t4"."cached_tokens",
        "t4"."output_tokens",
        "t4"."reasoning_tokens",
        "t4"."status",
        "t4"."stop_reason",
        "t4"."end_user_id",
        "t4"."session_id",
        "t4"."provider",
        "t4"."operation",
        "t4"."latency_ms"
      FROM (
        SELECT
          *
        FROM "requests" AS "t0"
        WHERE
          "t0"."prompt" IS NOT NULL
      ) AS "t4"
      WHERE
        EXISTS(
          SELECT
            1
          FROM "given_1" AS "t2"
          WHERE
            "t4"."account_id" = "t2"."account_id"
        )
    ) AS "t5"
    GROUP BY
      1,
      2
  ) AS "t6"
) AS "t7"
WHERE
  "t7"."place" < 5
ORDER BY
  "t7"."account_id" ASC,
  "t7"."first_at" ASC,
  "t7"."place" ASC;

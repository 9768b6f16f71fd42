SELECT
  "t2"."account_id" AS "account_id",
  "t2"."hour" AS "hour",
  COUNT(*) AS "n",
  SUM(CAST("t2"."throttled" AS Nullable(Int32))) AS "throttled",
  SUM(CAST("t2"."gap" <= 3600 AS Nullable(Int32))) AS "gaps",
  sumIf("t2"."gap", "t2"."gap" <= 3600) AS "gap_sum",
  sumIf("t2"."gap" * "t2"."gap", "t2"."gap" <= 3600) AS "gap_squares"
FROM (
  SELECT
    "t1"."account_id" AS "account_id",
    "t1"."second" AS "second",
    "t1"."throttled" AS "throttled",
    CAST("t1"."second" - lagInFrame("t1"."second") OVER (
      PARTITION BY "t1"."account_id"
      ORDER BY "t1"."second" ASC
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS Nullable(Float64)) AS "gap",
    CAST(FLOOR((
      "t1"."second"
    ) / (
      3600
    )) AS Nullable(Int64)) AS "hour"
  FROM (
    SELECT
      "t0"."account_id" AS "account_id",
      CAST(toRelativeSecondNum(dateTrunc('SECOND', toDateTime64("t0"."at", 0))) AS Nullable(Int64)) AS "second",
      COALESCE("t0"."status", '') = '429' AS "throttled"
    FROM "requests" AS "t0"
  ) AS "t1"
) AS "t2"
GROUP BY
  "t2"."account_id",
  "t2"."hour";

SELECT
  "t12"."account_id" AS "account_id",
  "t12"."requests" AS "requests",
  "t12"."throttled" AS "throttled",
  "t12"."active_hours" AS "active_hours",
  "t12"."span" AS "span",
  "t12"."gaps" AS "gaps",
  "t12"."first_day" AS "first_day",
  "t12"."gap_cv" AS "gap_cv",
  "t9"."hour_entropy" AS "hour_entropy",
  "t17"."active_days" AS "active_days",
  "t17"."change" AS "change",
  "t17"."change_day" AS "change_day"
FROM (
  SELECT
    "t10".*
    EXCEPT ("gap_squares", "gap_sum")
  FROM (
    SELECT
      "t6"."account_id" AS "account_id",
      "t6"."requests" AS "requests",
      "t6"."throttled" AS "throttled",
      "t6"."active_hours" AS "active_hours",
      "t6"."span" AS "span",
      "t6"."gaps" AS "gaps",
      "t6"."gap_sum" AS "gap_sum",
      "t6"."gap_squares" AS "gap_squares",
      "t6"."first_day" AS "first_day",
      SQRT(
        GREATEST(
          (
            "t6"."gap_squares" / nullIf("t6"."gaps", 0)
          ) - (
            (
              "t6"."gap_sum" / nullIf("t6"."gaps", 0)
            ) * (
              "t6"."gap_sum" / nullIf("t6"."gaps", 0)
            )
          ),
          0.0
        )
      ) / nullIf("t6"."gap_sum" / nullIf("t6"."gaps", 0), 0) AS "gap_cv"
    FROM (
      SELECT
        "t3"."account_id" AS "account_id",
        SUM("t3"."n") AS "requests",
        SUM("t3"."throttled") AS "throttled",
        COUNT(*) AS "active_hours",
        (
          MAX("t3"."hour") - MIN("t3"."hour")
        ) + 1 AS "span",
        SUM("t3"."gaps") AS "gaps",
        SUM("t3"."gap_sum") AS "gap_sum",
        SUM("t3"."gap_squares") AS "gap_squares",
        sumIf("t3"."n", "t3"."hour" < (
          "t3"."start" + 24
        )) AS "first_day"
      FROM (
        SELECT
          "t0"."account_id" AS "account_id",
          "t0"."hour" AS "hour",
          "t0"."n" AS "n",
          "t0"."throttled" AS "throttled",
          "t0"."gaps" AS "gaps",
          "t0"."gap_sum" AS "gap_sum",
          "t0"."gap_squares" AS "gap_squares",
          MIN("t0"."hour") OVER (
            PARTITION BY "t0"."account_id"
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) AS "start"
        FROM "kept_1" AS "t0"
      ) AS "t3"
      GROUP BY
        "t3"."account_id"
    ) AS "t6"
  ) AS "t10"
) AS "t12"
INNER JOIN (
  SELECT
    "t5"."account_id" AS "account_id",
    -(
      SUM("t5"."share" * LN("t5"."share"))
    ) AS "hour_entropy"
  FROM (
    SELECT
      "t1"."account_id" AS "account_id",
      "t1"."of_day" AS "of_day",
      "t1"."n" AS "n",
      "t1"."n" / SUM("t1"."n") OVER (
        PARTITION BY "t1"."account_id"
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
      ) AS "share"
    FROM (
      SELECT
        "t0"."account_id" AS "account_id",
        "t0"."hour" % 24 AS "of_day",
        SUM("t0"."n") AS "n"
      FROM "kept_1" AS "t0"
      GROUP BY
        "t0"."account_id",
        "t0"."hour" % 24
    ) AS "t1"
  ) AS "t5"
  GROUP BY
    "t5"."account_id"
) AS "t9"
  ON "t12"."account_id" = "t9"."account_id"
INNER JOIN (
  SELECT
    "t15"."account_id" AS "account_id",
    COUNT(*) AS "active_days",
    MAX("t15"."risen") AS "change",
    argMax(tuple("t15"."day"), "t15"."risen").1 AS "change_day"
  FROM (
    SELECT
      "t14"."account_id" AS "account_id",
      "t14"."day" AS "day",
      "t14"."n" AS "n",
      "t14"."x" AS "x",
      "t14"."mean" AS "mean",
      "t14"."square" AS "square",
      "t14"."step" AS "step",
      "t14"."total" AS "total",
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
        "t13"."account_id" AS "account_id",
        "t13"."day" AS "day",
        "t13"."n" AS "n",
        "t13"."x" AS "x",
        "t13"."mean" AS "mean",
        "t13"."square" AS "square",
        "t13"."step" AS "step",
        SUM("t13"."step") OVER (
          PARTITION BY "t13"."account_id"
          ORDER BY "t13"."day" ASC
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS "total"
      FROM (
        SELECT
          "t7"."account_id" AS "account_id",
          "t7"."day" AS "day",
          "t7"."n" AS "n",
          "t7"."x" AS "x",
          "t7"."mean" AS "mean",
          "t7"."square" AS "square",
          (
            (
              "t7"."x" - "t7"."mean"
            ) / GREATEST(SQRT(GREATEST("t7"."square" - (
              "t7"."mean" * "t7"."mean"
            ), 0.0)), 0.1)
          ) - 0.5 AS "step"
        FROM (
          SELECT
            "t4"."account_id" AS "account_id",
            "t4"."day" AS "day",
            "t4"."n" AS "n",
            "t4"."x" AS "x",
            AVG("t4"."x") OVER (
              PARTITION BY "t4"."account_id"
              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) AS "mean",
            AVG("t4"."x" * "t4"."x") OVER (
              PARTITION BY "t4"."account_id"
              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) AS "square"
          FROM (
            SELECT
              "t2"."account_id" AS "account_id",
              "t2"."day" AS "day",
              "t2"."n" AS "n",
              LN(CAST("t2"."n" AS Nullable(Float64))) AS "x"
            FROM (
              SELECT
                "t0"."account_id" AS "account_id",
                CAST(FLOOR((
                  "t0"."hour"
                ) / (
                  24
                )) AS Nullable(Int64)) AS "day",
                SUM("t0"."n") AS "n"
              FROM "kept_1" AS "t0"
              GROUP BY
                "t0"."account_id",
                CAST(FLOOR((
                  "t0"."hour"
                ) / (
                  24
                )) AS Nullable(Int64))
            ) AS "t2"
          ) AS "t4"
        ) AS "t7"
      ) AS "t13"
    ) AS "t14"
  ) AS "t15"
  GROUP BY
    "t15"."account_id"
) AS "t17"
  ON "t12"."account_id" = "t17"."account_id";

SELECT
  "t7"."account_id" AS "account_id",
  COUNT(*) AS "minutes",
  SUM(
    CAST((
      "t7"."throttled" > 0
    ) OR (
      "t7"."passed" >= (
        "t7"."cap" * 0.95
      )
    ) AS Nullable(Int32))
  ) AS "at_limit"
FROM (
  SELECT
    "t6"."account_id" AS "account_id",
    "t6"."minute" AS "minute",
    "t6"."passed" AS "passed",
    "t6"."throttled" AS "throttled",
    MAX("t6"."passed") OVER (
      PARTITION BY "t6"."account_id"
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS "cap"
  FROM (
    SELECT
      "t5"."account_id" AS "account_id",
      "t5"."minute" AS "minute",
      SUM(CAST(NOT (
        "t5"."throttled"
      ) AS Nullable(Int32))) AS "passed",
      SUM(CAST("t5"."throttled" AS Nullable(Int32))) AS "throttled"
    FROM (
      SELECT
        "t2"."account_id" AS "account_id",
        CAST(FLOOR(
          (
            CAST(toRelativeSecondNum(dateTrunc('SECOND', toDateTime64("t2"."at", 0))) AS Nullable(Int64))
          ) / (
            60
          )
        ) AS Nullable(Int64)) AS "minute",
        COALESCE("t2"."status", '') = '429' AS "throttled"
      FROM "requests" AS "t2"
      LEFT SEMI JOIN (
        SELECT DISTINCT
          "t1"."account_id" AS "account_id"
        FROM "kept_1" AS "t1"
        WHERE
          "t1"."throttled" > 0
      ) AS "t4"
        ON "t2"."account_id" = "t4"."account_id"
    ) AS "t5"
    GROUP BY
      "t5"."account_id",
      "t5"."minute"
  ) AS "t6"
) AS "t7"
GROUP BY
  "t7"."account_id";

SELECT
  "t0"."account_id" AS "account_id",
  COALESCE("t0"."organisation", "t0"."account_id") AS "party",
  CAST(toRelativeSecondNum(dateTrunc('SECOND', toDateTime64("t0"."at", 0))) AS Nullable(Int64)) AS "second",
  SUBSTRING(
    "t0"."prompt",
    CASE WHEN (
      0 + 1
    ) >= 1 THEN 0 + 1 ELSE 0 + 1 + LENGTH("t0"."prompt") END,
    32
  ) AS "opening",
  COALESCE("t0"."status", '') = '429' AS "throttled"
FROM "requests" AS "t0";

SELECT
  "t0"."account_id" AS "account_id",
  "t0"."party" AS "party",
  "t0"."second" AS "second",
  "t0"."throttled" AS "throttled",
  CAST(FLOOR((
    "t0"."second"
  ) / (
    3600
  )) AS Nullable(Int64)) AS "hour",
  replaceRegexpAll(LOWER("t0"."opening"), '[0-9]+', '0') AS "wording"
FROM "kept_2" AS "t0"
WHERE
  LENGTH("t0"."opening") >= 16;

WITH "t3" AS (
  SELECT
    "t2"."account_id" AS "account_id",
    "t2"."party" AS "party",
    "t2"."wording" AS "wording",
    "t2"."hour" AS "hour",
    MIN("t2"."second") AS "at"
  FROM (
    SELECT
      *
    FROM "kept_3" AS "t0"
    WHERE
      "t0"."throttled"
  ) AS "t2"
  GROUP BY
    "t2"."account_id",
    "t2"."party",
    "t2"."wording",
    "t2"."hour"
)
SELECT
  "t21"."account_id" AS "account_id",
  COUNT(*) AS "events",
  SUM("t21"."hit") AS "followed",
  SUM("t21"."mean") AS "mean"
FROM (
  SELECT
    "t20"."account_id" AS "account_id",
    "t20"."wording" AS "wording",
    "t20"."hour" AS "hour",
    "t20"."at" AS "at",
    "t20"."others" AS "others",
    "t20"."hit" AS "hit",
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
      "t19"."account_id" AS "account_id",
      "t19"."wording" AS "wording",
      "t19"."hour" AS "hour",
      "t19"."at" AS "at",
      COUNT(*) AS "others",
      CAST(MAX("t19"."hit") AS Nullable(Int64)) AS "hit"
    FROM (
      SELECT
        "t18"."account_id" AS "account_id",
        "t18"."party" AS "party",
        "t18"."wording" AS "wording",
        "t18"."hour" AS "hour",
        "t18"."at" AS "at",
        "t18"."start" AS "start",
        "t18"."other" AS "other",
        "t18"."other_party" AS "other_party",
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
          "t5"."account_id" AS "account_id",
          "t5"."party" AS "party",
          "t5"."wording" AS "wording",
          "t5"."hour" AS "hour",
          "t5"."at" AS "at",
          "t17"."start" AS "start",
          "t17"."other" AS "other",
          "t17"."other_party" AS "other_party"
        FROM "t3" AS "t5"
        INNER JOIN (
          SELECT
            "t15"."wording" AS "wording",
            "t15"."hour" AS "hour",
            "t15"."start" AS "start",
            "t15"."account_id" AS "other",
            "t15"."party" AS "other_party"
          FROM (
            SELECT
              "t14"."account_id" AS "account_id",
              "t14"."party" AS "party",
              "t14"."wording" AS "wording",
              "t14"."hour" AS "hour",
              MIN("t14"."second") AS "start"
            FROM (
              SELECT
                *
              FROM (
                SELECT
                  "t12"."account_id" AS "account_id",
                  "t12"."party" AS "party",
                  "t12"."second" AS "second",
                  "t12"."throttled" AS "throttled",
                  "t12"."hour" AS "hour",
                  "t12"."wording" AS "wording",
                  lagInFrame("t12"."second") OVER (
                    PARTITION BY "t12"."account_id", "t12"."wording"
                    ORDER BY "t12"."second" ASC
                    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                  ) AS "before"
                FROM (
                  SELECT
                    "t1"."account_id" AS "account_id",
                    "t1"."party" AS "party",
                    "t1"."second" AS "second",
                    "t1"."throttled" AS "throttled",
                    "t1"."hour" AS "hour",
                    "t1"."wording" AS "wording"
                  FROM "kept_3" AS "t1"
                  LEFT SEMI JOIN (
                    SELECT
                      *
                    FROM (
                      SELECT
                        "t8"."wording" AS "wording",
                        uniq("t8"."party") AS "parties"
                      FROM (
                        SELECT
                          "t1"."account_id" AS "account_id",
                          "t1"."party" AS "party",
                          "t1"."second" AS "second",
                          "t1"."throttled" AS "throttled",
                          "t1"."hour" AS "hour",
                          "t1"."wording" AS "wording"
                        FROM "kept_3" AS "t1"
                        LEFT SEMI JOIN (
                          SELECT DISTINCT
                            "t4"."wording" AS "wording"
                          FROM "t3" AS "t4"
                        ) AS "t7"
                          ON "t1"."wording" = "t7"."wording"
                      ) AS "t8"
                      GROUP BY
                        "t8"."wording"
                    ) AS "t9"
                    WHERE
                      "t9"."parties" > 1 AND "t9"."parties" <= 200
                  ) AS "t11"
                    ON "t1"."wording" = "t11"."wording"
                ) AS "t12"
              ) AS "t13"
              WHERE
                NOT (
                  "t13"."throttled"
                )
                AND (
                  isNull("t13"."before") OR (
                    (
                      "t13"."second" - "t13"."before"
                    ) > 1800
                  )
                )
            ) AS "t14"
            GROUP BY
              "t14"."account_id",
              "t14"."party",
              "t14"."wording",
              "t14"."hour"
          ) AS "t15"
        ) AS "t17"
          ON "t5"."wording" = "t17"."wording" AND "t5"."hour" = "t17"."hour"
      ) AS "t18"
      WHERE
        "t18"."account_id" <> "t18"."other" AND "t18"."party" <> "t18"."other_party"
    ) AS "t19"
    GROUP BY
      "t19"."account_id",
      "t19"."wording",
      "t19"."hour",
      "t19"."at"
  ) AS "t20"
) AS "t21"
GROUP BY
  "t21"."account_id";

SELECT
  "t1"."account_id" AS "account_id"
FROM (
  SELECT
    "t0"."account_id" AS "account_id",
    SUM(CAST("t0"."kind" = 'user_agent' AS Nullable(Int32))) AS "clients",
    SUM(CAST("t0"."kind" = 'ip' AS Nullable(Int32))) AS "addresses",
    SUM(CAST("t0"."kind" = 'asn' AS Nullable(Int32))) AS "networks"
  FROM "kept_4" AS "t0"
  GROUP BY
    "t0"."account_id"
) AS "t1"
WHERE
  "t1"."clients" >= 10 AND "t1"."addresses" >= 10 AND "t1"."networks" >= 5;

SELECT
  *
FROM (
  SELECT
    "t12"."kind" AS "kind",
    "t12"."value" AS "value",
    SUM("t12"."accounts") AS "accounts",
    COUNT(*) AS "organisations",
    MAX("t12"."accounts") AS "largest",
    AVG("t12"."pace") AS "pace"
  FROM (
    SELECT
      "t11"."kind" AS "kind",
      "t11"."value" AS "value",
      "t11"."organisation" AS "organisation",
      COUNT(*) AS "accounts",
      AVG(LN("t11"."pace")) AS "pace"
    FROM (
      SELECT
        "t10"."account_id" AS "account_id",
        "t10"."organisation" AS "organisation",
        "t10"."kind" AS "kind",
        "t10"."value" AS "value",
        "t7"."pace" AS "pace"
      FROM (
        SELECT
          "t8"."account_id" AS "account_id",
          "t8"."organisation" AS "organisation",
          "t8"."kind" AS "kind",
          "t8"."value" AS "value"
        FROM (
          SELECT
            "t2"."account_id" AS "account_id",
            "t2"."kind" AS "kind",
            "t2"."value" AS "value",
            "t2"."organisation" AS "organisation",
            "t2"."first_at" AS "first_at",
            "t2"."last_at" AS "last_at",
            "t2"."count" AS "count"
          FROM "kept_4" AS "t2"
          LEFT ANTI JOIN (
            SELECT
              "t3"."account_id" AS "account_id"
            FROM (
              SELECT
                "t1"."account_id" AS "account_id",
                SUM(CAST("t1"."kind" = 'user_agent' AS Nullable(Int32))) AS "clients",
                SUM(CAST("t1"."kind" = 'ip' AS Nullable(Int32))) AS "addresses",
                SUM(CAST("t1"."kind" = 'asn' AS Nullable(Int32))) AS "networks"
              FROM "kept_4" AS "t1"
              GROUP BY
                "t1"."account_id"
            ) AS "t3"
            WHERE
              "t3"."clients" >= 10 AND "t3"."addresses" >= 10 AND "t3"."networks" >= 5
          ) AS "t6"
            ON "t2"."account_id" = "t6"."account_id"
        ) AS "t8"
        WHERE
          "t8"."kind" IN ('payment', 'asn')
      ) AS "t10"
      INNER JOIN (
        SELECT
          "t0"."account_id" AS "account_id",
          COUNT(*) / uniq(
            CAST(FLOOR(
              (
                CAST(toRelativeSecondNum(dateTrunc('SECOND', toDateTime64("t0"."at", 0))) AS Nullable(Int64))
              ) / (
                86400
              )
            ) AS Nullable(Int64))
          ) AS "pace"
        FROM "requests" AS "t0"
        GROUP BY
          "t0"."account_id"
      ) AS "t7"
        ON "t10"."account_id" = "t7"."account_id"
    ) AS "t11"
    GROUP BY
      "t11"."kind",
      "t11"."value",
      "t11"."organisation"
  ) AS "t12"
  GROUP BY
    "t12"."kind",
    "t12"."value"
) AS "t13"
WHERE
  "t13"."organisations" >= 5;

SELECT
  *
FROM (
  SELECT
    "t6"."account_id" AS "account_id",
    "t6"."prompt" AS "prompt",
    "t6"."first_at" AS "first_at",
    "t6"."model" AS "model",
    ROW_NUMBER() OVER (
      PARTITION BY "t6"."account_id"
      ORDER BY reinterpretAsInt64(sipHash64("t6"."prompt")) ASC, "t6"."prompt" ASC
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) - 1 AS "place"
  FROM (
    SELECT
      "t5"."account_id" AS "account_id",
      "t5"."prompt" AS "prompt",
      MIN("t5"."at") AS "first_at",
      MIN("t5"."model") AS "model"
    FROM (
      SELECT
        "t4"."request_id" AS "request_id",
        "t4"."at" AS "at",
        "t4"."account_id" AS "account_id",
        "t4"."organisation" AS "organisation",
        "t4"."plan" AS "plan",
        "t4"."account_created_at" AS "account_created_at",
        "t4"."api_key_id" AS "api_key_id",
        "t4"."ip" AS "ip",
        "t4"."asn" AS "asn",
        "t4"."user_agent" AS "user_agent",
        "t4"."payment" AS "payment",
        "t4"."email_domain" AS "email_domain",
        "t4"."registration" AS "registration",
        "t4"."device" AS "device",
        "t4"."model" AS "model",
        "t4"."prompt" AS "prompt",
        "t4"."input_tokens" AS "input_tokens",
        "t4"."cached_tokens" AS "cached_tokens",
        "t4"."output_tokens" AS "output_tokens",
        "t4"."reasoning_tokens" AS "reasoning_tokens",
        "t4"."status" AS "status",
        "t4"."stop_reason" AS "stop_reason",
        "t4"."end_user_id" AS "end_user_id",
        "t4"."session_id" AS "session_id",
        "t4"."provider" AS "provider",
        "t4"."operation" AS "operation",
        "t4"."latency_ms" AS "latency_ms"
      FROM (
        SELECT
          *
        FROM "requests" AS "t0"
        WHERE
          isNotNull("t0"."prompt")
      ) AS "t4"
      LEFT SEMI JOIN "given_1" AS "t2"
        ON "t4"."account_id" = "t2"."account_id"
    ) AS "t5"
    GROUP BY
      "t5"."account_id",
      "t5"."prompt"
  ) AS "t6"
) AS "t7"
WHERE
  "t7"."place" < 5
ORDER BY
  "t7"."account_id" ASC,
  "t7"."first_at" ASC,
  "t7"."place" ASC;

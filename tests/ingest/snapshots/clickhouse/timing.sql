SELECT
  "t2"."account_id" AS "account_id",
  CAST(toRelativeSecondNum(dateTrunc('SECOND', toDateTime64("t2"."at", 0))) AS Nullable(Int64)) AS "second"
FROM "requests" AS "t2"
LEFT SEMI JOIN "given_1" AS "t3"
  ON "t2"."account_id" = "t3"."account_id";

SELECT
  "t1"."account_id" AS "account_id",
  "t1"."hour" AS "hour",
  "t1"."part" AS "part",
  SUM(CAST(POWER(2.0, "t1"."cell") AS Nullable(Int64))) AS "cells",
  COUNT(*) AS "n"
FROM (
  SELECT DISTINCT
    "t0"."account_id" AS "account_id",
    CAST(FLOOR((
      "t0"."second"
    ) / (
      3600
    )) AS Nullable(Int64)) AS "hour",
    CAST(FLOOR(
      (
        CAST(FLOOR((
          "t0"."second"
        ) / (
          60
        )) AS Nullable(Int64)) % 60
      ) / (
        5
      )
    ) AS Nullable(Int64)) AS "part",
    (
      (
        (
          CAST(FLOOR((
            "t0"."second"
          ) / (
            60
          )) AS Nullable(Int64)) % 60
        ) % 5
      ) * 10
    ) + CAST(FLOOR((
      (
        "t0"."second" % 60
      ) - 5
    ) / (
      5
    )) AS Nullable(Int64)) AS "cell"
  FROM "kept_1" AS "t0"
  WHERE
    (
      "t0"."second" % 60
    ) >= 5 AND (
      "t0"."second" % 60
    ) < 55
) AS "t1"
GROUP BY
  "t1"."account_id",
  "t1"."hour",
  "t1"."part";

SELECT
  MAX(bitAnd("t0"."cells", 1100586419201) <> 0) AS "place_0",
  MAX(bitAnd("t0"."cells", 2201172838402) <> 0) AS "place_1",
  MAX(bitAnd("t0"."cells", 4402345676804) <> 0) AS "place_2",
  MAX(bitAnd("t0"."cells", 8804691353608) <> 0) AS "place_3",
  MAX(bitAnd("t0"."cells", 17609382707216) <> 0) AS "place_4",
  MAX(bitAnd("t0"."cells", 35218765414432) <> 0) AS "place_5",
  MAX(bitAnd("t0"."cells", 70437530828864) <> 0) AS "place_6",
  MAX(bitAnd("t0"."cells", 140875061657728) <> 0) AS "place_7",
  MAX(bitAnd("t0"."cells", 281750123315456) <> 0) AS "place_8",
  MAX(bitAnd("t0"."cells", 563500246630912) <> 0) AS "place_9"
FROM "kept_2" AS "t0";

SELECT
  "t0"."account_id" AS "account_id",
  COUNT(*) AS "n"
FROM "kept_2" AS "t0"
GROUP BY
  "t0"."account_id";

SELECT
  *
FROM (
  SELECT
    "t9"."pair" AS "pair",
    COUNT(*) AS "strata",
    SUM(CAST("t9"."hit" AS Nullable(Int32))) AS "hits",
    SUM("t9"."mean") AS "mean",
    uniqIf("t9"."hour", "t9"."hit") AS "hours"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        "t7"."pair" AS "pair",
        "t7"."one" AS "one",
        "t7"."other" AS "other",
        "t7"."hour" AS "hour",
        "t7"."part" AS "part",
        "t7"."cells" AS "cells",
        "t7"."n" AS "n",
        "t7"."other_cells" AS "other_cells",
        "t7"."other_n" AS "other_n",
        bitAnd("t7"."cells", "t7"."other_cells") <> 0 AS "hit",
        -(
          LEAST("t7"."n", "t7"."other_n")
        ) * LN(
          GREATEST(
            1.0 - (
              GREATEST("t7"."n", "t7"."other_n") / (
                51 - LEAST("t7"."n", "t7"."other_n")
              )
            ),
            0.25
          )
        ) AS "mean"
      FROM (
        SELECT
          "t2"."pair" AS "pair",
          "t2"."one" AS "one",
          "t2"."other" AS "other",
          "t5"."hour" AS "hour",
          "t5"."part" AS "part",
          "t5"."cells" AS "cells",
          "t5"."n" AS "n",
          "t6"."other_cells" AS "other_cells",
          "t6"."other_n" AS "other_n"
        FROM "given_2" AS "t2"
        INNER JOIN (
          SELECT
            "t1"."hour" AS "hour",
            "t1"."part" AS "part",
            "t1"."account_id" AS "one",
            "t1"."cells" AS "cells",
            "t1"."n" AS "n"
          FROM "kept_2" AS "t1"
        ) AS "t5"
          ON "t2"."one" = "t5"."one"
        INNER JOIN (
          SELECT
            "t1"."hour" AS "hour",
            "t1"."part" AS "part",
            "t1"."account_id" AS "other",
            "t1"."cells" AS "other_cells",
            "t1"."n" AS "other_n"
          FROM "kept_2" AS "t1"
        ) AS "t6"
          ON "t2"."other" = "t6"."other"
          AND "t5"."hour" = "t6"."hour"
          AND "t5"."part" = "t6"."part"
      ) AS "t7"
    ) AS "t8"
    WHERE
      "t8"."mean" <= 0.6931471805599453
  ) AS "t9"
  GROUP BY
    "t9"."pair"
) AS "t10"
WHERE
  "t10"."hits" > 0;

WITH "t1" AS (
  SELECT
    "t0"."account_id" AS "account_id",
    "t0"."second" AS "second",
    "t0"."second" - lagInFrame("t0"."second") OVER (
      PARTITION BY "t0"."account_id"
      ORDER BY "t0"."second" ASC
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS "before",
    leadInFrame("t0"."second") OVER (
      PARTITION BY "t0"."account_id"
      ORDER BY "t0"."second" ASC
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) - "t0"."second" AS "after"
  FROM "kept_1" AS "t0"
)
SELECT DISTINCT
  "t6"."account_id" AS "account_id",
  "t6"."is_end" AS "is_end",
  "t6"."hour" AS "hour",
  (
    CAST(FLOOR((
      "t6"."minute"
    ) / (
      30
    )) AS Nullable(Int64)) * 10
  ) + CAST(FLOOR((
    (
      "t6"."minute" % 30
    ) - 5
  ) / (
    2
  )) AS Nullable(Int64)) AS "cell"
FROM (
  SELECT
    "t5"."account_id" AS "account_id",
    "t5"."second" AS "second",
    "t5"."is_end" AS "is_end",
    CAST(FLOOR((
      "t5"."second"
    ) / (
      3600
    )) AS Nullable(Int64)) AS "hour",
    CAST(FLOOR((
      "t5"."second"
    ) / (
      60
    )) AS Nullable(Int64)) % 60 AS "minute"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        "t2"."account_id" AS "account_id",
        "t2"."second" AS "second",
        FALSE AS "is_end"
      FROM "t1" AS "t2"
      WHERE
        isNull("t2"."before") OR (
          "t2"."before" > 1800
        )
    ) AS "t3"
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        "t2"."account_id" AS "account_id",
        "t2"."second" + 60 AS "second",
        TRUE AS "is_end"
      FROM "t1" AS "t2"
      WHERE
        isNull("t2"."after") OR (
          "t2"."after" > 1800
        )
    ) AS "t4"
  ) AS "t5"
  WHERE
    (
      "t5"."second" % 60
    ) >= 5 AND (
      "t5"."second" % 60
    ) < 55
) AS "t6"
WHERE
  (
    "t6"."minute" % 30
  ) >= 5 AND (
    "t6"."minute" % 30
  ) < 25;

WITH "t7" AS (
  SELECT
    "t5"."account_id" AS "account_id",
    "t2"."party" AS "party",
    "t2"."value" AS "value",
    "t5"."hour" AS "hour",
    "t5"."cell" AS "cell"
  FROM (
    SELECT
      *
    FROM "kept_3" AS "t0"
    WHERE
      "t0"."is_end"
  ) AS "t5"
  INNER JOIN "given_3" AS "t2"
    ON "t5"."account_id" = "t2"."account_id"
)
SELECT
  "t22"."account_id" AS "account_id",
  "t22"."value" AS "value",
  COUNT(*) AS "strata",
  SUM(CAST("t22"."hit" AS Nullable(Int32))) AS "hits",
  SUM("t22"."mean") AS "mean",
  SUM(CAST("t22"."hit" AS Nullable(Int32))) AS "hours"
FROM (
  SELECT
    *
  FROM (
    SELECT
      "t20"."account_id" AS "account_id",
      "t20"."value" AS "value",
      "t20"."hour" AS "hour",
      "t20"."n" AS "n",
      "t20"."others" AS "others",
      "t20"."hit" AS "hit",
      -(
        LEAST("t20"."n", "t20"."others")
      ) * LN(
        GREATEST(
          1.0 - (
            GREATEST("t20"."n", "t20"."others") / (
              21 - LEAST("t20"."n", "t20"."others")
            )
          ),
          0.25
        )
      ) AS "mean"
    FROM (
      SELECT
        "t19"."account_id" AS "account_id",
        "t19"."value" AS "value",
        "t19"."hour" AS "hour",
        "t19"."n" AS "n",
        COUNT(*) AS "others",
        MAX(isNotNull("t19"."ended")) AS "hit"
      FROM (
        SELECT
          "t18"."account_id" AS "account_id",
          "t18"."value" AS "value",
          "t18"."hour" AS "hour",
          "t18"."cell" AS "cell",
          "t18"."n" AS "n",
          "t13"."account_id" AS "account_id_right",
          "t13"."value" AS "value_right",
          "t13"."hour" AS "hour_right",
          "t13"."cell" AS "cell_right",
          "t13"."ended" AS "ended"
        FROM (
          SELECT
            "t16"."account_id" AS "account_id",
            "t16"."value" AS "value",
            "t16"."hour" AS "hour",
            "t16"."cell" AS "cell",
            "t16"."n" AS "n"
          FROM (
            SELECT
              "t14"."account_id" AS "account_id",
              "t14"."party" AS "party",
              "t14"."value" AS "value",
              "t14"."hour" AS "hour",
              "t14"."n" AS "n",
              "t15"."cell" AS "cell",
              "t15"."least" AS "least",
              "t15"."most" AS "most"
            FROM (
              SELECT
                "t9"."account_id" AS "account_id",
                "t9"."party" AS "party",
                "t9"."value" AS "value",
                "t9"."hour" AS "hour",
                COUNT(*) AS "n"
              FROM "t7" AS "t9"
              GROUP BY
                "t9"."account_id",
                "t9"."party",
                "t9"."value",
                "t9"."hour"
            ) AS "t14"
            INNER JOIN (
              SELECT
                "t8"."value" AS "value",
                "t8"."hour" AS "hour",
                "t8"."cell" AS "cell",
                MIN("t8"."other_party") AS "least",
                MAX("t8"."other_party") AS "most"
              FROM (
                SELECT
                  "t2"."value" AS "value",
                  "t6"."hour" AS "hour",
                  "t6"."cell" AS "cell",
                  "t6"."account_id" AS "other",
                  "t2"."party" AS "other_party"
                FROM (
                  SELECT
                    *
                  FROM "kept_3" AS "t0"
                  WHERE
                    NOT (
                      "t0"."is_end"
                    )
                ) AS "t6"
                INNER JOIN "given_3" AS "t2"
                  ON "t6"."account_id" = "t2"."account_id"
              ) AS "t8"
              GROUP BY
                "t8"."value",
                "t8"."hour",
                "t8"."cell"
            ) AS "t15"
              ON "t14"."value" = "t15"."value" AND "t14"."hour" = "t15"."hour"
          ) AS "t16"
          WHERE
            (
              "t16"."least" <> "t16"."party"
            ) OR (
              "t16"."most" <> "t16"."party"
            )
        ) AS "t18"
        LEFT OUTER JOIN (
          SELECT
            "t9"."account_id" AS "account_id",
            "t9"."value" AS "value",
            "t9"."hour" AS "hour",
            "t9"."cell" AS "cell",
            1 AS "ended"
          FROM "t7" AS "t9"
        ) AS "t13"
          ON "t18"."account_id" = "t13"."account_id"
          AND "t18"."value" = "t13"."value"
          AND "t18"."hour" = "t13"."hour"
          AND "t18"."cell" = "t13"."cell"
      ) AS "t19"
      GROUP BY
        "t19"."account_id",
        "t19"."value",
        "t19"."hour",
        "t19"."n"
    ) AS "t20"
  ) AS "t21"
  WHERE
    "t21"."mean" <= 0.6931471805599453
) AS "t22"
GROUP BY
  "t22"."account_id",
  "t22"."value";

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
      LEFT SEMI JOIN "given_4" AS "t2"
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

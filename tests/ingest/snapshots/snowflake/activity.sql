SELECT
  *
FROM (
  SELECT
    "t4"."account_id",
    DATE_TRUNC('HOUR', "t4"."at") AS "hour",
    COALESCE("t4"."model", '') AS "model",
    COUNT(*) AS "requests",
    IFF(
      MAX("t4"."stop_reason" IS NOT NULL),
      SUM(
        CAST(LOWER("t4"."stop_reason") IN ('refusal', 'content_filter', 'safety', 'blocked') AS INT)
      ),
      CAST(NULL AS BIGINT)
    ) AS "refusals",
    SUM("t4"."input_tokens") AS "input_tokens",
    SUM("t4"."cached_tokens") AS "cached_tokens",
    SUM("t4"."output_tokens") AS "output_tokens",
    SUM("t4"."reasoning_tokens") AS "reasoning_tokens"
  FROM (
    SELECT
      "t2"."request_id",
      "t2"."at",
      "t2"."account_id",
      "t2"."organisation",
      "t2"."plan",
      "t2"."account_created_at",
      "t2"."api_key_id",
      "t2"."ip",
      "t2"."asn",
      "t2"."user_agent",
      "t2"."payment",
      "t2"."email_domain",
      "t2"."registration",
      "t2"."device",
      "t2"."model",
      "t2"."prompt",
      "t2"."input_tokens",
      "t2"."cached_tokens",
      "t2"."output_tokens",
      "t2"."reasoning_tokens",
      "t2"."status",
      "t2"."stop_reason",
      "t2"."end_user_id",
      "t2"."session_id",
      "t2"."provider",
      "t2"."operation",
      "t2"."latency_ms"
    FROM "requests" AS "t2"
    WHERE
      EXISTS(
        SELECT
          1
        FROM "given_1" AS "t3"
        WHERE
          "t2"."account_id" = "t3"."account_id"
      )
  ) AS "t4"
  GROUP BY
    1,
    2,
    3
) AS "t5"
ORDER BY
  "t5"."account_id" ASC,
  "t5"."hour" ASC,
  "t5"."model" ASC;

SELECT
  *
FROM (
  SELECT
    "t4"."account_id" AS "account_id",
    dateTrunc('HOUR', "t4"."at") AS "hour",
    COALESCE("t4"."model", '') AS "model",
    COUNT(*) AS "requests",
    CASE
      WHEN MAX(isNotNull("t4"."stop_reason"))
      THEN SUM(
        CAST(LOWER("t4"."stop_reason") IN ('refusal', 'content_filter', 'safety', 'blocked') AS Nullable(Int32))
      )
      ELSE CAST(NULL AS Nullable(Int64))
    END AS "refusals",
    SUM("t4"."input_tokens") AS "input_tokens",
    SUM("t4"."cached_tokens") AS "cached_tokens",
    SUM("t4"."output_tokens") AS "output_tokens",
    SUM("t4"."reasoning_tokens") AS "reasoning_tokens"
  FROM (
    SELECT
      "t2"."request_id" AS "request_id",
      "t2"."at" AS "at",
      "t2"."account_id" AS "account_id",
      "t2"."organisation" AS "organisation",
      "t2"."plan" AS "plan",
      "t2"."account_created_at" AS "account_created_at",
      "t2"."api_key_id" AS "api_key_id",
      "t2"."ip" AS "ip",
      "t2"."asn" AS "asn",
      "t2"."user_agent" AS "user_agent",
      "t2"."payment" AS "payment",
      "t2"."email_domain" AS "email_domain",
      "t2"."registration" AS "registration",
      "t2"."device" AS "device",
      "t2"."model" AS "model",
      "t2"."prompt" AS "prompt",
      "t2"."input_tokens" AS "input_tokens",
      "t2"."cached_tokens" AS "cached_tokens",
      "t2"."output_tokens" AS "output_tokens",
      "t2"."reasoning_tokens" AS "reasoning_tokens",
      "t2"."status" AS "status",
      "t2"."stop_reason" AS "stop_reason",
      "t2"."end_user_id" AS "end_user_id",
      "t2"."session_id" AS "session_id",
      "t2"."provider" AS "provider",
      "t2"."operation" AS "operation",
      "t2"."latency_ms" AS "latency_ms"
    FROM "requests" AS "t2"
    LEFT SEMI JOIN "given_1" AS "t3"
      ON "t2"."account_id" = "t3"."account_id"
  ) AS "t4"
  GROUP BY
    "t4"."account_id",
    dateTrunc('HOUR', "t4"."at"),
    COALESCE("t4"."model", '')
) AS "t5"
ORDER BY
  "t5"."account_id" ASC,
  "t5"."hour" ASC,
  "t5"."model" ASC;

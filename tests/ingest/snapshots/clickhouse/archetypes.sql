SELECT
  "t4"."account_id" AS "account_id",
  toHour("t4"."at") AS "hour",
  COUNT(*) AS "n"
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
  toHour("t4"."at");

SELECT
  "t4"."account_id" AS "account_id",
  uniq("t4"."user_agent") AS "clients",
  uniq("t4"."prompt") AS "prompts",
  COUNT("t4"."prompt") AS "told",
  AVG("t4"."output_tokens") AS "answer"
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
  "t4"."account_id";

WITH "t1" AS (
  SELECT
    *
  FROM "kept_1" AS "t0"
  WHERE
    "t0"."kind" = 'ip_prefix'
)
SELECT
  "t6"."account_id" AS "account_id",
  MAX("t6"."parties") AS "parties"
FROM (
  SELECT
    "t3"."account_id" AS "account_id",
    "t3"."kind" AS "kind",
    "t3"."value" AS "value",
    "t3"."organisation" AS "organisation",
    "t3"."first_at" AS "first_at",
    "t3"."last_at" AS "last_at",
    "t3"."count" AS "count",
    "t5"."parties" AS "parties"
  FROM "t1" AS "t3"
  INNER JOIN (
    SELECT
      "t2"."value" AS "value",
      uniq("t2"."organisation") AS "parties"
    FROM "t1" AS "t2"
    GROUP BY
      "t2"."value"
  ) AS "t5"
    ON "t3"."value" = "t5"."value"
) AS "t6"
GROUP BY
  "t6"."account_id";

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

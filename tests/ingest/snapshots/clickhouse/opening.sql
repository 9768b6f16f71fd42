SELECT
  nullIf(
    CASE
      WHEN match("t0"."event_id", '^\\s') OR match("t0"."event_id", '\\s$')
      THEN replaceRegexpAll("t0"."event_id", '^\\s+|\\s+$', '')
      ELSE "t0"."event_id"
    END,
    ''
  ) AS "request_id",
  CASE
    WHEN (
      CAST("t0"."observed_at" AS Nullable(DateTime)) >= parseDateTimeBestEffort('1990-01-01T00:00:00')
    )
    AND (
      CAST("t0"."observed_at" AS Nullable(DateTime)) < parseDateTimeBestEffort('2100-01-01T00:00:00')
    )
    THEN CAST("t0"."observed_at" AS Nullable(DateTime))
    ELSE CAST(NULL AS Nullable(DateTime))
  END AS "at",
  CASE
    WHEN isNotNull(
      CASE
        WHEN (
          CAST("t0"."observed_at" AS Nullable(DateTime)) >= parseDateTimeBestEffort('1990-01-01T00:00:00')
        )
        AND (
          CAST("t0"."observed_at" AS Nullable(DateTime)) < parseDateTimeBestEffort('2100-01-01T00:00:00')
        )
        THEN CAST("t0"."observed_at" AS Nullable(DateTime))
        ELSE CAST(NULL AS Nullable(DateTime))
      END
    )
    THEN 6
    ELSE CAST(NULL AS Nullable(Int8))
  END AS "at_written",
  SUBSTRING(
    nullIf(
      CASE
        WHEN match(CAST("t0"."user_id" AS Nullable(String)), '^\\s')
        OR match(CAST("t0"."user_id" AS Nullable(String)), '\\s$')
        THEN replaceRegexpAll(CAST("t0"."user_id" AS Nullable(String)), '^\\s+|\\s+$', '')
        ELSE CAST("t0"."user_id" AS Nullable(String))
      END,
      ''
    ),
    CASE
      WHEN (
        0 + 1
      ) >= 1
      THEN 0 + 1
      ELSE 0 + 1 + LENGTH(
        nullIf(
          CASE
            WHEN match(CAST("t0"."user_id" AS Nullable(String)), '^\\s')
            OR match(CAST("t0"."user_id" AS Nullable(String)), '\\s$')
            THEN replaceRegexpAll(CAST("t0"."user_id" AS Nullable(String)), '^\\s+|\\s+$', '')
            ELSE CAST("t0"."user_id" AS Nullable(String))
          END,
          ''
        )
      )
    END,
    200
  ) AS "account_id",
  CAST(NULL AS Nullable(String)) AS "organisation",
  CAST(NULL AS Nullable(String)) AS "plan",
  CAST(NULL AS Nullable(DateTime)) AS "account_created_at",
  CAST(NULL AS Nullable(String)) AS "api_key_id",
  CAST(NULL AS Nullable(String)) AS "ip",
  CAST(NULL AS Nullable(String)) AS "asn",
  CAST(NULL AS Nullable(String)) AS "user_agent",
  CAST(NULL AS Nullable(String)) AS "payment",
  CAST(NULL AS Nullable(String)) AS "email_domain",
  CAST(NULL AS Nullable(String)) AS "registration",
  CAST(NULL AS Nullable(String)) AS "device",
  CAST(NULL AS Nullable(String)) AS "model",
  nullIf(
    CASE
      WHEN match("t0"."prompt_text", '^\\s') OR match("t0"."prompt_text", '\\s$')
      THEN replaceRegexpAll("t0"."prompt_text", '^\\s+|\\s+$', '')
      ELSE "t0"."prompt_text"
    END,
    ''
  ) AS "prompt",
  CASE
    WHEN CAST(CASE
      WHEN (
        "t0"."tokens_in" >= 0
      ) AND (
        "t0"."tokens_in" < 9007199254740992.0
      )
      THEN "t0"."tokens_in"
      ELSE CAST(NULL AS Nullable(Float64))
    END AS Nullable(Int64)) >= 0
    THEN CAST(CASE
      WHEN (
        "t0"."tokens_in" >= 0
      ) AND (
        "t0"."tokens_in" < 9007199254740992.0
      )
      THEN "t0"."tokens_in"
      ELSE CAST(NULL AS Nullable(Float64))
    END AS Nullable(Int64))
    ELSE CAST(NULL AS Nullable(Int64))
  END AS "input_tokens",
  isNotNull("t0"."tokens_in")
  AND isNull(
    CASE
      WHEN CAST(CASE
        WHEN (
          "t0"."tokens_in" >= 0
        ) AND (
          "t0"."tokens_in" < 9007199254740992.0
        )
        THEN "t0"."tokens_in"
        ELSE CAST(NULL AS Nullable(Float64))
      END AS Nullable(Int64)) >= 0
      THEN CAST(CASE
        WHEN (
          "t0"."tokens_in" >= 0
        ) AND (
          "t0"."tokens_in" < 9007199254740992.0
        )
        THEN "t0"."tokens_in"
        ELSE CAST(NULL AS Nullable(Float64))
      END AS Nullable(Int64))
      ELSE CAST(NULL AS Nullable(Int64))
    END
  ) AS "input_tokens_unread",
  CAST(NULL AS Nullable(Int64)) AS "cached_tokens",
  CAST(NULL AS Nullable(Int64)) AS "output_tokens",
  CAST(NULL AS Nullable(Int64)) AS "reasoning_tokens",
  CAST(NULL AS Nullable(String)) AS "status",
  CAST(NULL AS Nullable(String)) AS "stop_reason",
  CAST(NULL AS Nullable(String)) AS "end_user_id",
  CAST(NULL AS Nullable(String)) AS "session_id",
  CAST(NULL AS Nullable(String)) AS "provider",
  CAST(NULL AS Nullable(String)) AS "operation",
  CAST(NULL AS Nullable(Int64)) AS "latency_ms"
FROM "events" AS "t0";

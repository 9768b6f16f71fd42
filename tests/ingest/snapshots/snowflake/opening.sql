SELECT
  NULLIF(
    IFF(
      REGEXP_LIKE("t0"."event_id", CONCAT('.*', '^\\s', '.*'), 'cs')
      OR REGEXP_LIKE("t0"."event_id", CONCAT('.*', '\\s$', '.*'), 'cs'),
      REGEXP_REPLACE("t0"."event_id", '^\\s+|\\s+$', ''),
      "t0"."event_id"
    ),
    ''
  ) AS "request_id",
  IFF(
    (
      CAST("t0"."observed_at" AS TIMESTAMP) >= TIMESTAMP_FROM_PARTS(1990, 1, 1, 0, 0, 0, 0)
    )
    AND (
      CAST("t0"."observed_at" AS TIMESTAMP) < TIMESTAMP_FROM_PARTS(2100, 1, 1, 0, 0, 0, 0)
    ),
    CAST("t0"."observed_at" AS TIMESTAMP),
    CAST(NULL AS TIMESTAMP)
  ) AS "at",
  IFF(
    IFF(
      (
        CAST("t0"."observed_at" AS TIMESTAMP) >= TIMESTAMP_FROM_PARTS(1990, 1, 1, 0, 0, 0, 0)
      )
      AND (
        CAST("t0"."observed_at" AS TIMESTAMP) < TIMESTAMP_FROM_PARTS(2100, 1, 1, 0, 0, 0, 0)
      ),
      CAST("t0"."observed_at" AS TIMESTAMP),
      CAST(NULL AS TIMESTAMP)
    ) IS NOT NULL,
    6,
    CAST(NULL AS TINYINT)
  ) AS "at_written",
  SUBSTRING(
    NULLIF(
      IFF(
        REGEXP_LIKE(CAST("t0"."user_id" AS VARCHAR), CONCAT('.*', '^\\s', '.*'), 'cs')
        OR REGEXP_LIKE(CAST("t0"."user_id" AS VARCHAR), CONCAT('.*', '\\s$', '.*'), 'cs'),
        REGEXP_REPLACE(CAST("t0"."user_id" AS VARCHAR), '^\\s+|\\s+$', ''),
        CAST("t0"."user_id" AS VARCHAR)
      ),
      ''
    ),
    IFF(
      (
        0 + 1
      ) >= 1,
      0 + 1,
      0 + 1 + LENGTH(
        NULLIF(
          IFF(
            REGEXP_LIKE(CAST("t0"."user_id" AS VARCHAR), CONCAT('.*', '^\\s', '.*'), 'cs')
            OR REGEXP_LIKE(CAST("t0"."user_id" AS VARCHAR), CONCAT('.*', '\\s$', '.*'), 'cs'),
            REGEXP_REPLACE(CAST("t0"."user_id" AS VARCHAR), '^\\s+|\\s+$', ''),
            CAST("t0"."user_id" AS VARCHAR)
          ),
          ''
        )
      )
    ),
    200
  ) AS "account_id",
  CAST(NULL AS VARCHAR) AS "organisation",
  CAST(NULL AS VARCHAR) AS "plan",
  CAST(NULL AS TIMESTAMP) AS "account_created_at",
  CAST(NULL AS VARCHAR) AS "api_key_id",
  CAST(NULL AS VARCHAR) AS "ip",
  CAST(NULL AS VARCHAR) AS "asn",
  CAST(NULL AS VARCHAR) AS "user_agent",
  CAST(NULL AS VARCHAR) AS "payment",
  CAST(NULL AS VARCHAR) AS "email_domain",
  CAST(NULL AS VARCHAR) AS "registration",
  CAST(NULL AS VARCHAR) AS "device",
  CAST(NULL AS VARCHAR) AS "model",
  NULLIF(
    IFF(
      REGEXP_LIKE("t0"."prompt_text", CONCAT('.*', '^\\s', '.*'), 'cs')
      OR REGEXP_LIKE("t0"."prompt_text", CONCAT('.*', '\\s$', '.*'), 'cs'),
      REGEXP_REPLACE("t0"."prompt_text", '^\\s+|\\s+$', ''),
      "t0"."prompt_text"
    ),
    ''
  ) AS "prompt",
  IFF(
    CAST(IFF(
      (
        "t0"."tokens_in" >= 0
      ) AND (
        "t0"."tokens_in" < 9007199254740992.0
      ),
      "t0"."tokens_in",
      CAST(NULL AS DOUBLE)
    ) AS BIGINT) >= 0,
    CAST(IFF(
      (
        "t0"."tokens_in" >= 0
      ) AND (
        "t0"."tokens_in" < 9007199254740992.0
      ),
      "t0"."tokens_in",
      CAST(NULL AS DOUBLE)
    ) AS BIGINT),
    CAST(NULL AS BIGINT)
  ) AS "input_tokens",
  (
    "t0"."tokens_in" IS NOT NULL
  )
  AND (
    IFF(
      CAST(IFF(
        (
          "t0"."tokens_in" >= 0
        ) AND (
          "t0"."tokens_in" < 9007199254740992.0
        ),
        "t0"."tokens_in",
        CAST(NULL AS DOUBLE)
      ) AS BIGINT) >= 0,
      CAST(IFF(
        (
          "t0"."tokens_in" >= 0
        ) AND (
          "t0"."tokens_in" < 9007199254740992.0
        ),
        "t0"."tokens_in",
        CAST(NULL AS DOUBLE)
      ) AS BIGINT),
      CAST(NULL AS BIGINT)
    ) IS NULL
  ) AS "input_tokens_unread",
  CAST(NULL AS BIGINT) AS "cached_tokens",
  CAST(NULL AS BIGINT) AS "output_tokens",
  CAST(NULL AS BIGINT) AS "reasoning_tokens",
  CAST(NULL AS VARCHAR) AS "status",
  CAST(NULL AS VARCHAR) AS "stop_reason",
  CAST(NULL AS VARCHAR) AS "end_user_id",
  CAST(NULL AS VARCHAR) AS "session_id",
  CAST(NULL AS VARCHAR) AS "provider",
  CAST(NULL AS VARCHAR) AS "operation",
  CAST(NULL AS BIGINT) AS "latency_ms"
FROM "events" AS "t0";

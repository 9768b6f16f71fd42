SELECT
  NULLIF(
    IF(
      REGEXP_CONTAINS(`t0`.`event_id`, '^\\s')
      OR REGEXP_CONTAINS(`t0`.`event_id`, '\\s$'),
      REGEXP_REPLACE(`t0`.`event_id`, '^\\s+|\\s+$', ''),
      `t0`.`event_id`
    ),
    ''
  ) AS `request_id`,
  IF(
    (
      CAST(`t0`.`observed_at` AS DATETIME) >= DATETIME('1990-01-01T00:00:00')
    )
    AND (
      CAST(`t0`.`observed_at` AS DATETIME) < DATETIME('2100-01-01T00:00:00')
    ),
    CAST(`t0`.`observed_at` AS DATETIME),
    CAST(NULL AS DATETIME)
  ) AS `at`,
  IF(
    IF(
      (
        CAST(`t0`.`observed_at` AS DATETIME) >= DATETIME('1990-01-01T00:00:00')
      )
      AND (
        CAST(`t0`.`observed_at` AS DATETIME) < DATETIME('2100-01-01T00:00:00')
      ),
      CAST(`t0`.`observed_at` AS DATETIME),
      CAST(NULL AS DATETIME)
    ) IS NOT NULL,
    6,
    CAST(NULL AS INT64)
  ) AS `at_written`,
  SUBSTRING(
    NULLIF(
      IF(
        REGEXP_CONTAINS(CAST(`t0`.`user_id` AS STRING), '^\\s')
        OR REGEXP_CONTAINS(CAST(`t0`.`user_id` AS STRING), '\\s$'),
        REGEXP_REPLACE(CAST(`t0`.`user_id` AS STRING), '^\\s+|\\s+$', ''),
        CAST(`t0`.`user_id` AS STRING)
      ),
      ''
    ),
    IF(
      (
        0 + 1
      ) >= 1,
      0 + 1,
      0 + 1 + LENGTH(
        NULLIF(
          IF(
            REGEXP_CONTAINS(CAST(`t0`.`user_id` AS STRING), '^\\s')
            OR REGEXP_CONTAINS(CAST(`t0`.`user_id` AS STRING), '\\s$'),
            REGEXP_REPLACE(CAST(`t0`.`user_id` AS STRING), '^\\s+|\\s+$', ''),
            CAST(`t0`.`user_id` AS STRING)
          ),
          ''
        )
      )
    ),
    200
  ) AS `account_id`,
  CAST(NULL AS STRING) AS `organisation`,
  CAST(NULL AS STRING) AS `plan`,
  CAST(NULL AS DATETIME) AS `account_created_at`,
  CAST(NULL AS STRING) AS `api_key_id`,
  CAST(NULL AS STRING) AS `ip`,
  CAST(NULL AS STRING) AS `asn`,
  CAST(NULL AS STRING) AS `user_agent`,
  CAST(NULL AS STRING) AS `payment`,
  CAST(NULL AS STRING) AS `email_domain`,
  CAST(NULL AS STRING) AS `registration`,
  CAST(NULL AS STRING) AS `device`,
  CAST(NULL AS STRING) AS `model`,
  NULLIF(
    IF(
      REGEXP_CONTAINS(`t0`.`prompt_text`, '^\\s')
      OR REGEXP_CONTAINS(`t0`.`prompt_text`, '\\s$'),
      REGEXP_REPLACE(`t0`.`prompt_text`, '^\\s+|\\s+$', ''),
      `t0`.`prompt_text`
    ),
    ''
  ) AS `prompt`,
  IF(
    CAST(TRUNC(
      IF(
        (
          `t0`.`tokens_in` >= 0
        ) AND (
          `t0`.`tokens_in` < 9007199254740992.0
        ),
        `t0`.`tokens_in`,
        CAST(NULL AS FLOAT64)
      )
    ) AS INT64) >= 0,
    CAST(TRUNC(
      IF(
        (
          `t0`.`tokens_in` >= 0
        ) AND (
          `t0`.`tokens_in` < 9007199254740992.0
        ),
        `t0`.`tokens_in`,
        CAST(NULL AS FLOAT64)
      )
    ) AS INT64),
    CAST(NULL AS INT64)
  ) AS `input_tokens`,
  (
    `t0`.`tokens_in` IS NOT NULL
  )
  AND (
    IF(
      CAST(TRUNC(
        IF(
          (
            `t0`.`tokens_in` >= 0
          ) AND (
            `t0`.`tokens_in` < 9007199254740992.0
          ),
          `t0`.`tokens_in`,
          CAST(NULL AS FLOAT64)
        )
      ) AS INT64) >= 0,
      CAST(TRUNC(
        IF(
          (
            `t0`.`tokens_in` >= 0
          ) AND (
            `t0`.`tokens_in` < 9007199254740992.0
          ),
          `t0`.`tokens_in`,
          CAST(NULL AS FLOAT64)
        )
      ) AS INT64),
      CAST(NULL AS INT64)
    ) IS NULL
  ) AS `input_tokens_unread`,
  CAST(NULL AS INT64) AS `cached_tokens`,
  CAST(NULL AS INT64) AS `output_tokens`,
  CAST(NULL AS INT64) AS `reasoning_tokens`,
  CAST(NULL AS STRING) AS `status`,
  CAST(NULL AS STRING) AS `stop_reason`,
  CAST(NULL AS STRING) AS `end_user_id`,
  CAST(NULL AS STRING) AS `session_id`,
  CAST(NULL AS STRING) AS `provider`,
  CAST(NULL AS STRING) AS `operation`,
  CAST(NULL AS INT64) AS `latency_ms`
FROM `events` AS `t0`;

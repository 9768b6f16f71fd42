SELECT
  *
FROM (
  SELECT
    "t7"."account_id",
    "t7"."prompt",
    "t7"."fixed",
    "t7"."first_at",
    "t7"."model",
    "t7"."carries",
    ROW_NUMBER() OVER (
      PARTITION BY "t7"."account_id"
      ORDER BY "t7"."carries" DESC NULLS LAST, HASH("t7"."prompt") ASC, "t7"."prompt" ASC
    ) - 1 AS "place"
  FROM (
    SELECT
      "t6"."account_id",
      "t6"."prompt",
      "t6"."fixed",
      "t6"."first_at",
      "t6"."model",
      CONTAINS(
        IFF(
          REGEXP_LIKE(
            REGEXP_REPLACE(
              REGEXP_REPLACE(
                REGEXP_REPLACE(
                  REGEXP_REPLACE(
                    REGEXP_REPLACE(
                      LOWER(
                        IFF(
                          LENGTH("t6"."prompt") > 4000,
                          CONCAT(
                            CONCAT(
                              SUBSTRING("t6"."prompt", IFF((
                                0 + 1
                              ) >= 1, 0 + 1, 0 + 1 + LENGTH("t6"."prompt")), 2000),
                              ' … '
                            ),
                            RIGHT("t6"."prompt", 2000)
                          ),
                          "t6"."prompt"
                        )
                      ),
                      'https?://[^\\s\\"\'<>)]+',
                      '⟨link⟩'
                    ),
                    '\\"[^\\"]+\\"|“[^”]+”|`[^`]+`',
                    '⟨text⟩'
                  ),
                  '[0-9a-z_-]*[0-9][0-9a-z_-]{15,}',
                  '⟨id⟩'
                ),
                '[0-9]+([.,:/][0-9]+)*',
                '⟨n⟩'
              ),
              '\\s\\s+|[\\n\\r\\t]',
              ' '
            ),
            CONCAT('.*', '^\\s', '.*'),
            'cs'
          )
          OR REGEXP_LIKE(
            REGEXP_REPLACE(
              REGEXP_REPLACE(
                REGEXP_REPLACE(
                  REGEXP_REPLACE(
                    REGEXP_REPLACE(
                      LOWER(
                        IFF(
                          LENGTH("t6"."prompt") > 4000,
                          CONCAT(
                            CONCAT(
                              SUBSTRING("t6"."prompt", IFF((
                                0 + 1
                              ) >= 1, 0 + 1, 0 + 1 + LENGTH("t6"."prompt")), 2000),
                              ' … '
                            ),
                            RIGHT("t6"."prompt", 2000)
                          ),
                          "t6"."prompt"
                        )
                      ),
                      'https?://[^\\s\\"\'<>)]+',
                      '⟨link⟩'
                    ),
                    '\\"[^\\"]+\\"|“[^”]+”|`[^`]+`',
                    '⟨text⟩'
                  ),
                  '[0-9a-z_-]*[0-9][0-9a-z_-]{15,}',
                  '⟨id⟩'
                ),
                '[0-9]+([.,:/][0-9]+)*',
                '⟨n⟩'
              ),
              '\\s\\s+|[\\n\\r\\t]',
              ' '
            ),
            CONCAT('.*', '\\s$', '.*'),
            'cs'
          ),
          REGEXP_REPLACE(
            REGEXP_REPLACE(
              REGEXP_REPLACE(
                REGEXP_REPLACE(
                  REGEXP_REPLACE(
                    REGEXP_REPLACE(
                      LOWER(
                        IFF(
                          LENGTH("t6"."prompt") > 4000,
                          CONCAT(
                            CONCAT(
                              SUBSTRING("t6"."prompt", IFF((
                                0 + 1
                              ) >= 1, 0 + 1, 0 + 1 + LENGTH("t6"."prompt")), 2000),
                              ' … '
                            ),
                            RIGHT("t6"."prompt", 2000)
                          ),
                          "t6"."prompt"
                        )
                      ),
                      'https?://[^\\s\\"\'<>)]+',
                      '⟨link⟩'
                    ),
                    '\\"[^\\"]+\\"|“[^”]+”|`[^`]+`',
                    '⟨text⟩'
                  ),
                  '[0-9a-z_-]*[0-9][0-9a-z_-]{15,}',
                  '⟨id⟩'
                ),
                '[0-9]+([.,:/][0-9]+)*',
                '⟨n⟩'
              ),
              '\\s\\s+|[\\n\\r\\t]',
              ' '
            ),
            '^\\s+|\\s+$',
            ''
          ),
          REGEXP_REPLACE(
            REGEXP_REPLACE(
              REGEXP_REPLACE(
                REGEXP_REPLACE(
                  REGEXP_REPLACE(
                    LOWER(
                      IFF(
                        LENGTH("t6"."prompt") > 4000,
                        CONCAT(
                          CONCAT(
                            SUBSTRING("t6"."prompt", IFF((
                              0 + 1
                            ) >= 1, 0 + 1, 0 + 1 + LENGTH("t6"."prompt")), 2000),
                            ' … '
                          ),
                          RIGHT("t6"."prompt", 2000)
                        ),
                        "t6"."prompt"
                      )
                    ),
                    'https?://[^\\s\\"\'<>)]+',
                    '⟨link⟩'
                  ),
                  '\\"[^\\"]+\\"|“[^”]+”|`[^`]+`',
                  '⟨text⟩'
                ),
                '[0-9a-z_-]*[0-9][0-9a-z_-]{15,}',
                '⟨id⟩'
              ),
              '[0-9]+([.,:/][0-9]+)*',
              '⟨n⟩'
            ),
            '\\s\\s+|[\\n\\r\\t]',
            ' '
          )
        ),
        "t6"."fixed"
      ) AS "carries"
    FROM (
      SELECT
        "t5"."account_id",
        "t5"."prompt",
        "t5"."fixed",
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
          "t4"."latency_ms",
          "t2"."fixed"
        FROM (
          SELECT
            *
          FROM "requests" AS "t0"
          WHERE
            "t0"."prompt" IS NOT NULL
        ) AS "t4"
        INNER JOIN "given_1" AS "t2"
          ON "t4"."account_id" = "t2"."account_id"
      ) AS "t5"
      GROUP BY
        1,
        2,
        3
    ) AS "t6"
  ) AS "t7"
) AS "t8"
WHERE
  "t8"."place" < 5
ORDER BY
  "t8"."account_id" ASC,
  "t8"."place" ASC;

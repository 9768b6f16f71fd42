SELECT
  *
FROM (
  SELECT
    "t7"."account_id" AS "account_id",
    "t7"."prompt" AS "prompt",
    "t7"."fixed" AS "fixed",
    "t7"."first_at" AS "first_at",
    "t7"."model" AS "model",
    "t7"."carries" AS "carries",
    ROW_NUMBER() OVER (
      PARTITION BY "t7"."account_id"
      ORDER BY "t7"."carries" DESC, reinterpretAsInt64(sipHash64("t7"."prompt")) ASC, "t7"."prompt" ASC
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) - 1 AS "place"
  FROM (
    SELECT
      "t6"."account_id" AS "account_id",
      "t6"."prompt" AS "prompt",
      "t6"."fixed" AS "fixed",
      "t6"."first_at" AS "first_at",
      "t6"."model" AS "model",
      position(
        CASE
          WHEN match(
            replaceRegexpAll(
              replaceRegexpAll(
                replaceRegexpAll(
                  replaceRegexpAll(
                    replaceRegexpAll(
                      LOWER(
                        CASE
                          WHEN LENGTH("t6"."prompt") > 4000
                          THEN CONCAT(
                            CONCAT(
                              SUBSTRING(
                                "t6"."prompt",
                                CASE WHEN (
                                  0 + 1
                                ) >= 1 THEN 0 + 1 ELSE 0 + 1 + LENGTH("t6"."prompt") END,
                                2000
                              ),
                              ' … '
                            ),
                            RIGHT("t6"."prompt", 2000)
                          )
                          ELSE "t6"."prompt"
                        END
                      ),
                      'https?://[^\\s\\"''<>)]+',
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
            '^\\s'
          )
          OR match(
            replaceRegexpAll(
              replaceRegexpAll(
                replaceRegexpAll(
                  replaceRegexpAll(
                    replaceRegexpAll(
                      LOWER(
                        CASE
                          WHEN LENGTH("t6"."prompt") > 4000
                          THEN CONCAT(
                            CONCAT(
                              SUBSTRING(
                                "t6"."prompt",
                                CASE WHEN (
                                  0 + 1
                                ) >= 1 THEN 0 + 1 ELSE 0 + 1 + LENGTH("t6"."prompt") END,
                                2000
                              ),
                              ' … '
                            ),
                            RIGHT("t6"."prompt", 2000)
                          )
                          ELSE "t6"."prompt"
                        END
                      ),
                      'https?://[^\\s\\"''<>)]+',
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
            '\\s$'
          )
          THEN replaceRegexpAll(
            replaceRegexpAll(
              replaceRegexpAll(
                replaceRegexpAll(
                  replaceRegexpAll(
                    replaceRegexpAll(
                      LOWER(
                        CASE
                          WHEN LENGTH("t6"."prompt") > 4000
                          THEN CONCAT(
                            CONCAT(
                              SUBSTRING(
                                "t6"."prompt",
                                CASE WHEN (
                                  0 + 1
                                ) >= 1 THEN 0 + 1 ELSE 0 + 1 + LENGTH("t6"."prompt") END,
                                2000
                              ),
                              ' … '
                            ),
                            RIGHT("t6"."prompt", 2000)
                          )
                          ELSE "t6"."prompt"
                        END
                      ),
                      'https?://[^\\s\\"''<>)]+',
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
          )
          ELSE replaceRegexpAll(
            replaceRegexpAll(
              replaceRegexpAll(
                replaceRegexpAll(
                  replaceRegexpAll(
                    LOWER(
                      CASE
                        WHEN LENGTH("t6"."prompt") > 4000
                        THEN CONCAT(
                          CONCAT(
                            SUBSTRING(
                              "t6"."prompt",
                              CASE WHEN (
                                0 + 1
                              ) >= 1 THEN 0 + 1 ELSE 0 + 1 + LENGTH("t6"."prompt") END,
                              2000
                            ),
                            ' … '
                          ),
                          RIGHT("t6"."prompt", 2000)
                        )
                        ELSE "t6"."prompt"
                      END
                    ),
                    'https?://[^\\s\\"''<>)]+',
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
        END,
        "t6"."fixed"
      ) > 0 AS "carries"
    FROM (
      SELECT
        "t5"."account_id" AS "account_id",
        "t5"."prompt" AS "prompt",
        "t5"."fixed" AS "fixed",
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
          "t4"."latency_ms" AS "latency_ms",
          "t2"."fixed" AS "fixed"
        FROM (
          SELECT
            *
          FROM "requests" AS "t0"
          WHERE
            isNotNull("t0"."prompt")
        ) AS "t4"
        INNER JOIN "given_1" AS "t2"
          ON "t4"."account_id" = "t2"."account_id"
      ) AS "t5"
      GROUP BY
        "t5"."account_id",
        "t5"."prompt",
        "t5"."fixed"
    ) AS "t6"
  ) AS "t7"
) AS "t8"
WHERE
  "t8"."place" < 5
ORDER BY
  "t8"."account_id" ASC,
  "t8"."place" ASC;

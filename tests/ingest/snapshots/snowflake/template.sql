SELECT
  *
FROM (
  SELECT
    "t13"."account_id",
    "t13"."prompt",
    "t13"."first_at",
    "t13"."model",
    "t13"."carries",
    ROW_NUMBER() OVER (
      PARTITION BY "t13"."account_id"
      ORDER BY "t13"."carries" DESC NULLS LAST, HASH("t13"."prompt") ASC, "t13"."prompt" ASC
    ) - 1 AS "place"
  FROM (
    SELECT
      "t12"."account_id",
      "t12"."prompt",
      "t12"."first_at",
      "t12"."model",
      CONTAINS("t12"."text", "t12"."fixed") AS "carries"
    FROM (
      SELECT
        "t11"."account_id",
        "t11"."prompt",
        "t11"."fixed",
        "t11"."first_at",
        "t11"."model",
        IFF(
          REGEXP_LIKE("t11"."text", CONCAT('.*', '^\\s', '.*'), 'cs')
          OR REGEXP_LIKE("t11"."text", CONCAT('.*', '\\s$', '.*'), 'cs'),
          REGEXP_REPLACE("t11"."text", '^\\s+|\\s+$', ''),
          "t11"."text"
        ) AS "text"
      FROM (
        SELECT
          "t10"."account_id",
          "t10"."prompt",
          "t10"."fixed",
          "t10"."first_at",
          "t10"."model",
          IFF(
            CONTAINS("t10"."text", '  ')
            OR CONTAINS("t10"."text", '\n')
            OR CONTAINS("t10"."text", '\r')
            OR CONTAINS("t10"."text", '\t')
            OR CONTAINS("t10"."text", '\f'),
            REGEXP_REPLACE("t10"."text", '\\s\\s+|[\\n\\r\\t]', ' '),
            "t10"."text"
          ) AS "text"
        FROM (
          SELECT
            "t9"."account_id",
            "t9"."prompt",
            "t9"."fixed",
            "t9"."first_at",
            "t9"."model",
            REGEXP_REPLACE(
              IFF(
                REGEXP_LIKE("t9"."text", CONCAT('.*', '[0-9][0-9a-z_-]{15}', '.*'), 'cs'),
                REGEXP_REPLACE("t9"."text", '[0-9a-z_-]*[0-9][0-9a-z_-]{15,}', '⟨id⟩'),
                "t9"."text"
              ),
              '[0-9]+([.,:/][0-9]+)*',
              '⟨n⟩'
            ) AS "text"
          FROM (
            SELECT
              "t8"."account_id",
              "t8"."prompt",
              "t8"."fixed",
              "t8"."first_at",
              "t8"."model",
              IFF(
                CONTAINS("t8"."text", '"')
                OR CONTAINS("t8"."text", '“')
                OR CONTAINS("t8"."text", '`'),
                REGEXP_REPLACE("t8"."text", '\\"[^\\"]+\\"|“[^”]+”|`[^`]+`', '⟨text⟩'),
                "t8"."text"
              ) AS "text"
            FROM (
              SELECT
                "t7"."account_id",
                "t7"."prompt",
                "t7"."fixed",
                "t7"."first_at",
                "t7"."model",
                IFF(
                  CONTAINS("t7"."text", '://'),
                  REGEXP_REPLACE("t7"."text", 'https?://[^\\s\\"\'<>)]+', '⟨link⟩'),
                  "t7"."text"
                ) AS "text"
              FROM (
                SELECT
                  "t6"."account_id",
                  "t6"."prompt",
                  "t6"."fixed",
                  "t6"."first_at",
                  "t6"."model",
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
                  ) AS "text"
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
          ) AS "t9"
        ) AS "t10"
      ) AS "t11"
    ) AS "t12"
  ) AS "t13"
) AS "t14"
WHERE
  "t14"."place" < 5
ORDER BY
  "t14"."account_id" ASC,
  "t14"."place" ASC;

SELECT
  *
FROM (
  SELECT
    "t13"."account_id" AS "account_id",
    "t13"."prompt" AS "prompt",
    "t13"."first_at" AS "first_at",
    "t13"."model" AS "model",
    "t13"."carries" AS "carries",
    ROW_NUMBER() OVER (
      PARTITION BY "t13"."account_id"
      ORDER BY "t13"."carries" DESC, reinterpretAsInt64(sipHash64("t13"."prompt")) ASC, "t13"."prompt" ASC
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) - 1 AS "place"
  FROM (
    SELECT
      "t12"."account_id" AS "account_id",
      "t12"."prompt" AS "prompt",
      "t12"."first_at" AS "first_at",
      "t12"."model" AS "model",
      position("t12"."text", "t12"."fixed") > 0 AS "carries"
    FROM (
      SELECT
        "t11"."account_id" AS "account_id",
        "t11"."prompt" AS "prompt",
        "t11"."fixed" AS "fixed",
        "t11"."first_at" AS "first_at",
        "t11"."model" AS "model",
        CASE
          WHEN match("t11"."text", '^\\s') OR match("t11"."text", '\\s$')
          THEN replaceRegexpAll("t11"."text", '^\\s+|\\s+$', '')
          ELSE "t11"."text"
        END AS "text"
      FROM (
        SELECT
          "t10"."account_id" AS "account_id",
          "t10"."prompt" AS "prompt",
          "t10"."fixed" AS "fixed",
          "t10"."first_at" AS "first_at",
          "t10"."model" AS "model",
          CASE
            WHEN (
              position("t10"."text", '  ') > 0
            )
            OR (
              position("t10"."text", '\n') > 0
            )
            OR (
              position("t10"."text", '\r') > 0
            )
            OR (
              position("t10"."text", '\t') > 0
            )
            OR (
              position("t10"."text", '\f') > 0
            )
            THEN replaceRegexpAll("t10"."text", '\\s\\s+|[\\n\\r\\t]', ' ')
            ELSE "t10"."text"
          END AS "text"
        FROM (
          SELECT
            "t9"."account_id" AS "account_id",
            "t9"."prompt" AS "prompt",
            "t9"."fixed" AS "fixed",
            "t9"."first_at" AS "first_at",
            "t9"."model" AS "model",
            replaceRegexpAll(
              CASE
                WHEN match("t9"."text", '[0-9][0-9a-z_-]{15}')
                THEN replaceRegexpAll("t9"."text", '[0-9a-z_-]*[0-9][0-9a-z_-]{15,}', '⟨id⟩')
                ELSE "t9"."text"
              END,
              '[0-9]+([.,:/][0-9]+)*',
              '⟨n⟩'
            ) AS "text"
          FROM (
            SELECT
              "t8"."account_id" AS "account_id",
              "t8"."prompt" AS "prompt",
              "t8"."fixed" AS "fixed",
              "t8"."first_at" AS "first_at",
              "t8"."model" AS "model",
              CASE
                WHEN (
                  position("t8"."text", '"') > 0
                )
                OR (
                  position("t8"."text", '“') > 0
                )
                OR (
                  position("t8"."text", '`') > 0
                )
                THEN replaceRegexpAll("t8"."text", '\\"[^\\"]+\\"|“[^”]+”|`[^`]+`', '⟨text⟩')
                ELSE "t8"."text"
              END AS "text"
            FROM (
              SELECT
                "t7"."account_id" AS "account_id",
                "t7"."prompt" AS "prompt",
                "t7"."fixed" AS "fixed",
                "t7"."first_at" AS "first_at",
                "t7"."model" AS "model",
                CASE
                  WHEN position("t7"."text", '://') > 0
                  THEN replaceRegexpAll("t7"."text", 'https?://[^\\s\\"''<>)]+', '⟨link⟩')
                  ELSE "t7"."text"
                END AS "text"
              FROM (
                SELECT
                  "t6"."account_id" AS "account_id",
                  "t6"."prompt" AS "prompt",
                  "t6"."fixed" AS "fixed",
                  "t6"."first_at" AS "first_at",
                  "t6"."model" AS "model",
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
                  ) AS "text"
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

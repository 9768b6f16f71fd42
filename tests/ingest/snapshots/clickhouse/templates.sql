SELECT
  "t8"."account_id" AS "account_id",
  "t8"."organisation" AS "organisation",
  "t8"."at" AS "at",
  "t8"."prompt_key" AS "prompt_key",
  reinterpretAsInt64(sipHash64("t8"."text")) AS "skeleton_key",
  CASE
    WHEN CASE
      WHEN NOT (
        (
          position("t8"."opening_80", '⟨') > 0
        )
        OR (
          position("t8"."opening_80", '⟩') > 0
        )
      )
      THEN match("t8"."opening_80", '^([\\s0-9!-/:-@\\[-`{-~]*[^\\s0-9!-/:-@\\[-`{-~]){14}')
      ELSE LENGTH(
        replaceRegexpAll(
          replaceRegexpAll("t8"."opening_80", '⟨[a-z]*⟩?|^[a-z]*⟩', ''),
          '[\\s0-9!-/:-@\\[-`{-~]+',
          ''
        )
      ) >= 14
    END
    THEN reinterpretAsInt64(sipHash64(CONCAT("t8"."opening_80", '|opening_80')))
    ELSE CAST(NULL AS Nullable(Int64))
  END AS "opening_80",
  CASE
    WHEN CASE
      WHEN NOT (
        (
          position("t8"."opening_32", '⟨') > 0
        )
        OR (
          position("t8"."opening_32", '⟩') > 0
        )
      )
      THEN match("t8"."opening_32", '^([\\s0-9!-/:-@\\[-`{-~]*[^\\s0-9!-/:-@\\[-`{-~]){14}')
      ELSE LENGTH(
        replaceRegexpAll(
          replaceRegexpAll("t8"."opening_32", '⟨[a-z]*⟩?|^[a-z]*⟩', ''),
          '[\\s0-9!-/:-@\\[-`{-~]+',
          ''
        )
      ) >= 14
    END
    THEN reinterpretAsInt64(sipHash64(CONCAT("t8"."opening_32", '|opening_32')))
    ELSE CAST(NULL AS Nullable(Int64))
  END AS "opening_32",
  CASE
    WHEN CASE
      WHEN NOT (
        (
          position("t8"."closing_80", '⟨') > 0
        )
        OR (
          position("t8"."closing_80", '⟩') > 0
        )
      )
      THEN match("t8"."closing_80", '^([\\s0-9!-/:-@\\[-`{-~]*[^\\s0-9!-/:-@\\[-`{-~]){14}')
      ELSE LENGTH(
        replaceRegexpAll(
          replaceRegexpAll("t8"."closing_80", '⟨[a-z]*⟩?|^[a-z]*⟩', ''),
          '[\\s0-9!-/:-@\\[-`{-~]+',
          ''
        )
      ) >= 14
    END
    THEN reinterpretAsInt64(sipHash64(CONCAT("t8"."closing_80", '|closing_80')))
    ELSE CAST(NULL AS Nullable(Int64))
  END AS "closing_80",
  CASE
    WHEN CASE
      WHEN NOT (
        (
          position("t8"."closing_32", '⟨') > 0
        )
        OR (
          position("t8"."closing_32", '⟩') > 0
        )
      )
      THEN match("t8"."closing_32", '^([\\s0-9!-/:-@\\[-`{-~]*[^\\s0-9!-/:-@\\[-`{-~]){14}')
      ELSE LENGTH(
        replaceRegexpAll(
          replaceRegexpAll("t8"."closing_32", '⟨[a-z]*⟩?|^[a-z]*⟩', ''),
          '[\\s0-9!-/:-@\\[-`{-~]+',
          ''
        )
      ) >= 14
    END
    THEN reinterpretAsInt64(sipHash64(CONCAT("t8"."closing_32", '|closing_32')))
    ELSE CAST(NULL AS Nullable(Int64))
  END AS "closing_32"
FROM (
  SELECT
    "t7"."account_id" AS "account_id",
    "t7"."at" AS "at",
    "t7"."organisation" AS "organisation",
    "t7"."prompt_key" AS "prompt_key",
    "t7"."text" AS "text",
    CASE
      WHEN LENGTH("t7"."text") >= 80
      THEN SUBSTRING(
        "t7"."text",
        CASE WHEN (
          0 + 1
        ) >= 1 THEN 0 + 1 ELSE 0 + 1 + LENGTH("t7"."text") END,
        80
      )
      ELSE CAST(NULL AS Nullable(String))
    END AS "opening_80",
    CASE
      WHEN LENGTH("t7"."text") >= 16
      THEN SUBSTRING(
        "t7"."text",
        CASE WHEN (
          0 + 1
        ) >= 1 THEN 0 + 1 ELSE 0 + 1 + LENGTH("t7"."text") END,
        32
      )
      ELSE CAST(NULL AS Nullable(String))
    END AS "opening_32",
    CASE
      WHEN LENGTH("t7"."text") >= 80
      THEN RIGHT("t7"."text", 80)
      ELSE CAST(NULL AS Nullable(String))
    END AS "closing_80",
    CASE
      WHEN LENGTH("t7"."text") >= 16
      THEN RIGHT("t7"."text", 32)
      ELSE CAST(NULL AS Nullable(String))
    END AS "closing_32"
  FROM (
    SELECT
      "t6".*
      EXCEPT ("prompt")
    FROM (
      SELECT
        "t5"."account_id" AS "account_id",
        "t5"."prompt" AS "prompt",
        "t5"."at" AS "at",
        "t5"."organisation" AS "organisation",
        "t5"."prompt_key" AS "prompt_key",
        CASE
          WHEN match("t5"."text", '^\\s') OR match("t5"."text", '\\s$')
          THEN replaceRegexpAll("t5"."text", '^\\s+|\\s+$', '')
          ELSE "t5"."text"
        END AS "text"
      FROM (
        SELECT
          "t4"."account_id" AS "account_id",
          "t4"."prompt" AS "prompt",
          "t4"."at" AS "at",
          "t4"."organisation" AS "organisation",
          "t4"."prompt_key" AS "prompt_key",
          CASE
            WHEN (
              position("t4"."text", '  ') > 0
            )
            OR (
              position("t4"."text", '\n') > 0
            )
            OR (
              position("t4"."text", '\r') > 0
            )
            OR (
              position("t4"."text", '\t') > 0
            )
            OR (
              position("t4"."text", '\f') > 0
            )
            THEN replaceRegexpAll("t4"."text", '\\s\\s+|[\\n\\r\\t]', ' ')
            ELSE "t4"."text"
          END AS "text"
        FROM (
          SELECT
            "t3"."account_id" AS "account_id",
            "t3"."prompt" AS "prompt",
            "t3"."at" AS "at",
            "t3"."organisation" AS "organisation",
            "t3"."prompt_key" AS "prompt_key",
            replaceRegexpAll(
              CASE
                WHEN match("t3"."text", '[0-9][0-9a-z_-]{15}')
                THEN replaceRegexpAll("t3"."text", '[0-9a-z_-]*[0-9][0-9a-z_-]{15,}', '⟨id⟩')
                ELSE "t3"."text"
              END,
              '[0-9]+([.,:/][0-9]+)*',
              '⟨n⟩'
            ) AS "text"
          FROM (
            SELECT
              "t2"."account_id" AS "account_id",
              "t2"."prompt" AS "prompt",
              "t2"."at" AS "at",
              "t2"."organisation" AS "organisation",
              "t2"."prompt_key" AS "prompt_key",
              CASE
                WHEN (
                  position("t2"."text", '"') > 0
                )
                OR (
                  position("t2"."text", '“') > 0
                )
                OR (
                  position("t2"."text", '`') > 0
                )
                THEN replaceRegexpAll("t2"."text", '\\"[^\\"]+\\"|“[^”]+”|`[^`]+`', '⟨text⟩')
                ELSE "t2"."text"
              END AS "text"
            FROM (
              SELECT
                "t1"."account_id" AS "account_id",
                "t1"."prompt" AS "prompt",
                "t1"."at" AS "at",
                "t1"."organisation" AS "organisation",
                "t1"."prompt_key" AS "prompt_key",
                CASE
                  WHEN position("t1"."text", '://') > 0
                  THEN replaceRegexpAll("t1"."text", 'https?://[^\\s\\"''<>)]+', '⟨link⟩')
                  ELSE "t1"."text"
                END AS "text"
              FROM (
                SELECT
                  "t0"."account_id" AS "account_id",
                  "t0"."prompt" AS "prompt",
                  "t0"."at" AS "at",
                  COALESCE("t0"."organisation", "t0"."account_id") AS "organisation",
                  reinterpretAsInt64(sipHash64("t0"."prompt")) AS "prompt_key",
                  LOWER(
                    CASE
                      WHEN LENGTH("t0"."prompt") > 4000
                      THEN CONCAT(
                        CONCAT(
                          SUBSTRING(
                            "t0"."prompt",
                            CASE WHEN (
                              0 + 1
                            ) >= 1 THEN 0 + 1 ELSE 0 + 1 + LENGTH("t0"."prompt") END,
                            2000
                          ),
                          ' … '
                        ),
                        RIGHT("t0"."prompt", 2000)
                      )
                      ELSE "t0"."prompt"
                    END
                  ) AS "text"
                FROM "requests" AS "t0"
                WHERE
                  isNotNull("t0"."prompt")
              ) AS "t1"
            ) AS "t2"
          ) AS "t3"
        ) AS "t4"
      ) AS "t5"
    ) AS "t6"
  ) AS "t7"
) AS "t8";

SELECT
  *
FROM (
  SELECT
    *
  FROM (
    SELECT
      *
    FROM (
      SELECT
        *
      FROM (
        SELECT
          "t5"."frame" AS "frame",
          "t5"."requests" AS "requests",
          "t5"."accounts" AS "accounts",
          "t5"."organisations" AS "organisations",
          "t5"."low" AS "low",
          "t5"."high" AS "high",
          'opening_80' AS "edge"
        FROM (
          SELECT
            "t1"."opening_80" AS "frame",
            COUNT(*) AS "requests",
            uniq("t1"."account_id") AS "accounts",
            uniq("t1"."organisation") AS "organisations",
            MIN("t1"."prompt_key") AS "low",
            MAX("t1"."prompt_key") AS "high"
          FROM (
            SELECT
              *
            FROM "kept_1" AS "t0"
            WHERE
              isNotNull("t0"."opening_80")
          ) AS "t1"
          GROUP BY
            "t1"."opening_80"
        ) AS "t5"
        WHERE
          "t5"."accounts" >= 3 AND "t5"."organisations" >= 3
      ) AS "t9"
      UNION ALL
      SELECT
        *
      FROM (
        SELECT
          "t6"."frame" AS "frame",
          "t6"."requests" AS "requests",
          "t6"."accounts" AS "accounts",
          "t6"."organisations" AS "organisations",
          "t6"."low" AS "low",
          "t6"."high" AS "high",
          'opening_32' AS "edge"
        FROM (
          SELECT
            "t2"."opening_32" AS "frame",
            COUNT(*) AS "requests",
            uniq("t2"."account_id") AS "accounts",
            uniq("t2"."organisation") AS "organisations",
            MIN("t2"."prompt_key") AS "low",
            MAX("t2"."prompt_key") AS "high"
          FROM (
            SELECT
              *
            FROM "kept_1" AS "t0"
            WHERE
              isNotNull("t0"."opening_32")
          ) AS "t2"
          GROUP BY
            "t2"."opening_32"
        ) AS "t6"
        WHERE
          "t6"."accounts" >= 3 AND "t6"."organisations" >= 3
      ) AS "t10"
    ) AS "t13"
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        "t7"."frame" AS "frame",
        "t7"."requests" AS "requests",
        "t7"."accounts" AS "accounts",
        "t7"."organisations" AS "organisations",
        "t7"."low" AS "low",
        "t7"."high" AS "high",
        'closing_80' AS "edge"
      FROM (
        SELECT
          "t3"."closing_80" AS "frame",
          COUNT(*) AS "requests",
          uniq("t3"."account_id") AS "accounts",
          uniq("t3"."organisation") AS "organisations",
          MIN("t3"."prompt_key") AS "low",
          MAX("t3"."prompt_key") AS "high"
        FROM (
          SELECT
            *
          FROM "kept_1" AS "t0"
          WHERE
            isNotNull("t0"."closing_80")
        ) AS "t3"
        GROUP BY
          "t3"."closing_80"
      ) AS "t7"
      WHERE
        "t7"."accounts" >= 3 AND "t7"."organisations" >= 3
    ) AS "t11"
  ) AS "t14"
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      "t8"."frame" AS "frame",
      "t8"."requests" AS "requests",
      "t8"."accounts" AS "accounts",
      "t8"."organisations" AS "organisations",
      "t8"."low" AS "low",
      "t8"."high" AS "high",
      'closing_32' AS "edge"
    FROM (
      SELECT
        "t4"."closing_32" AS "frame",
        COUNT(*) AS "requests",
        uniq("t4"."account_id") AS "accounts",
        uniq("t4"."organisation") AS "organisations",
        MIN("t4"."prompt_key") AS "low",
        MAX("t4"."prompt_key") AS "high"
      FROM (
        SELECT
          *
        FROM "kept_1" AS "t0"
        WHERE
          isNotNull("t0"."closing_32")
      ) AS "t4"
      GROUP BY
        "t4"."closing_32"
    ) AS "t8"
    WHERE
      "t8"."accounts" >= 3 AND "t8"."organisations" >= 3
  ) AS "t12"
) AS "t15"
ORDER BY
  "t15"."accounts" DESC,
  "t15"."requests" DESC,
  "t15"."frame" ASC
LIMIT 50000;

SELECT DISTINCT
  *
FROM (
  SELECT
    *
  FROM (
    SELECT
      "t0"."low" AS "key"
    FROM "kept_2" AS "t0"
  ) AS "t1"
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      "t0"."high" AS "key"
    FROM "kept_2" AS "t0"
  ) AS "t2"
) AS "t3";

SELECT
  CAST("t12"."key" AS Nullable(String)) AS "key",
  SUBSTRING(
    "t12"."text",
    CASE WHEN (
      0 + 1
    ) >= 1 THEN 0 + 1 ELSE 0 + 1 + LENGTH("t12"."text") END,
    1200
  ) AS "start",
  RIGHT("t12"."text", 80) AS "end",
  LENGTH("t12"."text") AS "length"
FROM (
  SELECT
    "t11"."key" AS "key",
    "t11"."prompt" AS "prompt",
    CASE
      WHEN match("t11"."text", '^\\s') OR match("t11"."text", '\\s$')
      THEN replaceRegexpAll("t11"."text", '^\\s+|\\s+$', '')
      ELSE "t11"."text"
    END AS "text"
  FROM (
    SELECT
      "t10"."key" AS "key",
      "t10"."prompt" AS "prompt",
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
        "t9"."key" AS "key",
        "t9"."prompt" AS "prompt",
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
          "t8"."key" AS "key",
          "t8"."prompt" AS "prompt",
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
            "t7"."key" AS "key",
            "t7"."prompt" AS "prompt",
            CASE
              WHEN position("t7"."text", '://') > 0
              THEN replaceRegexpAll("t7"."text", 'https?://[^\\s\\"''<>)]+', '⟨link⟩')
              ELSE "t7"."text"
            END AS "text"
          FROM (
            SELECT
              "t6"."key" AS "key",
              "t6"."prompt" AS "prompt",
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
                "t5"."key" AS "key",
                MIN("t5"."prompt") AS "prompt"
              FROM (
                SELECT
                  "t4"."key" AS "key",
                  "t4"."prompt" AS "prompt"
                FROM (
                  SELECT
                    reinterpretAsInt64(sipHash64("t0"."prompt")) AS "key",
                    "t0"."prompt" AS "prompt"
                  FROM "requests" AS "t0"
                ) AS "t4"
                INNER JOIN "kept_3" AS "t2"
                  ON "t4"."key" = "t2"."key"
              ) AS "t5"
              GROUP BY
                "t5"."key"
            ) AS "t6"
          ) AS "t7"
        ) AS "t8"
      ) AS "t9"
    ) AS "t10"
  ) AS "t11"
) AS "t12";

SELECT
  CAST("t0"."frame" AS Nullable(String)) AS "frame",
  "t0"."requests" AS "requests",
  "t0"."accounts" AS "accounts",
  "t0"."organisations" AS "organisations",
  CAST("t0"."low" AS Nullable(String)) AS "low",
  CAST("t0"."high" AS Nullable(String)) AS "high",
  "t0"."edge" AS "edge"
FROM "kept_2" AS "t0";

SELECT
  "t12"."account_id" AS "account_id",
  "t12"."organisation" AS "organisation",
  "t12"."skeleton_key" AS "skeleton_key",
  COUNT(*) AS "n",
  MIN("t12"."at") AS "first_at",
  MAX("t12"."at") AS "last_at",
  MIN("t12"."known_opening_80") AS "known_opening_80",
  MIN("t12"."known_opening_32") AS "known_opening_32",
  MIN("t12"."known_closing_80") AS "known_closing_80",
  MIN("t12"."known_closing_32") AS "known_closing_32"
FROM (
  SELECT
    *
  FROM (
    SELECT
      "t2"."account_id" AS "account_id",
      "t2"."organisation" AS "organisation",
      "t2"."at" AS "at",
      "t2"."prompt_key" AS "prompt_key",
      "t2"."skeleton_key" AS "skeleton_key",
      "t2"."opening_80" AS "opening_80",
      "t2"."opening_32" AS "opening_32",
      "t2"."closing_80" AS "closing_80",
      "t2"."closing_32" AS "closing_32",
      "t7"."known_opening_80" AS "known_opening_80",
      "t8"."known_opening_32" AS "known_opening_32",
      "t9"."known_closing_80" AS "known_closing_80",
      "t10"."known_closing_32" AS "known_closing_32"
    FROM "kept_1" AS "t2"
    LEFT OUTER JOIN (
      SELECT
        "t1"."frame" AS "known_opening_80"
      FROM "kept_2" AS "t1"
      WHERE
        "t1"."edge" = 'opening_80'
    ) AS "t7"
      ON "t2"."opening_80" = "t7"."known_opening_80"
    LEFT OUTER JOIN (
      SELECT
        "t1"."frame" AS "known_opening_32"
      FROM "kept_2" AS "t1"
      WHERE
        "t1"."edge" = 'opening_32'
    ) AS "t8"
      ON "t2"."opening_32" = "t8"."known_opening_32"
    LEFT OUTER JOIN (
      SELECT
        "t1"."frame" AS "known_closing_80"
      FROM "kept_2" AS "t1"
      WHERE
        "t1"."edge" = 'closing_80'
    ) AS "t9"
      ON "t2"."closing_80" = "t9"."known_closing_80"
    LEFT OUTER JOIN (
      SELECT
        "t1"."frame" AS "known_closing_32"
      FROM "kept_2" AS "t1"
      WHERE
        "t1"."edge" = 'closing_32'
    ) AS "t10"
      ON "t2"."closing_32" = "t10"."known_closing_32"
  ) AS "t11"
  WHERE
    isNotNull("t11"."known_opening_80")
    OR isNotNull("t11"."known_opening_32")
    OR isNotNull("t11"."known_closing_80")
    OR isNotNull("t11"."known_closing_32")
) AS "t12"
GROUP BY
  "t12"."account_id",
  "t12"."organisation",
  "t12"."skeleton_key";

SELECT
  CAST("t9"."left" AS Nullable(String)) AS "Cast(left, string)",
  CAST("t9"."right" AS Nullable(String)) AS "Cast(right, string)",
  "t9"."both" AS "both"
FROM (
  SELECT
    "t8"."left" AS "left",
    "t8"."right" AS "right",
    "t8"."both" AS "both",
    "t5"."left_requests" AS "left_requests",
    "t6"."right_requests" AS "right_requests"
  FROM (
    SELECT
      "t4"."known_opening_80" AS "left",
      "t4"."known_opening_32" AS "right",
      SUM("t4"."n") AS "both"
    FROM (
      SELECT
        *
      FROM "kept_4" AS "t0"
      WHERE
        isNotNull("t0"."known_opening_80") AND isNotNull("t0"."known_opening_32")
    ) AS "t4"
    GROUP BY
      "t4"."known_opening_80",
      "t4"."known_opening_32"
  ) AS "t8"
  INNER JOIN (
    SELECT
      "t1"."frame" AS "left",
      "t1"."requests" AS "left_requests"
    FROM "kept_2" AS "t1"
  ) AS "t5"
    ON "t8"."left" = "t5"."left"
  INNER JOIN (
    SELECT
      "t1"."frame" AS "right",
      "t1"."requests" AS "right_requests"
    FROM "kept_2" AS "t1"
  ) AS "t6"
    ON "t8"."right" = "t6"."right"
) AS "t9"
WHERE
  "t9"."both" >= (
    (
      (
        "t9"."left_requests" + "t9"."right_requests"
      ) - "t9"."both"
    ) * 0.5
  );

SELECT
  CAST("t9"."left" AS Nullable(String)) AS "Cast(left, string)",
  CAST("t9"."right" AS Nullable(String)) AS "Cast(right, string)",
  "t9"."both" AS "both"
FROM (
  SELECT
    "t8"."left" AS "left",
    "t8"."right" AS "right",
    "t8"."both" AS "both",
    "t5"."left_requests" AS "left_requests",
    "t6"."right_requests" AS "right_requests"
  FROM (
    SELECT
      "t4"."known_opening_80" AS "left",
      "t4"."known_closing_80" AS "right",
      SUM("t4"."n") AS "both"
    FROM (
      SELECT
        *
      FROM "kept_4" AS "t0"
      WHERE
        isNotNull("t0"."known_opening_80") AND isNotNull("t0"."known_closing_80")
    ) AS "t4"
    GROUP BY
      "t4"."known_opening_80",
      "t4"."known_closing_80"
  ) AS "t8"
  INNER JOIN (
    SELECT
      "t1"."frame" AS "left",
      "t1"."requests" AS "left_requests"
    FROM "kept_2" AS "t1"
  ) AS "t5"
    ON "t8"."left" = "t5"."left"
  INNER JOIN (
    SELECT
      "t1"."frame" AS "right",
      "t1"."requests" AS "right_requests"
    FROM "kept_2" AS "t1"
  ) AS "t6"
    ON "t8"."right" = "t6"."right"
) AS "t9"
WHERE
  "t9"."both" >= (
    (
      (
        "t9"."left_requests" + "t9"."right_requests"
      ) - "t9"."both"
    ) * 0.5
  );

SELECT
  CAST("t9"."left" AS Nullable(String)) AS "Cast(left, string)",
  CAST("t9"."right" AS Nullable(String)) AS "Cast(right, string)",
  "t9"."both" AS "both"
FROM (
  SELECT
    "t8"."left" AS "left",
    "t8"."right" AS "right",
    "t8"."both" AS "both",
    "t5"."left_requests" AS "left_requests",
    "t6"."right_requests" AS "right_requests"
  FROM (
    SELECT
      "t4"."known_opening_80" AS "left",
      "t4"."known_closing_32" AS "right",
      SUM("t4"."n") AS "both"
    FROM (
      SELECT
        *
      FROM "kept_4" AS "t0"
      WHERE
        isNotNull("t0"."known_opening_80") AND isNotNull("t0"."known_closing_32")
    ) AS "t4"
    GROUP BY
      "t4"."known_opening_80",
      "t4"."known_closing_32"
  ) AS "t8"
  INNER JOIN (
    SELECT
      "t1"."frame" AS "left",
      "t1"."requests" AS "left_requests"
    FROM "kept_2" AS "t1"
  ) AS "t5"
    ON "t8"."left" = "t5"."left"
  INNER JOIN (
    SELECT
      "t1"."frame" AS "right",
      "t1"."requests" AS "right_requests"
    FROM "kept_2" AS "t1"
  ) AS "t6"
    ON "t8"."right" = "t6"."right"
) AS "t9"
WHERE
  "t9"."both" >= (
    (
      (
        "t9"."left_requests" + "t9"."right_requests"
      ) - "t9"."both"
    ) * 0.5
  );

SELECT
  CAST("t9"."left" AS Nullable(String)) AS "Cast(left, string)",
  CAST("t9"."right" AS Nullable(String)) AS "Cast(right, string)",
  "t9"."both" AS "both"
FROM (
  SELECT
    "t8"."left" AS "left",
    "t8"."right" AS "right",
    "t8"."both" AS "both",
    "t5"."left_requests" AS "left_requests",
    "t6"."right_requests" AS "right_requests"
  FROM (
    SELECT
      "t4"."known_opening_32" AS "left",
      "t4"."known_closing_80" AS "right",
      SUM("t4"."n") AS "both"
    FROM (
      SELECT
        *
      FROM "kept_4" AS "t0"
      WHERE
        isNotNull("t0"."known_opening_32") AND isNotNull("t0"."known_closing_80")
    ) AS "t4"
    GROUP BY
      "t4"."known_opening_32",
      "t4"."known_closing_80"
  ) AS "t8"
  INNER JOIN (
    SELECT
      "t1"."frame" AS "left",
      "t1"."requests" AS "left_requests"
    FROM "kept_2" AS "t1"
  ) AS "t5"
    ON "t8"."left" = "t5"."left"
  INNER JOIN (
    SELECT
      "t1"."frame" AS "right",
      "t1"."requests" AS "right_requests"
    FROM "kept_2" AS "t1"
  ) AS "t6"
    ON "t8"."right" = "t6"."right"
) AS "t9"
WHERE
  "t9"."both" >= (
    (
      (
        "t9"."left_requests" + "t9"."right_requests"
      ) - "t9"."both"
    ) * 0.5
  );

SELECT
  CAST("t9"."left" AS Nullable(String)) AS "Cast(left, string)",
  CAST("t9"."right" AS Nullable(String)) AS "Cast(right, string)",
  "t9"."both" AS "both"
FROM (
  SELECT
    "t8"."left" AS "left",
    "t8"."right" AS "right",
    "t8"."both" AS "both",
    "t5"."left_requests" AS "left_requests",
    "t6"."right_requests" AS "right_requests"
  FROM (
    SELECT
      "t4"."known_opening_32" AS "left",
      "t4"."known_closing_32" AS "right",
      SUM("t4"."n") AS "both"
    FROM (
      SELECT
        *
      FROM "kept_4" AS "t0"
      WHERE
        isNotNull("t0"."known_opening_32") AND isNotNull("t0"."known_closing_32")
    ) AS "t4"
    GROUP BY
      "t4"."known_opening_32",
      "t4"."known_closing_32"
  ) AS "t8"
  INNER JOIN (
    SELECT
      "t1"."frame" AS "left",
      "t1"."requests" AS "left_requests"
    FROM "kept_2" AS "t1"
  ) AS "t5"
    ON "t8"."left" = "t5"."left"
  INNER JOIN (
    SELECT
      "t1"."frame" AS "right",
      "t1"."requests" AS "right_requests"
    FROM "kept_2" AS "t1"
  ) AS "t6"
    ON "t8"."right" = "t6"."right"
) AS "t9"
WHERE
  "t9"."both" >= (
    (
      (
        "t9"."left_requests" + "t9"."right_requests"
      ) - "t9"."both"
    ) * 0.5
  );

SELECT
  CAST("t9"."left" AS Nullable(String)) AS "Cast(left, string)",
  CAST("t9"."right" AS Nullable(String)) AS "Cast(right, string)",
  "t9"."both" AS "both"
FROM (
  SELECT
    "t8"."left" AS "left",
    "t8"."right" AS "right",
    "t8"."both" AS "both",
    "t5"."left_requests" AS "left_requests",
    "t6"."right_requests" AS "right_requests"
  FROM (
    SELECT
      "t4"."known_closing_80" AS "left",
      "t4"."known_closing_32" AS "right",
      SUM("t4"."n") AS "both"
    FROM (
      SELECT
        *
      FROM "kept_4" AS "t0"
      WHERE
        isNotNull("t0"."known_closing_80") AND isNotNull("t0"."known_closing_32")
    ) AS "t4"
    GROUP BY
      "t4"."known_closing_80",
      "t4"."known_closing_32"
  ) AS "t8"
  INNER JOIN (
    SELECT
      "t1"."frame" AS "left",
      "t1"."requests" AS "left_requests"
    FROM "kept_2" AS "t1"
  ) AS "t5"
    ON "t8"."left" = "t5"."left"
  INNER JOIN (
    SELECT
      "t1"."frame" AS "right",
      "t1"."requests" AS "right_requests"
    FROM "kept_2" AS "t1"
  ) AS "t6"
    ON "t8"."right" = "t6"."right"
) AS "t9"
WHERE
  "t9"."both" >= (
    (
      (
        "t9"."left_requests" + "t9"."right_requests"
      ) - "t9"."both"
    ) * 0.5
  );

WITH "t11" AS (
  SELECT
    "t2"."account_id" AS "account_id",
    "t2"."organisation" AS "organisation",
    "t2"."n" AS "n",
    "t2"."first_at" AS "first_at",
    "t2"."last_at" AS "last_at",
    "t7"."known_opening_80_template" AS "known_opening_80_template",
    "t8"."known_opening_32_template" AS "known_opening_32_template",
    "t9"."known_closing_80_template" AS "known_closing_80_template",
    "t10"."known_closing_32_template" AS "known_closing_32_template"
  FROM "kept_4" AS "t2"
  LEFT OUTER JOIN (
    SELECT
      "t1"."frame" AS "known_opening_80_frame",
      "t1"."template" AS "known_opening_80_template"
    FROM "given_1" AS "t1"
  ) AS "t7"
    ON "t2"."known_opening_80" = "t7"."known_opening_80_frame"
  LEFT OUTER JOIN (
    SELECT
      "t1"."frame" AS "known_opening_32_frame",
      "t1"."template" AS "known_opening_32_template"
    FROM "given_1" AS "t1"
  ) AS "t8"
    ON "t2"."known_opening_32" = "t8"."known_opening_32_frame"
  LEFT OUTER JOIN (
    SELECT
      "t1"."frame" AS "known_closing_80_frame",
      "t1"."template" AS "known_closing_80_template"
    FROM "given_1" AS "t1"
  ) AS "t9"
    ON "t2"."known_closing_80" = "t9"."known_closing_80_frame"
  LEFT OUTER JOIN (
    SELECT
      "t1"."frame" AS "known_closing_32_frame",
      "t1"."template" AS "known_closing_32_template"
    FROM "given_1" AS "t1"
  ) AS "t10"
    ON "t2"."known_closing_32" = "t10"."known_closing_32_frame"
)
SELECT
  *
FROM (
  SELECT
    "t19"."account_id" AS "account_id",
    "t19"."organisation" AS "organisation",
    "t19"."template" AS "template",
    SUM("t19"."n") AS "count",
    COUNT(*) AS "distinct",
    SUM("t19"."n" * LN(CAST("t19"."n" AS Nullable(Float64)))) AS "n_log_n",
    MIN("t19"."first_at") AS "first_at",
    MAX("t19"."last_at") AS "last_at"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        *
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t12"."account_id" AS "account_id",
            "t12"."organisation" AS "organisation",
            "t12"."n" AS "n",
            "t12"."first_at" AS "first_at",
            "t12"."last_at" AS "last_at",
            "t12"."known_opening_80_template" AS "template"
          FROM "t11" AS "t12"
          WHERE
            isNotNull("t12"."known_opening_80_template")
        ) AS "t13"
        UNION ALL
        SELECT
          *
        FROM (
          SELECT
            "t12"."account_id" AS "account_id",
            "t12"."organisation" AS "organisation",
            "t12"."n" AS "n",
            "t12"."first_at" AS "first_at",
            "t12"."last_at" AS "last_at",
            "t12"."known_opening_32_template" AS "template"
          FROM "t11" AS "t12"
          WHERE
            isNotNull("t12"."known_opening_32_template")
            AND COALESCE("t12"."known_opening_80_template", -1) <> "t12"."known_opening_32_template"
        ) AS "t14"
      ) AS "t17"
      UNION ALL
      SELECT
        *
      FROM (
        SELECT
          "t12"."account_id" AS "account_id",
          "t12"."organisation" AS "organisation",
          "t12"."n" AS "n",
          "t12"."first_at" AS "first_at",
          "t12"."last_at" AS "last_at",
          "t12"."known_closing_80_template" AS "template"
        FROM "t11" AS "t12"
        WHERE
          isNotNull("t12"."known_closing_80_template")
          AND COALESCE("t12"."known_opening_80_template", -1) <> "t12"."known_closing_80_template"
          AND COALESCE("t12"."known_opening_32_template", -1) <> "t12"."known_closing_80_template"
      ) AS "t16"
    ) AS "t18"
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        "t12"."account_id" AS "account_id",
        "t12"."organisation" AS "organisation",
        "t12"."n" AS "n",
        "t12"."first_at" AS "first_at",
        "t12"."last_at" AS "last_at",
        "t12"."known_closing_32_template" AS "template"
      FROM "t11" AS "t12"
      WHERE
        isNotNull("t12"."known_closing_32_template")
        AND COALESCE("t12"."known_opening_80_template", -1) <> "t12"."known_closing_32_template"
        AND COALESCE("t12"."known_opening_32_template", -1) <> "t12"."known_closing_32_template"
        AND COALESCE("t12"."known_closing_80_template", -1) <> "t12"."known_closing_32_template"
    ) AS "t15"
  ) AS "t19"
  GROUP BY
    "t19"."account_id",
    "t19"."organisation",
    "t19"."template"
) AS "t20"
ORDER BY
  "t20"."account_id" ASC,
  "t20"."organisation" ASC,
  "t20"."template" ASC;

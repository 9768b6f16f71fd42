SELECT
  "t2"."account_id" AS "account_id",
  "t2"."organisation" AS "organisation",
  "t2"."at" AS "at",
  "t2"."prompt_key" AS "prompt_key",
  reinterpretAsInt64(sipHash64("t2"."text")) AS "skeleton_key",
  CASE
    WHEN LENGTH(
      replaceRegexpAll(
        replaceRegexpAll("t2"."opening_80", '⟨[a-z]*⟩?|^[a-z]*⟩', ''),
        '[\\s0-9!-/:-@\\[-`{-~]+',
        ''
      )
    ) >= 14
    THEN reinterpretAsInt64(sipHash64(CONCAT("t2"."opening_80", '|opening_80')))
    ELSE CAST(NULL AS Nullable(Int64))
  END AS "opening_80",
  CASE
    WHEN LENGTH(
      replaceRegexpAll(
        replaceRegexpAll("t2"."opening_32", '⟨[a-z]*⟩?|^[a-z]*⟩', ''),
        '[\\s0-9!-/:-@\\[-`{-~]+',
        ''
      )
    ) >= 14
    THEN reinterpretAsInt64(sipHash64(CONCAT("t2"."opening_32", '|opening_32')))
    ELSE CAST(NULL AS Nullable(Int64))
  END AS "opening_32",
  CASE
    WHEN LENGTH(
      replaceRegexpAll(
        replaceRegexpAll("t2"."closing_80", '⟨[a-z]*⟩?|^[a-z]*⟩', ''),
        '[\\s0-9!-/:-@\\[-`{-~]+',
        ''
      )
    ) >= 14
    THEN reinterpretAsInt64(sipHash64(CONCAT("t2"."closing_80", '|closing_80')))
    ELSE CAST(NULL AS Nullable(Int64))
  END AS "closing_80",
  CASE
    WHEN LENGTH(
      replaceRegexpAll(
        replaceRegexpAll("t2"."closing_32", '⟨[a-z]*⟩?|^[a-z]*⟩', ''),
        '[\\s0-9!-/:-@\\[-`{-~]+',
        ''
      )
    ) >= 14
    THEN reinterpretAsInt64(sipHash64(CONCAT("t2"."closing_32", '|closing_32')))
    ELSE CAST(NULL AS Nullable(Int64))
  END AS "closing_32"
FROM (
  SELECT
    "t1"."account_id" AS "account_id",
    "t1"."at" AS "at",
    "t1"."organisation" AS "organisation",
    "t1"."prompt_key" AS "prompt_key",
    "t1"."text" AS "text",
    CASE
      WHEN LENGTH("t1"."text") >= 80
      THEN SUBSTRING(
        "t1"."text",
        CASE WHEN (
          0 + 1
        ) >= 1 THEN 0 + 1 ELSE 0 + 1 + LENGTH("t1"."text") END,
        80
      )
      ELSE CAST(NULL AS Nullable(String))
    END AS "opening_80",
    CASE
      WHEN LENGTH("t1"."text") >= 16
      THEN SUBSTRING(
        "t1"."text",
        CASE WHEN (
          0 + 1
        ) >= 1 THEN 0 + 1 ELSE 0 + 1 + LENGTH("t1"."text") END,
        32
      )
      ELSE CAST(NULL AS Nullable(String))
    END AS "opening_32",
    CASE
      WHEN LENGTH("t1"."text") >= 80
      THEN RIGHT("t1"."text", 80)
      ELSE CAST(NULL AS Nullable(String))
    END AS "closing_80",
    CASE
      WHEN LENGTH("t1"."text") >= 16
      THEN RIGHT("t1"."text", 32)
      ELSE CAST(NULL AS Nullable(String))
    END AS "closing_32"
  FROM (
    SELECT
      "t0"."account_id" AS "account_id",
      "t0"."at" AS "at",
      COALESCE("t0"."organisation", "t0"."account_id") AS "organisation",
      reinterpretAsInt64(sipHash64("t0"."prompt")) AS "prompt_key",
      CASE
        WHEN match(
          replaceRegexpAll(
            replaceRegexpAll(
              replaceRegexpAll(
                replaceRegexpAll(
                  replaceRegexpAll(
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
      END AS "text"
    FROM "requests" AS "t0"
  ) AS "t1"
  WHERE
    isNotNull("t1"."text")
) AS "t2";

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
  CAST("t7"."key" AS Nullable(String)) AS "key",
  SUBSTRING(
    "t7"."text",
    CASE WHEN (
      0 + 1
    ) >= 1 THEN 0 + 1 ELSE 0 + 1 + LENGTH("t7"."text") END,
    1200
  ) AS "start",
  RIGHT("t7"."text", 80) AS "end",
  LENGTH("t7"."text") AS "length"
FROM (
  SELECT
    "t6"."key" AS "key",
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
    END AS "text"
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
) AS "t7";

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
  "t23"."account_id" AS "account_id",
  "t23"."organisation" AS "organisation",
  "t23"."known_opening_80" AS "known_opening_80",
  "t23"."known_opening_32" AS "known_opening_32",
  "t23"."known_closing_80" AS "known_closing_80",
  "t23"."known_closing_32" AS "known_closing_32",
  SUM("t23"."n") AS "count",
  COUNT(*) AS "distinct",
  SUM("t23"."n" * LN(CAST("t23"."n" AS Nullable(Float64)))) AS "n_log_n",
  MIN("t23"."first_at") AS "first_at",
  MAX("t23"."last_at") AS "last_at"
FROM (
  SELECT
    "t22"."account_id" AS "account_id",
    "t22"."organisation" AS "organisation",
    "t22"."skeleton_key" AS "skeleton_key",
    "t22"."known_opening_80" AS "known_opening_80",
    "t22"."known_opening_32" AS "known_opening_32",
    "t22"."known_closing_80" AS "known_closing_80",
    "t22"."known_closing_32" AS "known_closing_32",
    COUNT(*) AS "n",
    MIN("t22"."at") AS "first_at",
    MAX("t22"."at") AS "last_at"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        "t20".*
        EXCEPT ("frame")
      FROM (
        SELECT
          "t19"."account_id" AS "account_id",
          "t19"."organisation" AS "organisation",
          "t19"."at" AS "at",
          "t19"."prompt_key" AS "prompt_key",
          "t19"."skeleton_key" AS "skeleton_key",
          "t19"."opening_80" AS "opening_80",
          "t19"."opening_32" AS "opening_32",
          "t19"."closing_80" AS "closing_80",
          "t19"."closing_32" AS "closing_32",
          "t19"."known_opening_80" AS "known_opening_80",
          "t19"."known_opening_32" AS "known_opening_32",
          "t19"."known_closing_80" AS "known_closing_80",
          "t7"."frame" AS "frame",
          "t7"."known_closing_32" AS "known_closing_32"
        FROM (
          SELECT
            "t17".*
            EXCEPT ("frame")
          FROM (
            SELECT
              "t16"."account_id" AS "account_id",
              "t16"."organisation" AS "organisation",
              "t16"."at" AS "at",
              "t16"."prompt_key" AS "prompt_key",
              "t16"."skeleton_key" AS "skeleton_key",
              "t16"."opening_80" AS "opening_80",
              "t16"."opening_32" AS "opening_32",
              "t16"."closing_80" AS "closing_80",
              "t16"."closing_32" AS "closing_32",
              "t16"."known_opening_80" AS "known_opening_80",
              "t16"."known_opening_32" AS "known_opening_32",
              "t8"."frame" AS "frame",
              "t8"."known_closing_80" AS "known_closing_80"
            FROM (
              SELECT
                "t14".*
                EXCEPT ("frame")
              FROM (
                SELECT
                  "t13"."account_id" AS "account_id",
                  "t13"."organisation" AS "organisation",
                  "t13"."at" AS "at",
                  "t13"."prompt_key" AS "prompt_key",
                  "t13"."skeleton_key" AS "skeleton_key",
                  "t13"."opening_80" AS "opening_80",
                  "t13"."opening_32" AS "opening_32",
                  "t13"."closing_80" AS "closing_80",
                  "t13"."closing_32" AS "closing_32",
                  "t13"."known_opening_80" AS "known_opening_80",
                  "t9"."frame" AS "frame",
                  "t9"."known_opening_32" AS "known_opening_32"
                FROM (
                  SELECT
                    "t11".*
                    EXCEPT ("frame")
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
                      "t10"."frame" AS "frame",
                      "t10"."known_opening_80" AS "known_opening_80"
                    FROM "kept_1" AS "t2"
                    LEFT OUTER JOIN (
                      SELECT
                        "t0"."frame" AS "frame",
                        CAST("t0"."frame" AS Nullable(String)) AS "known_opening_80"
                      FROM "kept_2" AS "t0"
                      WHERE
                        "t0"."edge" = 'opening_80'
                    ) AS "t10"
                      ON "t2"."opening_80" = "t10"."frame"
                  ) AS "t11"
                ) AS "t13"
                LEFT OUTER JOIN (
                  SELECT
                    "t0"."frame" AS "frame",
                    CAST("t0"."frame" AS Nullable(String)) AS "known_opening_32"
                  FROM "kept_2" AS "t0"
                  WHERE
                    "t0"."edge" = 'opening_32'
                ) AS "t9"
                  ON "t13"."opening_32" = "t9"."frame"
              ) AS "t14"
            ) AS "t16"
            LEFT OUTER JOIN (
              SELECT
                "t0"."frame" AS "frame",
                CAST("t0"."frame" AS Nullable(String)) AS "known_closing_80"
              FROM "kept_2" AS "t0"
              WHERE
                "t0"."edge" = 'closing_80'
            ) AS "t8"
              ON "t16"."closing_80" = "t8"."frame"
          ) AS "t17"
        ) AS "t19"
        LEFT OUTER JOIN (
          SELECT
            "t0"."frame" AS "frame",
            CAST("t0"."frame" AS Nullable(String)) AS "known_closing_32"
          FROM "kept_2" AS "t0"
          WHERE
            "t0"."edge" = 'closing_32'
        ) AS "t7"
          ON "t19"."closing_32" = "t7"."frame"
      ) AS "t20"
    ) AS "t21"
    WHERE
      isNotNull("t21"."known_opening_80")
      OR isNotNull("t21"."known_opening_32")
      OR isNotNull("t21"."known_closing_80")
      OR isNotNull("t21"."known_closing_32")
  ) AS "t22"
  GROUP BY
    "t22"."account_id",
    "t22"."organisation",
    "t22"."skeleton_key",
    "t22"."known_opening_80",
    "t22"."known_opening_32",
    "t22"."known_closing_80",
    "t22"."known_closing_32"
) AS "t23"
GROUP BY
  "t23"."account_id",
  "t23"."organisation",
  "t23"."known_opening_80",
  "t23"."known_opening_32",
  "t23"."known_closing_80",
  "t23"."known_closing_32";

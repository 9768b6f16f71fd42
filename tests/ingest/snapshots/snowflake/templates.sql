SELECT
  "t2"."account_id",
  "t2"."organisation",
  "t2"."at",
  "t2"."prompt_key",
  HASH("t2"."text") AS "skeleton_key",
  IFF(
    LENGTH(
      REGEXP_REPLACE(
        REGEXP_REPLACE("t2"."opening_80", '⟨[a-z]*⟩?|^[a-z]*⟩', ''),
        '[\\s0-9!-/:-@\\[-`{-~]+',
        ''
      )
    ) >= 14,
    HASH(CONCAT("t2"."opening_80", '|opening_80')),
    CAST(NULL AS BIGINT)
  ) AS "opening_80",
  IFF(
    LENGTH(
      REGEXP_REPLACE(
        REGEXP_REPLACE("t2"."opening_32", '⟨[a-z]*⟩?|^[a-z]*⟩', ''),
        '[\\s0-9!-/:-@\\[-`{-~]+',
        ''
      )
    ) >= 14,
    HASH(CONCAT("t2"."opening_32", '|opening_32')),
    CAST(NULL AS BIGINT)
  ) AS "opening_32",
  IFF(
    LENGTH(
      REGEXP_REPLACE(
        REGEXP_REPLACE("t2"."closing_80", '⟨[a-z]*⟩?|^[a-z]*⟩', ''),
        '[\\s0-9!-/:-@\\[-`{-~]+',
        ''
      )
    ) >= 14,
    HASH(CONCAT("t2"."closing_80", '|closing_80')),
    CAST(NULL AS BIGINT)
  ) AS "closing_80",
  IFF(
    LENGTH(
      REGEXP_REPLACE(
        REGEXP_REPLACE("t2"."closing_32", '⟨[a-z]*⟩?|^[a-z]*⟩', ''),
        '[\\s0-9!-/:-@\\[-`{-~]+',
        ''
      )
    ) >= 14,
    HASH(CONCAT("t2"."closing_32", '|closing_32')),
    CAST(NULL AS BIGINT)
  ) AS "closing_32"
FROM (
  SELECT
    "t1"."account_id",
    "t1"."at",
    "t1"."organisation",
    "t1"."prompt_key",
    "t1"."text",
    IFF(
      LENGTH("t1"."text") >= 80,
      SUBSTRING("t1"."text", IFF((
        0 + 1
      ) >= 1, 0 + 1, 0 + 1 + LENGTH("t1"."text")), 80),
      CAST(NULL AS VARCHAR)
    ) AS "opening_80",
    IFF(
      LENGTH("t1"."text") >= 16,
      SUBSTRING("t1"."text", IFF((
        0 + 1
      ) >= 1, 0 + 1, 0 + 1 + LENGTH("t1"."text")), 32),
      CAST(NULL AS VARCHAR)
    ) AS "opening_32",
    IFF(LENGTH("t1"."text") >= 80, RIGHT("t1"."text", 80), CAST(NULL AS VARCHAR)) AS "closing_80",
    IFF(LENGTH("t1"."text") >= 16, RIGHT("t1"."text", 32), CAST(NULL AS VARCHAR)) AS "closing_32"
  FROM (
    SELECT
      "t0"."account_id",
      "t0"."at",
      COALESCE("t0"."organisation", "t0"."account_id") AS "organisation",
      HASH("t0"."prompt") AS "prompt_key",
      IFF(
        REGEXP_LIKE(
          REGEXP_REPLACE(
            REGEXP_REPLACE(
              REGEXP_REPLACE(
                REGEXP_REPLACE(
                  REGEXP_REPLACE(
                    LOWER(
                      IFF(
                        LENGTH("t0"."prompt") > 4000,
                        CONCAT(
                          CONCAT(
                            SUBSTRING("t0"."prompt", IFF((
                              0 + 1
                            ) >= 1, 0 + 1, 0 + 1 + LENGTH("t0"."prompt")), 2000),
                            ' … '
                          ),
                          RIGHT("t0"."prompt", 2000)
                        ),
                        "t0"."prompt"
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
                        LENGTH("t0"."prompt") > 4000,
                        CONCAT(
                          CONCAT(
                            SUBSTRING("t0"."prompt", IFF((
                              0 + 1
                            ) >= 1, 0 + 1, 0 + 1 + LENGTH("t0"."prompt")), 2000),
                            ' … '
                          ),
                          RIGHT("t0"."prompt", 2000)
                        ),
                        "t0"."prompt"
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
                        LENGTH("t0"."prompt") > 4000,
                        CONCAT(
                          CONCAT(
                            SUBSTRING("t0"."prompt", IFF((
                              0 + 1
                            ) >= 1, 0 + 1, 0 + 1 + LENGTH("t0"."prompt")), 2000),
                            ' … '
                          ),
                          RIGHT("t0"."prompt", 2000)
                        ),
                        "t0"."prompt"
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
                      LENGTH("t0"."prompt") > 4000,
                      CONCAT(
                        CONCAT(
                          SUBSTRING("t0"."prompt", IFF((
                            0 + 1
                          ) >= 1, 0 + 1, 0 + 1 + LENGTH("t0"."prompt")), 2000),
                          ' … '
                        ),
                        RIGHT("t0"."prompt", 2000)
                      ),
                      "t0"."prompt"
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
      ) AS "text"
    FROM "requests" AS "t0"
  ) AS "t1"
  WHERE
    "t1"."text" IS NOT NULL
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
          "t5"."frame",
          "t5"."requests",
          "t5"."accounts",
          "t5"."organisations",
          "t5"."low",
          "t5"."high",
          'opening_80' AS "edge"
        FROM (
          SELECT
            "t1"."opening_80" AS "frame",
            COUNT(*) AS "requests",
            COUNT(DISTINCT "t1"."account_id") AS "accounts",
            COUNT(DISTINCT "t1"."organisation") AS "organisations",
            MIN("t1"."prompt_key") AS "low",
            MAX("t1"."prompt_key") AS "high"
          FROM (
            SELECT
              *
            FROM "kept_1" AS "t0"
            WHERE
              "t0"."opening_80" IS NOT NULL
          ) AS "t1"
          GROUP BY
            1
        ) AS "t5"
        WHERE
          "t5"."accounts" >= 3 AND "t5"."organisations" >= 3
      ) AS "t9"
      UNION ALL
      SELECT
        *
      FROM (
        SELECT
          "t6"."frame",
          "t6"."requests",
          "t6"."accounts",
          "t6"."organisations",
          "t6"."low",
          "t6"."high",
          'opening_32' AS "edge"
        FROM (
          SELECT
            "t2"."opening_32" AS "frame",
            COUNT(*) AS "requests",
            COUNT(DISTINCT "t2"."account_id") AS "accounts",
            COUNT(DISTINCT "t2"."organisation") AS "organisations",
            MIN("t2"."prompt_key") AS "low",
            MAX("t2"."prompt_key") AS "high"
          FROM (
            SELECT
              *
            FROM "kept_1" AS "t0"
            WHERE
              "t0"."opening_32" IS NOT NULL
          ) AS "t2"
          GROUP BY
            1
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
        "t7"."frame",
        "t7"."requests",
        "t7"."accounts",
        "t7"."organisations",
        "t7"."low",
        "t7"."high",
        'closing_80' AS "edge"
      FROM (
        SELECT
          "t3"."closing_80" AS "frame",
          COUNT(*) AS "requests",
          COUNT(DISTINCT "t3"."account_id") AS "accounts",
          COUNT(DISTINCT "t3"."organisation") AS "organisations",
          MIN("t3"."prompt_key") AS "low",
          MAX("t3"."prompt_key") AS "high"
        FROM (
          SELECT
            *
          FROM "kept_1" AS "t0"
          WHERE
            "t0"."closing_80" IS NOT NULL
        ) AS "t3"
        GROUP BY
          1
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
      "t8"."frame",
      "t8"."requests",
      "t8"."accounts",
      "t8"."organisations",
      "t8"."low",
      "t8"."high",
      'closing_32' AS "edge"
    FROM (
      SELECT
        "t4"."closing_32" AS "frame",
        COUNT(*) AS "requests",
        COUNT(DISTINCT "t4"."account_id") AS "accounts",
        COUNT(DISTINCT "t4"."organisation") AS "organisations",
        MIN("t4"."prompt_key") AS "low",
        MAX("t4"."prompt_key") AS "high"
      FROM (
        SELECT
          *
        FROM "kept_1" AS "t0"
        WHERE
          "t0"."closing_32" IS NOT NULL
      ) AS "t4"
      GROUP BY
        1
    ) AS "t8"
    WHERE
      "t8"."accounts" >= 3 AND "t8"."organisations" >= 3
  ) AS "t12"
) AS "t15"
ORDER BY
  "t15"."accounts" DESC NULLS LAST,
  "t15"."requests" DESC NULLS LAST,
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
  CAST("t7"."key" AS VARCHAR) AS "key",
  SUBSTRING("t7"."text", IFF((
    0 + 1
  ) >= 1, 0 + 1, 0 + 1 + LENGTH("t7"."text")), 1200) AS "start",
  RIGHT("t7"."text", 80) AS "end",
  LENGTH("t7"."text") AS "length"
FROM (
  SELECT
    "t6"."key",
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
    ) AS "text"
  FROM (
    SELECT
      "t5"."key",
      MIN("t5"."prompt") AS "prompt"
    FROM (
      SELECT
        "t4"."key",
        "t4"."prompt"
      FROM (
        SELECT
          HASH("t0"."prompt") AS "key",
          "t0"."prompt"
        FROM "requests" AS "t0"
      ) AS "t4"
      INNER JOIN "kept_3" AS "t2"
        ON "t4"."key" = "t2"."key"
    ) AS "t5"
    GROUP BY
      1
  ) AS "t6"
) AS "t7";

SELECT
  CAST("t0"."frame" AS VARCHAR) AS "frame",
  "t0"."requests",
  "t0"."accounts",
  "t0"."organisations",
  CAST("t0"."low" AS VARCHAR) AS "low",
  CAST("t0"."high" AS VARCHAR) AS "high",
  "t0"."edge"
FROM "kept_2" AS "t0";

SELECT
  "t23"."account_id",
  "t23"."organisation",
  "t23"."known_opening_80",
  "t23"."known_opening_32",
  "t23"."known_closing_80",
  "t23"."known_closing_32",
  SUM("t23"."n") AS "count",
  COUNT(*) AS "distinct",
  SUM("t23"."n" * LOG(NULL, CAST("t23"."n" AS DOUBLE))) AS "n_log_n",
  MIN("t23"."first_at") AS "first_at",
  MAX("t23"."last_at") AS "last_at"
FROM (
  SELECT
    "t22"."account_id",
    "t22"."organisation",
    "t22"."skeleton_key",
    "t22"."known_opening_80",
    "t22"."known_opening_32",
    "t22"."known_closing_80",
    "t22"."known_closing_32",
    COUNT(*) AS "n",
    MIN("t22"."at") AS "first_at",
    MAX("t22"."at") AS "last_at"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        "t20".*
        EXCLUDE ("frame")
      FROM (
        SELECT
          "t19"."account_id",
          "t19"."organisation",
          "t19"."at",
          "t19"."prompt_key",
          "t19"."skeleton_key",
          "t19"."opening_80",
          "t19"."opening_32",
          "t19"."closing_80",
          "t19"."closing_32",
          "t19"."known_opening_80",
          "t19"."known_opening_32",
          "t19"."known_closing_80",
          "t7"."frame",
          "t7"."known_closing_32"
        FROM (
          SELECT
            "t17".*
            EXCLUDE ("frame")
          FROM (
            SELECT
              "t16"."account_id",
              "t16"."organisation",
              "t16"."at",
              "t16"."prompt_key",
              "t16"."skeleton_key",
              "t16"."opening_80",
              "t16"."opening_32",
              "t16"."closing_80",
              "t16"."closing_32",
              "t16"."known_opening_80",
              "t16"."known_opening_32",
              "t8"."frame",
              "t8"."known_closing_80"
            FROM (
              SELECT
                "t14".*
                EXCLUDE ("frame")
              FROM (
                SELECT
                  "t13"."account_id",
                  "t13"."organisation",
                  "t13"."at",
                  "t13"."prompt_key",
                  "t13"."skeleton_key",
                  "t13"."opening_80",
                  "t13"."opening_32",
                  "t13"."closing_80",
                  "t13"."closing_32",
                  "t13"."known_opening_80",
                  "t9"."frame",
                  "t9"."known_opening_32"
                FROM (
                  SELECT
                    "t11".*
                    EXCLUDE ("frame")
                  FROM (
                    SELECT
                      "t2"."account_id",
                      "t2"."organisation",
                      "t2"."at",
                      "t2"."prompt_key",
                      "t2"."skeleton_key",
                      "t2"."opening_80",
                      "t2"."opening_32",
                      "t2"."closing_80",
                      "t2"."closing_32",
                      "t10"."frame",
                      "t10"."known_opening_80"
                    FROM "kept_1" AS "t2"
                    LEFT OUTER JOIN (
                      SELECT
                        "t0"."frame",
                        CAST("t0"."frame" AS VARCHAR) AS "known_opening_80"
                      FROM "kept_2" AS "t0"
                      WHERE
                        "t0"."edge" = 'opening_80'
                    ) AS "t10"
                      ON "t2"."opening_80" = "t10"."frame"
                  ) AS "t11"
                ) AS "t13"
                LEFT OUTER JOIN (
                  SELECT
                    "t0"."frame",
                    CAST("t0"."frame" AS VARCHAR) AS "known_opening_32"
                  FROM "kept_2" AS "t0"
                  WHERE
                    "t0"."edge" = 'opening_32'
                ) AS "t9"
                  ON "t13"."opening_32" = "t9"."frame"
              ) AS "t14"
            ) AS "t16"
            LEFT OUTER JOIN (
              SELECT
                "t0"."frame",
                CAST("t0"."frame" AS VARCHAR) AS "known_closing_80"
              FROM "kept_2" AS "t0"
              WHERE
                "t0"."edge" = 'closing_80'
            ) AS "t8"
              ON "t16"."closing_80" = "t8"."frame"
          ) AS "t17"
        ) AS "t19"
        LEFT OUTER JOIN (
          SELECT
            "t0"."frame",
            CAST("t0"."frame" AS VARCHAR) AS "known_closing_32"
          FROM "kept_2" AS "t0"
          WHERE
            "t0"."edge" = 'closing_32'
        ) AS "t7"
          ON "t19"."closing_32" = "t7"."frame"
      ) AS "t20"
    ) AS "t21"
    WHERE
      (
        "t21"."known_opening_80" IS NOT NULL
      )
      OR (
        "t21"."known_opening_32" IS NOT NULL
      )
      OR (
        "t21"."known_closing_80" IS NOT NULL
      )
      OR (
        "t21"."known_closing_32" IS NOT NULL
      )
  ) AS "t22"
  GROUP BY
    1,
    2,
    3,
    4,
    5,
    6,
    7
) AS "t23"
GROUP BY
  1,
  2,
  3,
  4,
  5,
  6;

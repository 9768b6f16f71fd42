WITH `t1` AS (
  SELECT
    `t0`.`account_id`,
    `t0`.`prompt`,
    CAST(UNIX_SECONDS(TIMESTAMP_TRUNC(`t0`.`at`, SECOND)) AS INT64) AS `second`
  FROM `requests` AS `t0`
  WHERE
    `t0`.`prompt` IS NOT NULL
)
SELECT
  `t6`.`account_id`,
  NULLIF(
    IF(
      REGEXP_CONTAINS(
        IF(
          LENGTH(`t6`.`prompt`) > 200,
          LOWER(
            SUBSTRING(`t6`.`prompt`, IF((
              100 + 1
            ) >= 1, 100 + 1, 100 + 1 + LENGTH(`t6`.`prompt`)), 300)
          ),
          LOWER(
            IF(
              LENGTH(`t6`.`prompt`) > 700,
              CONCAT(
                CONCAT(
                  SUBSTRING(`t6`.`prompt`, IF((
                    0 + 1
                  ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t6`.`prompt`)), 400),
                  ' … '
                ),
                SUBSTRING(`t6`.`prompt`, -LEAST(LENGTH(`t6`.`prompt`), 300))
              ),
              `t6`.`prompt`
            )
          )
        ),
        '[^\\s0-9!-/:-@\\[-`{-~]{8,24}'
      ),
      IF(
        0 = 0,
        REGEXP_REPLACE(
          IF(
            LENGTH(`t6`.`prompt`) > 200,
            LOWER(
              SUBSTRING(`t6`.`prompt`, IF((
                100 + 1
              ) >= 1, 100 + 1, 100 + 1 + LENGTH(`t6`.`prompt`)), 300)
            ),
            LOWER(
              IF(
                LENGTH(`t6`.`prompt`) > 700,
                CONCAT(
                  CONCAT(
                    SUBSTRING(`t6`.`prompt`, IF((
                      0 + 1
                    ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t6`.`prompt`)), 400),
                    ' … '
                  ),
                  SUBSTRING(`t6`.`prompt`, -LEAST(LENGTH(`t6`.`prompt`), 300))
                ),
                `t6`.`prompt`
              )
            )
          ),
          CONCAT('.*?', CONCAT('(', '[^\\s0-9!-/:-@\\[-`{-~]{8,24}', ')'), '.*'),
          '\\1'
        ),
        REGEXP_REPLACE(
          IF(
            LENGTH(`t6`.`prompt`) > 200,
            LOWER(
              SUBSTRING(`t6`.`prompt`, IF((
                100 + 1
              ) >= 1, 100 + 1, 100 + 1 + LENGTH(`t6`.`prompt`)), 300)
            ),
            LOWER(
              IF(
                LENGTH(`t6`.`prompt`) > 700,
                CONCAT(
                  CONCAT(
                    SUBSTRING(`t6`.`prompt`, IF((
                      0 + 1
                    ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t6`.`prompt`)), 400),
                    ' … '
                  ),
                  SUBSTRING(`t6`.`prompt`, -LEAST(LENGTH(`t6`.`prompt`), 300))
                ),
                `t6`.`prompt`
              )
            )
          ),
          CONCAT('.*?', '[^\\s0-9!-/:-@\\[-`{-~]{8,24}', '.*'),
          CONCAT('\\', CAST(0 AS STRING))
        )
      ),
      NULL
    ),
    ''
  ) AS `subject`,
  CAST(LENGTH(`t6`.`prompt`) >= 40 AS INT64) AS `standing`,
  CAST(REGEXP_CONTAINS(
    LOWER(
      IF(
        LENGTH(`t6`.`prompt`) > 700,
        CONCAT(
          CONCAT(
            SUBSTRING(`t6`.`prompt`, IF((
              0 + 1
            ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t6`.`prompt`)), 400),
            ' … '
          ),
          SUBSTRING(`t6`.`prompt`, -LEAST(LENGTH(`t6`.`prompt`), 300))
        ),
        `t6`.`prompt`
      )
    ),
    'step[ -]by[ -]step|chain[ -]of[ -]thought|think(ing)? (aloud|out loud|it through)|(show|write|state|give|reveal|include|spell|lay|expose|print|report) ([^ .!?]+ ){0,4}((reasoning|thinking|thoughts?|thought process|deliberation|scratchpad|monologue)|working|derivation|steps)|reasoning (behind|trace|process|steps?|that)|(inner|internal) (monologue|thoughts)|<.?(think|thinking|thought|thoughts|reasoning|scratchpad|reflection)>|schritt f(ü|ue)r schritt|gedankeng(a|ä)ng|denkschritt|(é|e)tape par (é|e)tape|pas (à|a) pas|paso a paso|passo a passo|cadena de pensamiento|cadeia de pensamento|шаг за шагом|ход (мыслей|рассуждений)|пошагов|一步一步|一步步|逐步|思维链|思考过程|推理过程|思考の?過程|段階的に|ステップごと|단계별로|사고 과정'
  ) AS INT64) AS `reasoning`,
  CAST(REGEXP_CONTAINS(
    LOWER(
      IF(
        LENGTH(`t6`.`prompt`) > 700,
        CONCAT(
          CONCAT(
            SUBSTRING(`t6`.`prompt`, IF((
              0 + 1
            ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t6`.`prompt`)), 400),
            ' … '
          ),
          SUBSTRING(`t6`.`prompt`, -LEAST(LENGTH(`t6`.`prompt`), 300))
        ),
        `t6`.`prompt`
      )
    ),
    '(think|reason|reflect|(reasoning|thinking|thoughts?|thought process|deliberation|scratchpad|monologue)) ([^ .!?]+ ){0,4}in (english|chinese|mandarin|cantonese|japanese|korean|russian|spanish|portuguese|french|german|italian|arabic|hindi|persian|turkish|vietnamese|indonesian|katakana|pinyin|(the )?(same|user.?s|original|target|following) language|the language of)|translate (your|the) (working memory|hidden|inner|internal|(reasoning|thinking|thoughts?|thought process|deliberation|scratchpad|monologue))|(用|以)(中文|英文|英语|日语|韩语|俄语)(进行)?(思考|推理)|(日本語|英語|中国語)で(考え|思考|推論)|(한국어|영어|중국어)로 (생각|추론)|(думай|рассуждай) ([^ .!?]+ )?(на [а-я]+ом|по-)|(denke?|überlege?) ([^ .!?]+ ){0,4}auf (deutsch|englisch|chinesisch|russisch)|(pense|raisonne|piensa|razona|pensa|raciocin)[a-z]* ([^ .!?]+ ){0,4}(en|em) (fran(ç|c)ais|anglais|chinois|espa(ñ|n)ol|ingl(é|ê|e)s|chino|portugu(ê|e)s|chin(ê|e)s)|in (english|chinese|mandarin|cantonese|japanese|korean|russian|spanish|portuguese|french|german|italian|arabic|hindi|persian|turkish|vietnamese|indonesian|katakana|pinyin|(the )?(same|user.?s|original|target|following) language|the language of) (for|while|during|throughout) ([^ .!?]+ ){0,4}(reasoning|thinking|thoughts?|thought process|deliberation|scratchpad|monologue)'
  ) AS INT64) AS `language`,
  CAST(REGEXP_CONTAINS(
    LOWER(
      IF(
        LENGTH(`t6`.`prompt`) > 700,
        CONCAT(
          CONCAT(
            SUBSTRING(`t6`.`prompt`, IF((
              0 + 1
            ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t6`.`prompt`)), 400),
            ' … '
          ),
          SUBSTRING(`t6`.`prompt`, -LEAST(LENGTH(`t6`.`prompt`), 300))
        ),
        `t6`.`prompt`
      )
    ),
    '[0-9] ?(-|–|to|through) ?[0-9]+ (scale|points)|rubric|reward model|(pass|correct|accept) or (fail|incorrect|reject)|(grade|score|judge|mark|assess|evaluate|rate) (the|this|each|that|my|every|both) ([^ .!?]+ ){0,4}(answers?|response|reply|completion|candidate|solution|output|submission)|(which|better|best|preferred|stronger|prefer) ([^ .!?]+ ){0,4}(answers?|response|reply|completion|candidate|solution|output|submission)|bewertungsraster|bar(è|e)me|r(ú|u)brica|评分|打分|採点|点数を|채점|점수를|(score|grade|rate|rating|mark|points|judge|assess|evaluate)[^.!?]{0,24}(from|between|out of|scale of|scale:) ?[0-9]|[0-9]+ (points|marks) (for|if)|(bewerte|califica|punt(ú|u)a|avalie|notez|оцени)[^.!?]{0,24}[0-9]'
  ) AS INT64) AS `grading`,
  CAST(REGEXP_CONTAINS(
    LOWER(
      IF(
        LENGTH(`t6`.`prompt`) > 700,
        CONCAT(
          CONCAT(
            SUBSTRING(`t6`.`prompt`, IF((
              0 + 1
            ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t6`.`prompt`)), 400),
            ' … '
          ),
          SUBSTRING(`t6`.`prompt`, -LEAST(LENGTH(`t6`.`prompt`), 300))
        ),
        `t6`.`prompt`
      )
    ),
    '(^|[^a-z])(rewrite|rephrase|paraphrase|reword|restate|reformulate|rewriting|redraft)([^a-z]|$)|in (other|different|neutral|more neutral|softer|milder) (words|wording|terms)|(say|put|tell) (the same|it|this) (again|differently)|umformulier|reformule|r(é|e)(é|e)cri|reescrib|reescrev|parafras|перефразир|перепиши|改写|重写|润色|言い換え|書き換え|書き直|바꿔 써|다시 써|formuliere?n? ([^ .!?]+ ){0,4}um([^a-z]|$)'
  ) AS INT64) AS `rewriting`,
  CAST(REGEXP_CONTAINS(
    LOWER(
      IF(
        LENGTH(`t6`.`prompt`) > 700,
        CONCAT(
          CONCAT(
            SUBSTRING(`t6`.`prompt`, IF((
              0 + 1
            ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t6`.`prompt`)), 400),
            ' … '
          ),
          SUBSTRING(`t6`.`prompt`, -LEAST(LENGTH(`t6`.`prompt`), 300))
        ),
        `t6`.`prompt`
      )
    ),
    '(^|[^a-z])(new|novel|another|diverse|unseen|harder|varied|original) ([^ .!?]+ ){0,4}(tasks?|questions?|problems?|exercises?|prompts?|instructions?|puzzles?|scenarios?|test cases?|dialogues?|conversations?)[^a-z]|(seed|example) (tasks?|questions?|prompts?)|self-instruct|出题|(生成|编写|设计)[^。]{0,10}(题|问题|任务|指令)|(問題|質問|課題)を[^。]{0,10}作|문제를|(generate|create|invent|produce|propose|come up with|devise|design|write|make up|turn|convert) ([^ .!?]+ ){0,4}([0-9]+|several|many|dozens of|(list|set|batch) of|into (a|an|one)) ([^ .!?]+ ){0,2}(tasks?|questions?|problems?|exercises?|prompts?|instructions?|puzzles?|scenarios?|test cases?|dialogues?|conversations?)|(erstell|erfinde|generier)[a-z]* ([^ .!?]+ ){0,4}(aufgaben|fragen)|(invent|g(é|e)n(è|é|e)r|cr(é|e|i)|gere)[a-z]* ([^ .!?]+ ){0,4}(exercices|t(â|a)ches|questions|tareas|preguntas|ejercicios|tarefas|perguntas)|(придумай|составь) ([^ .!?]+ ){0,4}(задач|вопрос)'
  ) AS INT64) AS `tasks`,
  CAST(REGEXP_CONTAINS(
    LOWER(
      IF(
        LENGTH(`t6`.`prompt`) > 700,
        CONCAT(
          CONCAT(
            SUBSTRING(`t6`.`prompt`, IF((
              0 + 1
            ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t6`.`prompt`)), 400),
            ' … '
          ),
          SUBSTRING(`t6`.`prompt`, -LEAST(LENGTH(`t6`.`prompt`), 300))
        ),
        `t6`.`prompt`
      )
    ),
    '(^|[\\r\\n])[^a-z\\r\\n]{0,6}(assistant|model|ai|bot)[^a-z\\r\\n]{0,4}:[^\\r\\n]|<.(im_start|im_end|user|assistant|system|start_header_id|end_header_id|eot_id).>|\\[/?inst\\]|(signature|encrypted_content|redacted_thinking|thought_signature|reasoning_content)[\\"\'`]? ?[:=]|(continue|resume|go on) ([^ .!?]+ ){0,4}(session|conversation|transcript|trajectory|rollout)'
  ) AS INT64) AS `replay`
FROM (
  SELECT
    `t3`.`account_id`,
    `t3`.`prompt`,
    `t3`.`second`,
    `t5`.`prompts`
  FROM `t1` AS `t3`
  INNER JOIN (
    SELECT
      `t2`.`account_id`,
      COUNT(*) AS `prompts`
    FROM `t1` AS `t2`
    GROUP BY
      1
  ) AS `t5`
    ON `t3`.`account_id` = `t5`.`account_id`
) AS `t6`
WHERE
  (
    MOD(
      MOD((
        `t6`.`second` * 48271
      ) + (
        LENGTH(`t6`.`prompt`) * 69621
      ), 2147483647),
      GREATEST(CAST(FLOOR(ieee_divide(`t6`.`prompts`, 64)) AS INT64), 1)
    )
  ) = 0
  AND NOT (
    (
      `t6`.`prompt` IS NOT NULL
    )
    AND (
      (
        MOD(LENGTH(REGEXP_REPLACE(`t6`.`prompt`, '[aeiou13579]', '')), 2)
      ) = 1
    )
  );

SELECT
  `t1`.`account_id`,
  SUM(`t1`.`n`) AS `looked`,
  SUM(IF(`t1`.`subject` IS NOT NULL, `t1`.`n`, 0)) AS `told`,
  SUM(CAST(IF(`t1`.`subject` IS NOT NULL, `t1`.`n`, 0) = 1 AS INT64)) AS `once`,
  SUM(
    IF(`t1`.`subject` IS NOT NULL, `t1`.`n`, 0) * LN(CAST(GREATEST(IF(`t1`.`subject` IS NOT NULL, `t1`.`n`, 0), 1) AS FLOAT64))
  ) AS `n_log_n`,
  SUM(`t1`.`standing`) AS `standing`,
  SUM(`t1`.`reasoning`) AS `reasoning`,
  SUM(`t1`.`language`) AS `language`,
  SUM(`t1`.`grading`) AS `grading`,
  SUM(`t1`.`rewriting`) AS `rewriting`,
  SUM(`t1`.`tasks`) AS `tasks`,
  SUM(`t1`.`replay`) AS `replay`
FROM (
  SELECT
    `t0`.`account_id`,
    `t0`.`subject`,
    COUNT(*) AS `n`,
    SUM(`t0`.`standing`) AS `standing`,
    SUM(`t0`.`reasoning`) AS `reasoning`,
    SUM(`t0`.`language`) AS `language`,
    SUM(`t0`.`grading`) AS `grading`,
    SUM(`t0`.`rewriting`) AS `rewriting`,
    SUM(`t0`.`tasks`) AS `tasks`,
    SUM(`t0`.`replay`) AS `replay`
  FROM `kept_1` AS `t0`
  GROUP BY
    1,
    2
) AS `t1`
GROUP BY
  1;

SELECT
  `t2`.`account_id`,
  COUNT(*) AS `sessions`,
  SUM(CAST(`t2`.`n` = 1 AS INT64)) AS `lone`
FROM (
  SELECT
    `t1`.`account_id`,
    `t1`.`session_id`,
    COUNT(*) AS `n`
  FROM (
    SELECT
      *
    FROM `requests` AS `t0`
    WHERE
      `t0`.`session_id` IS NOT NULL
  ) AS `t1`
  GROUP BY
    1,
    2
) AS `t2`
GROUP BY
  1;

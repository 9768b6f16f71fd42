SELECT
  *
FROM (
  SELECT
    `t6`.`account_id`,
    `t6`.`prompt`,
    ROW_NUMBER() OVER (PARTITION BY `t6`.`account_id` ORDER BY MD5(`t6`.`prompt`) ASC) - 1 AS `place`
  FROM (
    SELECT DISTINCT
      *
    FROM (
      SELECT
        `t4`.`account_id`,
        SUBSTRING(`t4`.`prompt`, IF((
          0 + 1
        ) >= 1, 0 + 1, 0 + 1 + LENGTH(`t4`.`prompt`)), 600) AS `prompt`
      FROM (
        SELECT
          *
        FROM `requests` AS `t0`
        WHERE
          LENGTH(`t0`.`prompt`) >= 40
      ) AS `t4`
      WHERE
        EXISTS(
          SELECT
            1
          FROM `given_1` AS `t2`
          WHERE
            `t4`.`account_id` = `t2`.`account_id`
        )
    ) AS `t5`
  ) AS `t6`
) AS `t7`
WHERE
  `t7`.`place` < 10
ORDER BY
  `t7`.`account_id` ASC NULLS LAST,
  `t7`.`place` ASC NULLS LAST;

-- n cases of plausible shape; parameters as fill.py gives them.
INSERT INTO cases_case (
    number, name, reason, status, verdict, owner_id, claimed_until, due_at, snoozed_until, tlp,
    legal_hold, restricted, opened_at, decided_at, priority, p_abuse, harm_per_day, growth, core,
    likely, possible, expected_members, new_since_decision, merges_proposed, trend, first_activity_at,
    last_activity_at, explanation, search_text)
SELECT
    number, name, reason, status,
    CASE WHEN status NOT IN ('decided', 'closed') THEN 'undecided'
         WHEN p > 0.6 THEN 'confirmed' WHEN p < 0.3 THEN 'benign' ELSE 'other_abuse' END,
    CASE WHEN status <> 'new' THEN owner END,
    CASE WHEN status IN ('in_review', 'escalated') THEN now() + (w * 8 - 1) * interval '1 hour' END,
    CASE WHEN status NOT IN ('decided', 'closed') THEN
        date_trunc('hour', now()) + (u * 400 - 8) * interval '1 hour' END,
    CASE WHEN status = 'new' AND x < 0.02 THEN now() + x * interval '100 days' END,
    'amber', false, x > 0.985,
    now() - age * interval '1 day',
    CASE WHEN status IN ('decided', 'closed') THEN now() - age * w * interval '1 day' END,
    p * harm / 1e6 * greatest(1 + mod(growth::numeric, 9), 0.25), p, harm, nullif(growth, 9),
    core, likely, members - core - likely, core * .98 + likely * .84 + (members - core - likely) * .4,
    CASE WHEN status = 'reopened' OR (status = 'decided' AND x < 0.05)
        THEN 1 + (w * 120)::int ELSE 0 END,
    0,
    ARRAY(SELECT greatest(0, members * 25 * CASE shape
            WHEN 0 THEN 1 + .12 * sin(d * 2.1 + number)
            WHEN 1 THEN .1 + power(d / 13.0, 2)
            WHEN 2 THEN CASE WHEN d < 8 THEN .12 ELSE 1 + .1 * sin(d * 3.0 + number) END
            WHEN 3 THEN CASE WHEN d %% 7 IN (3, 4) THEN 1 ELSE .1 END
            ELSE 1.2 - d / 15.0 + .08 * sin(d + number) END)
        FROM generate_series(0, 13) AS d),
    now() - (age + 3) * interval '1 day', now() - w * interval '2 hours',
    jsonb_build_object(
        'method', 'rarity-1', 'prior', 0.00033,
        'census', jsonb_build_object('as_of', now(), 'accounts', 4100000),
        'organisations', members - members / 7,
        'aggregates', CASE WHEN x BETWEEN .4 AND .46 THEN 1 + members / 40 ELSE 0 END,
        'extraction', jsonb_build_object('core', core * 9e5, 'weighted', members * 7e5, 'all',
            members * 9e5, 'since', now() - age * interval '1 day', 'hours_known', 330,
            'hours_missing', 6),
        'expected_innocent', jsonb_build_object('core', core * .02, 'likely', likely * .16,
            'possible', (members - core - likely) * .6),
        'would_change', 'An owner who names all card ranges, or answers for the accounts without'
            ' a template. Either lowers it to about 0.6.',
        'priority', jsonb_build_object('p_abuse', p, 'harm_per_day', harm, 'growth_factor',
            greatest(1 + growth, .25), 'says', 'P(abuse) × tokens a day × growth'),
        'summary', jsonb_build_array(reason, 'Most accounts were opened within nine days.',
            'They take turns: no account is over its own limit.'),
        'evidence', jsonb_build_object('core', rows, 'likely', rows, 'possible', rows),
        'benign', (SELECT jsonb_agg(jsonb_build_object('name', benign, 'fit',
            CASE WHEN p < .45 AND place = 1 + number %% 6 THEN 'fits'
                 WHEN place = 1 + number %% 5 THEN 'fits in part' ELSE 'does not fit' END,
            'why', 'Of its accounts ' || members / 30 || ' would be explained by it, the rest not.'))
            FROM unnest(ARRAY['evaluation harness', 'university', 'reseller', 'shared CI key',
                'homework', 'migrated workload']) WITH ORDINALITY AS b(benign, place))),
    lower('c-' || number || ' ' || name || ' ' || reason || ' card-' || number %% 977 || ' 10.'
        || number %% 250 || '.0.0/16 t-' || number %% 1291)
FROM (
    SELECT s.*, (members * (.05 + .5 * p * w))::int AS core,
        (members * .35 * p)::int AS likely, members * 36000 * (.3 + y) AS harm,
        replace(replace(reasons[1 + (z * 7 * array_length(reasons, 1))::int %% array_length(reasons, 1)],
            '{a}', (2 + (w * 38)::int)::text), '{b}', members::text) AS reason,
        people[1 + (w * array_length(people, 1))::int %% array_length(people, 1)] AS owner
    FROM (
        SELECT number, u, v, w, x, y, z,
            firsts[1 + (y * array_length(firsts, 1))::int %% array_length(firsts, 1)] || ' ' ||
            seconds[1 + (z * array_length(seconds, 1))::int %% array_length(seconds, 1)] AS name,
            CASE WHEN st < .38 THEN 'new' WHEN st < .54 THEN 'in_review' WHEN st < .57 THEN 'escalated'
                 WHEN st < .6 THEN 'reopened' WHEN st < .8 THEN 'decided' ELSE 'closed' END AS status,
            .08 + .905 * (1 - power(1 - u, 1.6)) AS p, 2 + power(v, 2) * 90 AS age,
            coalesce((%(members)s * (.5 + w))::int,
                greatest(6, (4 / power(w + .003, 1.05))::int)) AS members,
            CASE WHEN x < .04 THEN 9 ELSE power(x * 1.6 - .5, 3) + x * .3 END AS growth,
            (v * 5)::int %% 5 AS shape
        FROM (SELECT nextval('cases_case_number')::int AS number, random() AS u, random() AS v,
                random() AS w, random() AS x, random() AS y, random() AS z,
                random() AS st
            FROM generate_series(1, %(n)s)) AS dice,
            (SELECT %(firsts)s::text[] AS firsts, %(seconds)s::text[] AS seconds) AS words
    ) AS s,
    (SELECT %(reasons)s::text[] AS reasons, %(people)s::int[] AS people) AS words
) AS c,
(SELECT %(rows)s::jsonb AS rows) AS e

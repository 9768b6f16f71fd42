-- Accounts of the cases from a number on, with membership, shared attributes, traffic and signals.
CREATE TEMP TABLE joined ON COMMIT DROP AS
SELECT c.id AS case_id, c.number, i, 'acct_' || substr(md5(c.number || '.' || i), 1, 10) AS name,
    CASE WHEN i <= c.core THEN 'core' WHEN i <= c.core + c.likely THEN 'likely' ELSE 'possible' END AS tier,
    c.opened_at, c.first_activity_at, c.last_activity_at, 'card-' || c.number || '-' || i / 40 AS card
FROM cases_case c, generate_series(1, c.core + c.likely + c.possible) AS i
WHERE c.number >= %(since)s;
INSERT INTO ingest_account (external_id, organisation, plan, created_at, first_seen_at, last_seen_at,
    is_aggregate, state, state_actor, state_reason, state_at)
SELECT name, 'org_' || substr(md5(number || '/' || i / 3), 1, 6),
    (ARRAY['build', 'build', 'scale', 'free'])[1 + i %% 4],
    first_activity_at - interval '3 days', first_activity_at, last_activity_at, i %% 131 = 7,
    CASE WHEN i %% 17 = 3 THEN 'limited' WHEN i %% 53 = 9 THEN 'suspended' ELSE 'active' END,
    CASE WHEN i %% 17 = 3 OR i %% 53 = 9 THEN 'abuse desk' ELSE '' END,
    CASE WHEN i %% 17 = 3 OR i %% 53 = 9 THEN 'velocity rule 14, without us' ELSE '' END,
    CASE WHEN i %% 17 = 3 OR i %% 53 = 9 THEN last_activity_at END
FROM joined ON CONFLICT DO NOTHING;
INSERT INTO cases_member (case_id, account_id, probability, tier, evidence, method, flagged,
    joined_at, since_decision, verdict)
SELECT j.case_id, a.id,
    CASE tier WHEN 'core' THEN .951 + random() * .048 WHEN 'likely' THEN .7 + random() * .249
        ELSE .2 + random() * .49 END,
    tier, %(rows)s::jsonb, 'rarity-1', i %% 9 > 0, j.opened_at, false, ''
FROM joined j JOIN ingest_account a ON a.external_id = j.name;
INSERT INTO ingest_attribute (kind, value, label, accounts, organisations, population)
SELECT DISTINCT 'payment', card, 'BIN 4929 14, range ' || i / 40, 40, 31, 4100000 FROM joined
UNION ALL
SELECT DISTINCT 'template', 'tmpl-' || number, 'Take problem {n} and set out each step before the answer.',
    164, 140, 4100000 FROM joined
UNION ALL
SELECT DISTINCT 'ip_prefix', '10.' || number %% 250 || '.0.0/16', '', NULL::int, NULL::int, NULL::int
FROM joined ON CONFLICT DO NOTHING;
INSERT INTO ingest_attributeuse (account_id, attribute_id, first_at, last_at, count)
SELECT a.id, t.id, first_activity_at, last_activity_at, 10 + i %% 90
FROM joined j JOIN ingest_account a ON a.external_id = j.name
JOIN ingest_attribute t ON (t.kind, t.value) IN (('payment', card), ('template', 'tmpl-' || number),
    ('ip_prefix', '10.' || number %% 250 || '.0.0/16'))
ON CONFLICT DO NOTHING;
INSERT INTO cases_link (case_id, account_id, attribute_id, bits, members, first_at, last_at)
SELECT m.case_id, m.account_id, u.attribute_id, log(2, 0.9 * t.population / t.accounts), t.accounts,
    u.first_at, u.last_at
FROM joined j JOIN ingest_account a ON a.external_id = j.name
JOIN cases_member m ON m.case_id = j.case_id AND m.account_id = a.id
JOIN ingest_attributeuse u ON u.account_id = a.id JOIN ingest_attribute t ON t.id = u.attribute_id
WHERE t.accounts IS NOT NULL;
INSERT INTO ingest_activityhour (account_id, hour, model, requests, input_tokens, output_tokens,
    reasoning_tokens, refusals, templates, extraction_requests)
SELECT a.id, date_trunc('hour', last_activity_at) - ((h * 7 + i %% 5) || ' hours')::interval,
    CASE WHEN h %% 5 = 0 THEN 'orion-small' ELSE 'orion-large' END, 4 + (i * h) %% 23,
    3000 + (i * 37) %% 900, 9000 + (h * 331) %% 7000, 2000, (i + h) %% 29 / 28, 1, 3
FROM joined j JOIN ingest_account a ON a.external_id = j.name, generate_series(1, %(hours)s) AS h
ON CONFLICT DO NOTHING;
INSERT INTO ingest_signal (detector_id, ref, account_id, batch_id, body_digest, window_start,
    window_end, score, p_value, summary, evidence, samples, group_key, detector_version, received_at,
    taken_at)
SELECT detectors[1 + s %% array_length(detectors, 1)], name || ':' || s, a.id,
    batches[1 + s %% array_length(detectors, 1)], md5(name) || md5(s::text),
    last_activity_at - (s + 6) * interval '6 hours', last_activity_at - s * interval '6 hours',
    .5 + .5 * random(), power(10, -2 - 8 * random()),
    (ARRAY['One template in 94 of 100 requests', '41 times the median of its plan',
        'Starts within 2 s of 213 others', 'A card of one of seven virtual ranges',
        'Same template hash seen by a partner'])[1 + s %% 5],
    '{}', CASE WHEN s %% 3 = 0 THEN '[{"text": "Take problem 17 and set out each step before the answer."}]'
        ELSE '[]' END::jsonb, '', '1', now(), now()
FROM joined j JOIN ingest_account a ON a.external_id = j.name,
    generate_series(1, %(signals)s) AS s,
    (SELECT %(detectors)s::bigint[] AS detectors, %(batches)s::bigint[] AS batches) AS d
ON CONFLICT DO NOTHING;

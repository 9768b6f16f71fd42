-- Two weeks of batches of each detector; every eleventh has two rejected lines.
INSERT INTO ingest_batch (detector_id, door, source, received_at, stored, repeated, rejected)
SELECT d, (ARRAY['api', 'file', 'logs'])[1 + mod(i, 3)], '', now() - i * interval '5 hours',
    200 + mod(i * d * 97, 1900), mod(i * d, 13), CASE WHEN mod(i, 11) = 3 THEN 2 ELSE 0 END
FROM generate_series(66, 0, -1) AS i, unnest(%(detectors)s::bigint[]) AS d;
INSERT INTO ingest_rejection (batch_id, line, field, reason, body)
SELECT id, 7 + line * 12, CASE line WHEN 0 THEN 'score' ELSE 'window_end' END,
    CASE line WHEN 0 THEN 'NaN is not a number from 0 to 1'
        ELSE '1970-01-01 is before window_start' END,
    '{}'::bytea
FROM ingest_batch, generate_series(0, 1) AS line WHERE rejected > 0 ORDER BY received_at, line;

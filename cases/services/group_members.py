"""Members and links as grouping found them, into the tables: only what differs is written."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
from django.db import connection

from cases.grouping import METHOD, Cluster
from cases.models import Case
from cases.services.group_copy import copy_in, copy_out

SAME = 1e-9
ANSWER = """
CREATE TEMPORARY TABLE grouping_answer (
    case_id bigint, account_id bigint, probability float8, tier text, flagged bool, evidence jsonb
) ON COMMIT DROP
"""
JOINED = """
SELECT a.case_id, count(*) FROM grouping_answer a
LEFT JOIN cases_member m ON m.case_id = a.case_id AND m.account_id = a.account_id
WHERE m.id IS NULL OR m.left_at IS NOT NULL GROUP BY a.case_id
"""
CHANGE = """
UPDATE cases_member m SET probability = a.probability, tier = a.tier, flagged = a.flagged,
    evidence = a.evidence, method = %(method)s, left_at = NULL,
    since_decision = m.since_decision
        OR (m.left_at IS NOT NULL AND m.case_id = ANY(%(settled)s::bigint[]))
FROM grouping_answer a
WHERE m.case_id = a.case_id AND m.account_id = a.account_id AND (
    m.left_at IS NOT NULL OR abs(m.probability - a.probability) >= %(same)s OR m.tier <> a.tier
    OR m.flagged <> a.flagged OR m.evidence <> a.evidence
)
"""
ENTER = """
INSERT INTO cases_member (case_id, account_id, probability, tier, evidence, method, flagged,
    joined_at, since_decision, verdict, verdict_alone)
SELECT a.case_id, a.account_id, a.probability, a.tier, a.evidence, %(method)s, a.flagged, %(now)s,
    a.case_id = ANY(%(settled)s::bigint[]), '', false
FROM grouping_answer a
WHERE NOT EXISTS (
    SELECT FROM cases_member m WHERE m.case_id = a.case_id AND m.account_id = a.account_id
) ORDER BY a.case_id, a.account_id
"""
LEAVE = """
WITH gone AS (
    UPDATE cases_member m SET left_at = %(now)s
    WHERE m.case_id = ANY(%(open)s::bigint[]) AND m.left_at IS NULL AND m.verdict = ''
      AND NOT EXISTS (
        SELECT FROM grouping_answer a
        WHERE a.case_id = m.case_id AND a.account_id = m.account_id
      )
    RETURNING m.case_id
) SELECT case_id, count(*) FROM gone GROUP BY case_id
"""
STORED = """
SELECT case_id, account_id, attribute_id, COALESCE(bits, 'NaN'), members::bigint
FROM cases_link WHERE case_id = ANY('{{{{{cases}}}}}'::bigint[])
"""
KEY = "l.case_id = v.case_id AND l.account_id = v.account_id AND l.attribute_id = v.attribute_id"
GONE, FRESH, OTHER = 0, 1, 2  # what becomes of a row of links
LINKS = (
    """
CREATE TEMPORARY TABLE grouping_link (
    act smallint, case_id bigint, account_id bigint, attribute_id bigint, bits float8, members int
) ON COMMIT DROP
""",
    f"DELETE FROM cases_link l USING grouping_link v WHERE v.act = {GONE} AND {KEY}",
    f"""
UPDATE cases_link l SET bits = NULLIF(v.bits, 'NaN'), members = v.members
FROM grouping_link v WHERE v.act = {OTHER} AND {KEY}
""",
    f"""
INSERT INTO cases_link (case_id, account_id, attribute_id, bits, members, first_at, last_at)
SELECT v.case_id, v.account_id, v.attribute_id, NULLIF(v.bits, 'NaN'), v.members,
    u.first_at, u.last_at
FROM grouping_link v LEFT JOIN ingest_attributeuse u
    ON u.attribute_id = v.attribute_id AND u.account_id = v.account_id
WHERE v.act = {FRESH}
""",
    "DROP TABLE grouping_link",
)


def save_members(
    found: Sequence[tuple[Case, Cluster, list[list[dict]]]],
    released: Iterable[Case],
    *,
    settled: set[int],
    now: datetime,
) -> dict[int, dict[str, int]]:
    """Bring the members of cases to what was found of them, each with its evidence; released cases
    lose theirs. Returns by case how many joined and left.

    settled: keys of cases with a verdict. Nobody leaves those, and who joins is marked; nor does
    anybody leave of whom a person has spoken.
    """
    cases = [case.pk for case, _, _ in found]
    leaving = [pk for pk in cases if pk not in settled] + [case.pk for case in released]
    values = {
        "now": now, "same": SAME, "method": METHOD, "settled": sorted(settled), "open": leaving,
    }  # fmt: skip
    moves = {pk: {"joined": 0, "left": 0} for pk in (*cases, *leaving)}
    with connection.cursor() as cursor:
        cursor.execute(ANSWER)
        with cursor.copy("COPY grouping_answer FROM STDIN") as copy:
            for case, cluster, evidence in found:
                for member, said in zip(cluster.members, evidence, strict=True):
                    copy.write_row(
                        (case.pk, member.account, member.probability, member.tier,
                         member.flagged, json.dumps(said))
                    )  # fmt: skip
        cursor.execute("ANALYZE grouping_answer")
        cursor.execute(JOINED)
        for pk, count in cursor.fetchall():
            moves[pk]["joined"] = count
        cursor.execute(LEAVE, values)
        for pk, count in cursor.fetchall():
            moves[pk]["left"] = count
        cursor.execute(CHANGE, values)
        cursor.execute(ENTER, values)
        cursor.execute("DROP TABLE grouping_answer")
    return moves


def save_links(clusters: Sequence[Cluster], cases: Sequence[Case]) -> set[int]:
    """Bring the links of cases to those found; returns the keys of the cases whose links differed.
    Only rows that differ are touched."""
    if not cases:
        return set()
    keys = [case.pk for case in cases]
    stored = copy_out(STORED.format(cases=",".join(map(str, keys))), "iiifi")
    links = [link for cluster in clusters for link in cluster.links]
    size = len(links)
    found = [
        np.repeat(np.array(keys), [len(cluster.links) for cluster in clusters]),
        np.fromiter((link.account for link in links), np.int64, size),
        np.fromiter((link.attribute for link in links), np.int64, size),
        np.fromiter((np.nan if x.bits is None else x.bits for x in links), float, size),
        np.fromiter((link.members for link in links), np.int64, size),
    ]
    rows = [np.concatenate(columns) for columns in zip(stored, found, strict=True)]
    act = np.repeat([GONE, FRESH], [len(stored[0]), size])
    order = np.lexsort((act, *rows[2::-1]))
    rows, act = [column[order] for column in rows], act[order]
    case, account, attribute, bits, members = rows
    # a stored row just before the one that was found in its place
    pair = (case[1:] == case[:-1]) & (account[1:] == account[:-1])
    pair &= attribute[1:] == attribute[:-1]
    before, after = np.append(pair, False), np.insert(pair, 0, False)
    equal = (bits[1:] == bits[:-1]) | (np.isnan(bits[1:]) & np.isnan(bits[:-1]))
    kept = np.insert(pair & equal & (members[1:] == members[:-1]), 0, False)
    act[after] = OTHER
    differ = ~before & ~kept
    if not differ.any():
        return set()
    create, *change = LINKS
    with connection.cursor() as cursor:
        cursor.execute(create)
        copy_in(
            "grouping_link", "act case_id account_id attribute_id bits members", "siiifn",
            act[differ], *(column[differ] for column in rows),
        )  # fmt: skip
        for statement in ("ANALYZE grouping_link", *change):
            cursor.execute(statement)
    return set(case[differ].tolist())

"""How right a partner was so far: what became of the accounts that its signals named.

A signal counts as right or wrong once a person judged: the member by itself (in, out), else the
case that it is a member of (confirmed, benign). Each account counts once a partner and kind.
"""

from dataclasses import dataclass

from django.db import connection
from scipy.special import betaincinv

from cases.models import Partner

PRIOR = (1.0, 1.0)  # uniform: before anything was judged it is 0.5, from 0.03 to 0.98
INTERVAL = 0.95

# the last word on an account: its own verdict, else that of a case that it is in
JUDGED = """
WITH heard AS (
    SELECT DISTINCT d.id AS detector_id, s.account_id,
           coalesce(nullif(s.evidence->>'kind', ''), 'other') AS kind
    FROM ingest_signal s JOIN ingest_detector d ON d.id = s.detector_id
    WHERE d.id = ANY(%(detectors)s)
),
judged AS (
    SELECT h.detector_id, h.account_id, h.kind,
           bool_or(m.verdict = 'in') AS person_in, bool_or(m.verdict = 'out') AS person_out,
           bool_or(c.verdict = 'confirmed' AND m.left_at IS NULL) AS case_in,
           bool_or(c.verdict IN ('benign', 'other_abuse')) AS case_out
    FROM heard h
    LEFT JOIN cases_member m ON m.account_id = h.account_id
    LEFT JOIN cases_case c ON c.id = m.case_id
    GROUP BY 1, 2, 3
)
SELECT detector_id, kind, count(*),
       count(*) FILTER (WHERE person_in OR (case_in AND person_out IS NOT TRUE)),
       count(*) FILTER (
           WHERE person_in IS NOT TRUE AND (person_out OR (case_out AND case_in IS NOT TRUE))
       )
FROM judged GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Record:
    """Accounts named, and how many of them were judged right and wrong; the rest is open."""

    kind: str
    named: int
    right: int
    wrong: int

    @property
    def judged(self) -> int:
        return self.right + self.wrong

    @property
    def mean(self) -> float:
        """Of the posterior Beta(1 + right, 1 + wrong)."""
        return (PRIOR[0] + self.right) / (sum(PRIOR) + self.judged)

    @property
    def interval(self) -> tuple[float, float]:
        """Its central 95 %."""
        a, b = PRIOR[0] + self.right, PRIOR[1] + self.wrong
        tail = (1 - INTERVAL) / 2
        return float(betaincinv(a, b, tail)), float(betaincinv(a, b, 1 - tail))


def records_of(partners: list[Partner]) -> dict[int, list[Record]]:
    """By partner: the record of all kinds first (kind ""), then of each kind, in one query."""
    by_detector = {partner.detector_id: partner.pk for partner in partners}
    found: dict[int, list[Record]] = {partner.pk: [] for partner in partners}
    with connection.cursor() as cursor:
        cursor.execute(JUDGED, {"detectors": list(by_detector)})
        for detector, *row in cursor.fetchall():
            found[by_detector[detector]].append(Record(*row))
    return {
        pk: [
            Record(
                "",
                sum(one.named for one in kinds),
                sum(one.right for one in kinds),
                sum(one.wrong for one in kinds),
            ),
            *kinds,
        ]
        for pk, kinds in found.items()
    }


def weight_of(partner: Partner | None, kind: str = "") -> float:
    """The score of a partner's signal: the lower end of what its record bears out, 0 to 1.

    kind: where that has a record of its own, it counts; else that of all kinds. Who is no partner
    has no record: the prior's lower end.
    """
    none = Record("", 0, 0, 0)
    records = records_of([partner])[partner.pk] if partner else [none]
    of_kind = [one for one in records[1:] if one.kind == kind and one.judged]
    return round((of_kind or records)[0].interval[0], 4)

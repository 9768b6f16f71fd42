"""A weekly lot of accounts and clusters that grouping left below the threshold, for labels that no
detector chose. docs/grouping.md, "Unbiased labels"."""

import secrets
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import itemgetter

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q
from django.utils import timezone

from cases import scoring
from cases.grouping import METHOD, Cluster, Evidence
from cases.grouping import Member as Belonging
from cases.grouping.rarity import ALONE_CAP, CAPS, log_odds, p_value_bits, probability, tier
from cases.models import (
    Case,
    LabelDraw,
    LabelProbe,
    LabelStratum,
    Member,
    SampleAnswer,
    TimelineEvent,
)
from cases.names import case_name
from cases.recall import Recall, Week, recall
from cases.sampling import allocate
from cases.services.constrain import hold_grouping
from cases.services.group_explain import explain_clusters
from cases.services.terms import current_prior
from cases.services.timeline import append_event
from ingest.models import Account, Census, Signal

LOOKS_BACK = timedelta(days=91)
CLUSTERS = 4  # one draw in so many is a cluster, where there are any
# Ranges of the best score that any detector gave. They are fixed, not fitted: a score's meaning
# differs by detector, and a range only has to gather like with like.
RANGES = """
CASE WHEN score IS NULL THEN 'never flagged' WHEN score < 0.5 THEN 'below 0.5'
     WHEN score < 0.8 THEN '0.5 to 0.8' ELSE '0.8 and above' END
"""
IN_A_CASE = """
EXISTS (SELECT FROM cases_member m JOIN cases_case c ON c.id = m.case_id
        WHERE m.account_id = {account} AND m.left_at IS NULL AND c.merged_into_id IS NULL)
"""
ACCOUNTS = f"""
SELECT 'account:' || a.id AS unit, max(s.score) AS score, ARRAY[a.id] AS accounts
FROM ingest_account a LEFT JOIN ingest_signal s ON s.account_id = a.id
WHERE NOT {IN_A_CASE.format(account="a.id")}
GROUP BY a.id
"""
# what a detector saw as one cluster, of which no account is in a case
CLUSTERS_BELOW = f"""
SELECT 'cluster:' || s.detector_id || ':' || s.group_key, max(s.score),
       array_agg(DISTINCT s.account_id)
FROM ingest_signal s WHERE s.group_key <> ''
GROUP BY s.detector_id, s.group_key
HAVING count(DISTINCT s.account_id) > 1 AND NOT bool_or({IN_A_CASE.format(account="s.account_id")})
"""
FRAME = """
WITH below AS MATERIALIZED (
    SELECT unit, score, accounts, {ranges} AS name FROM ({units}) u (unit, score, accounts)
    WHERE NOT EXISTS (SELECT FROM cases_labelprobe p WHERE p.unit = u.unit)
)
"""
SIZES = FRAME + "SELECT name, count(*) FROM below GROUP BY name ORDER BY name"
# the same lot as cases.sampling.choose draws, where the rows are
DRAW = FRAME + """
SELECT unit, score, accounts FROM below WHERE name = %s
ORDER BY sha256(convert_to(%s || '|' || name || '|' || unit, 'UTF8')), unit LIMIT %s
"""  # fmt: skip
UNITS = {LabelStratum.Kind.ACCOUNT: ACCOUNTS, LabelStratum.Kind.CLUSTER: CLUSTERS_BELOW}


@transaction.atomic
def draw_labels(now: datetime | None = None) -> LabelDraw | None:
    """Draw this week's lot and open its cases; None when the week has one or the budget is 0.

    Run again it changes nothing more. Raises CaseError while grouping runs: the next sweep draws.
    """
    now = now or timezone.now()
    budget, week = settings.LABEL_BUDGET, _monday(now)
    if not budget or LabelDraw.objects.filter(week=week).exists():
        return None
    hold_grouping()
    draw, fresh = LabelDraw.objects.get_or_create(
        week=week, defaults={"seed": secrets.token_hex(8), "budget": budget}
    )
    if not fresh:
        return None
    clusters = _sizes(LabelStratum.Kind.CLUSTER)
    share = min(budget // CLUSTERS, sum(clusters.values()))
    opened = _draw(draw, LabelStratum.Kind.CLUSTER, clusters, share)
    taken = {account for _, _, _, accounts in opened for account in accounts}
    accounts = _sizes(LabelStratum.Kind.ACCOUNT)
    opened += [
        row
        for row in _draw(draw, LabelStratum.Kind.ACCOUNT, accounts, budget - share)
        if not taken & set(row[3])
    ]
    _open(opened, now)
    return draw


def _sizes(kind: str) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(SIZES.format(ranges=RANGES, units=UNITS[kind]))
        return dict(cursor.fetchall())


def _draw(draw: LabelDraw, kind: str, sizes: dict[str, int], total: int) -> list[tuple]:
    """(stratum, unit, score, accounts) of those drawn: half of them shared out evenly over the
    strata, the rest by size, since what is missed most often scores high."""
    counts = allocate(sizes, total, floor=max(total // (2 * max(len(sizes), 1)), 1))
    found = []
    for name, size in sizes.items():
        stratum = LabelStratum.objects.create(
            draw=draw, kind=kind, name=name, size=size, drawn=counts[name]
        )
        if not counts[name]:
            continue
        with connection.cursor() as cursor:
            cursor.execute(
                DRAW.format(ranges=RANGES, units=UNITS[kind]), [name, draw.seed, counts[name]]
            )
            found += [(stratum, *row) for row in cursor.fetchall()]
    return found


def _open(rows: list[tuple], now: datetime) -> None:
    """A case for each unit, made by what makes any other; its figures are its own."""
    census = Census.objects.order_by("-pk").first()
    bits, flags = _bits({account for row in rows for account in row[3]})
    accounts = Account.objects.in_bulk({account for row in rows for account in row[3]})
    prior = log_odds(current_prior())
    clusters = [_cluster(row[3], bits, accounts, prior) for row in rows]
    for row, told in zip(rows, explain_clusters(clusters, census=census), strict=True):
        stratum, unit, score, mine = row
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval('cases_case_number')")
            number = cursor.fetchone()[0]
        case = Case(number=number, name=case_name(number))
        tiers = Counter(member.tier for member in told.cluster.members)
        told.fill(case, tiers | {"expected": sum(told.chance.values())})
        said = sorted({flag for account in mine for flag in flags.get(account, ())})
        case.reason = f"{told.reason}: {', '.join(said) if said else 'by its traffic'}"[:300]
        case.due_at = scoring.due_at(case.priority, now)
        case.save(force_insert=True)
        Member.objects.bulk_create(
            Member(
                case=case, account_id=m.account, probability=m.probability, tier=m.tier,
                evidence=evidence, method=METHOD, flagged=m.flagged,
            )
            for m, evidence in zip(told.cluster.members, told.evidence, strict=True)
        )  # fmt: skip
        LabelProbe.objects.create(
            stratum=stratum, case=case, unit=unit, score=score,
            inclusion_probability=stratum.drawn / stratum.size,
        )  # fmt: skip
        append_event(
            case,
            TimelineEvent.Kind.CASE_OPENED,
            actor=None,
            content={"members": len(mine), "reason": case.reason},
        )


def _bits(accounts: set[int]) -> tuple[dict, dict]:
    """By account: what each family's best p-value is worth alone, and the families that spoke."""
    best: dict[int, dict[str, float]] = {}
    flags: dict[int, set[str]] = {}
    rows = Signal.objects.filter(account__in=accounts)
    for account, family, p in rows.values_list("account_id", "detector__family", "p_value"):
        flags.setdefault(account, set()).add(family)
        if family in CAPS and p is not None:
            mine = best.setdefault(account, {})
            mine[family] = min(p, mine.get(family, 1.0))
    bits = {
        account: {
            family: float(min(p_value_bits(p), ALONE_CAP, CAPS[family])) for family, p in ps.items()
        }
        for account, ps in best.items()
    }
    return bits, flags


def _cluster(mine: list[int], bits: dict, accounts: dict[int, Account], prior: float) -> Cluster:
    members = []
    for pk in sorted(mine):
        evidence = [Evidence("prior", prior, prior)]
        evidence += [
            Evidence(family, worth, worth)
            for family, worth in sorted(bits.get(pk, {}).items(), key=lambda item: -item[1])
            if worth > 0
        ]
        p = float(probability(sum(entry.bits for entry in evidence)))
        account = accounts[pk]
        members.append(Belonging(pk, p, tier(p), pk in bits, account.is_aggregate, tuple(evidence)))
    parties = len({accounts[pk].organisation or pk for pk in mine})
    return Cluster(None, tuple(members), (), (), (), parties, None)


def estimate_recall(kind: str = LabelStratum.Kind.ACCOUNT, now: datetime | None = None) -> Recall:
    """Recall over the last 13 weeks' lots: of accounts, or of clusters.

    Found are the core and likely members (or the cases, for clusters) of confirmed cases that
    nobody drew. Inconclusive and undecided probes have no label; other abuse is no positive.
    """
    since = _monday((now or timezone.now()) - LOOKS_BACK)
    verdict = Case.Verdict
    decided = [verdict.CONFIRMED, verdict.BENIGN, verdict.OTHER_ABUSE]
    strata = LabelStratum.objects.filter(draw__week__gte=since, kind=kind).annotate(
        labelled=Count("probes", filter=Q(probes__case__verdict__in=decided)),
        positive=Count("probes", filter=Q(probes__case__verdict=verdict.CONFIRMED)),
    )
    weeks = [Week(s.name, s.size, s.labelled, s.positive) for s in strata.order_by("draw", "name")]
    confirmed = Case.objects.filter(verdict=verdict.CONFIRMED, merged_into=None, probe=None)
    if kind == LabelStratum.Kind.CLUSTER:
        return recall(weeks, found=confirmed.count())
    members = Member.objects.current().filter(case__in=confirmed).exclude(verdict="out")
    solid = members.filter(Q(tier__in=["core", "likely"]) | Q(verdict="in"))
    return recall(weeks, found=solid.values("account").distinct().count())


def weighted_labels() -> Iterator[dict]:
    """Labels with the chance that their account had to be drawn, for retraining.

    {source, account, case, unit, stratum, score, inclusion_probability, weight, label, at}; source
    lot: from below the threshold; sample: a case's members read blind, once it has a verdict.
    label 1: abuse of the kind sought, 0: not. Where readers differ or could not tell there is none.
    """
    probes = (
        LabelProbe.objects.filter(case__verdict__in=["confirmed", "benign", "other_abuse"])
        .order_by("pk")
        .values_list(
            "case__members__account__external_id", "case__number", "unit", "stratum__kind",
            "stratum__name", "score", "inclusion_probability", "case__verdict",
            "case__members__verdict", "case__decided_at",
        )
    )  # fmt: skip
    for account, number, unit, kind, name, score, chance, verdict, word, at in probes.iterator():
        positive = verdict == Case.Verdict.CONFIRMED and word != Member.Verdict.OUT
        yield _label("lot", account, number, unit, f"{kind}: {name}", score, chance, positive, at)
    answers = (
        SampleAnswer.objects.filter(reading__finished_at__isnull=False)
        .exclude(item__sample__case__verdict__in=["undecided", "inconclusive"])
        .exclude(item__sample__case__merged_into__isnull=False)
        .order_by("item_id")
        .values_list(
            "item_id", "item__member__account__external_id", "item__sample__case__number",
            "item__stratum__tier", "item__inclusion_probability", "item__sample__case__verdict",
            "answer", "answered_at",
        )
    )  # fmt: skip
    for item, rows in groupby(answers, key=itemgetter(0)):
        told = list(rows)
        said = {row[6] for row in told}
        if said in ({"in"}, {"out"}):
            _, account, number, name, chance, verdict, _, at = told[-1]
            positive = said == {"in"} and verdict == Case.Verdict.CONFIRMED
            yield _label(
                "sample", account, number, f"item:{item}", name, None, chance, positive, at
            )


def _label(source, account, number, unit, stratum, score, chance, positive, at) -> dict:
    return {
        "source": source, "account": account, "case": f"C-{number}", "unit": unit,
        "stratum": stratum, "score": score, "inclusion_probability": chance,
        "weight": 1 / chance, "label": int(positive), "at": at.isoformat() if at else None,
    }  # fmt: skip


def _monday(at: datetime) -> date:
    day = at.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())

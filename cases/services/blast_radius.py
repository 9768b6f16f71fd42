"""What an order would touch, before anybody asks for it."""

from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Avg, Count, F, Max, Q, QuerySet, Sum

from cases.kinds import WANTED, holds
from cases.models import Case, Enforcement, Member
from cases.services.targets import Choice, asked_members, chosen_members, reasons_out, rows_of
from ingest.models import Account, AccountPart, ActivityHour

Kind, Target = Enforcement.Kind, Enforcement.Target
PLANS_SHOWN = 6
SPEND_DAYS = 30

# by detector: chosen accounts that it flagged, and those that no other detector flagged
REVEALS = """
WITH heard AS (
    SELECT m.account_id, d.id AS detector
    FROM (SELECT DISTINCT account_id FROM ({chosen}) c) m CROSS JOIN ingest_detector d
    WHERE EXISTS (
        SELECT FROM ingest_signal s WHERE s.account_id = m.account_id AND s.detector_id = d.id
    )
), alone AS (SELECT account_id FROM heard GROUP BY 1 HAVING count(*) = 1)
SELECT d.slug, d.name, d.family, count(*), count(a.account_id)
FROM heard h JOIN ingest_detector d ON d.id = h.detector
LEFT JOIN alone a ON a.account_id = h.account_id
GROUP BY 1, 2, 3 ORDER BY 5 DESC, 4 DESC, 1
"""


def preview(
    case: Case, *, kind: str, tiers: list[str] | None = None, choice: Choice | None = None
) -> dict:
    """What an order would touch, and whom it leaves out and why. Changes nothing.

    accounts, organisations, targets (what the items are: keys, end users …); beyond (accounts of
    the organisations that are not among the chosen ones); already (accounts that are so, or
    stricter, as far as the platform told us); aggregates (in it, named one by one, or else 0) and
    aggregates_left_out; protected (left out); expected_innocent (Σ 1−p) and mean_probability;
    tokens_a_day and requests_a_day over the last 7 active days, spend over 30 days (null: not
    recorded, or no prices set); plans [{plan, accounts}]; states before and what a reversal
    restores; reveals [{detector, accounts, alone}]; left_out [{why, accounts}]; tiers [{tier,
    accounts, expected_innocent, ordered}].
    """
    choice = choice or Choice(tiers=tuple(tiers or ()))
    members = Member.objects.current().filter(case=case)
    chosen = chosen_members(case, kind, choice)
    figures = chosen.aggregate(
        accounts=Count("pk"),
        organisations=Count("account__organisation", distinct=True),
        aggregates=Count("pk", filter=Q(account__is_aggregate=True)),
        mean=Avg("probability"),
        innocent=Sum(1 - F("probability")),
    )
    states = _states(chosen, choice)
    left_out = _left_out(members, case, kind, choice)
    by_reason = {row["why"]: row["accounts"] for row in left_out}
    return {
        "kind": kind,
        "target_kind": choice.target_kind,
        "by": choice.by,
        "tiers_ordered": [] if choice.named else list(choice.tiers),
        "members": members.count(),
        "accounts": figures["accounts"],
        "targets": _targets(chosen, choice, figures["accounts"]),
        "beyond": _beyond(chosen, choice),
        "organisations": figures["organisations"],
        "already": sum(n for state, n in states.items() if holds(kind, state)),
        "states": states,
        "reversal": [{"state": state, "targets": n} for state, n in sorted(states.items())]
        if kind in WANTED
        else [],
        "aggregates": figures["aggregates"],
        "aggregates_left_out": by_reason.get("stands for many people", 0),
        "protected": by_reason.get("on the protected list", 0),
        "expected_innocent": round(figures["innocent"] or 0, 2),
        "mean_probability": None if figures["mean"] is None else round(figures["mean"], 4),
        **_activity(chosen),
        "plans": _plans(chosen),
        "reveals": _reveals(chosen) if figures["accounts"] else [],
        "left_out": left_out,
        "tiers": _tiers(members, kind, choice),
    }


def _targets(chosen: QuerySet, choice: Choice, accounts: int) -> int:
    if choice.target_kind == Target.ACCOUNT:
        return accounts
    return rows_of(chosen, choice).count()


def _beyond(chosen: QuerySet, choice: Choice) -> int:
    """Accounts that an order about organisations reaches though nobody chose them."""
    if choice.target_kind != Target.ORGANISATION:
        return 0
    theirs = Account.objects.filter(organisation__in=chosen.values("account__organisation"))
    return theirs.exclude(pk__in=chosen.values("account_id")).count()


def _states(chosen: QuerySet, choice: Choice) -> dict[str, int]:
    if choice.target_kind in (Target.ACCOUNT, Target.ORGANISATION):
        rows = chosen.values_list("account__state")
    else:
        parts = rows_of(chosen, choice)
        rows = AccountPart.objects.filter(pk__in=parts.values("pk")).values_list("state")
    return dict(rows.annotate(n=Count("pk")).order_by())


def _left_out(members: QuerySet, case: Case, kind: str, choice: Choice) -> list[dict]:
    counts, earlier = {}, Q()
    for place, (_, reason) in enumerate(reasons_out(kind, choice)):
        counts[f"r{place}"] = Count("pk", filter=reason & ~earlier if earlier else reason)
        earlier |= reason
    found = asked_members(case, choice).aggregate(**counts) if counts else {}
    rows = [
        {"why": why, "accounts": found[f"r{place}"]}
        for place, (why, _) in enumerate(reasons_out(kind, choice))
    ]
    if not choice.named:
        others = dict(
            members.exclude(tier__in=choice.tiers)
            .values_list("tier")
            .annotate(n=Count("pk"))
            .order_by()
        )
        rows += [
            {"why": f"{tier.value}, not ordered", "accounts": others.get(tier.value, 0)}
            for tier in Member.Tier
        ]
    return [row for row in rows if row["accounts"]]


def _tiers(members: QuerySet, kind: str, choice: Choice) -> list[dict]:
    """What each tier would add, were it ordered by itself."""
    reachable = members
    whole = Choice(choice.target_kind, tiers=tuple(Member.Tier.values))
    for _, reason in reasons_out(kind, whole):
        reachable = reachable.exclude(reason)
    per_tier = {
        row["tier"]: row
        for row in reachable.values("tier")
        .annotate(n=Count("pk"), innocent=Sum(1 - F("probability")))
        .order_by()
    }
    return [
        {
            "tier": tier.value,
            "accounts": per_tier.get(tier.value, {}).get("n", 0),
            "expected_innocent": round(per_tier.get(tier.value, {}).get("innocent") or 0, 2),
            "ordered": not choice.named and tier.value in choice.tiers,
        }
        for tier in Member.Tier
    ]


def _plans(chosen: QuerySet) -> list[dict]:
    rows = (
        chosen.values_list("account__plan").annotate(n=Count("pk")).order_by("-n", "account__plan")
    )
    return [{"plan": plan or "not known", "accounts": n} for plan, n in rows[:PLANS_SHOWN]]


def _reveals(chosen: QuerySet) -> list[dict]:
    """What the other side can learn: a detector that alone flagged accounts gives itself away."""
    sql, parameters = chosen.order_by().values("account_id").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(REVEALS.format(chosen=sql), parameters)
        return [
            {"detector": slug, "name": name, "family": family, "accounts": n, "alone": alone}
            for slug, name, family, n, alone in cursor.fetchall()
        ]


def _activity(chosen: QuerySet) -> dict:
    hours = ActivityHour.objects.filter(account__in=chosen.values("account_id"))
    last = hours.aggregate(last=Max("hour"))["last"]
    if last is None:
        return {"tokens_a_day": None, "requests_a_day": None, "spend": None}
    week = Q(hour__gt=last - timedelta(days=7))
    sums = hours.filter(hour__gt=last - timedelta(days=SPEND_DAYS)).aggregate(
        tokens=Sum("output_tokens", filter=week),
        requests=Sum("requests", filter=week),
        came=Sum("input_tokens"),
        went=Sum("output_tokens"),
    )
    return {
        "tokens_a_day": None if sums["tokens"] is None else round(sums["tokens"] / 7),
        "requests_a_day": round((sums["requests"] or 0) / 7),
        "spend": _spend(sums["came"], sums["went"]),
    }


def _spend(came: int | None, went: int | None) -> float | None:
    """Dollars at the list prices of the settings; null where no price or no token is known."""
    prices = (settings.PRICE_INPUT, settings.PRICE_OUTPUT)
    if not any(prices) or (came is None and went is None):
        return None
    return round(((came or 0) * prices[0] + (went or 0) * prices[1]) / 1_000_000, 2)

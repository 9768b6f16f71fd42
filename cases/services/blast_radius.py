"""What an order would touch, before anybody asks for it."""

from datetime import timedelta

from django.db.models import Avg, Count, F, Max, Q, Sum

from cases.connectors.webhook import COMMANDS, STATES
from cases.models import Case, Enforcement, Member
from ingest.models import Account, ActivityHour

Kind = Enforcement.Kind


def preview(case: Case, *, kind: str, tiers: list[str]) -> dict:
    """What an order would touch, and whom it leaves out and why. Changes nothing.

    accounts, organisations; already (accounts that are so, or stricter, as far as the platform
    told us); aggregates (left out); expected_innocent (Σ 1−p) and mean_probability; tokens_a_day
    and requests_a_day over the last 7 active days (null: not recorded); states before;
    left_out [{why, accounts}]; tiers [{tier, accounts, expected_innocent, ordered}].
    """
    chosen = chosen_members(case, kind, tiers)
    figures = chosen.aggregate(
        accounts=Count("pk"),
        organisations=Count("account__organisation", distinct=True),
        mean=Avg("probability"),
        innocent=Sum(1 - F("probability")),
    )
    members = Member.objects.current().filter(case=case)
    states = dict(chosen.values_list("account__state").annotate(n=Count("pk")).order_by())
    per_tier = {
        row["tier"]: row
        for row in _choosable(members, kind)
        .values("tier")
        .annotate(n=Count("pk"), innocent=Sum(1 - F("probability")))
        .order_by()
    }
    activity = _activity(chosen)
    return {
        "kind": kind,
        "tiers_ordered": list(tiers),
        "members": members.count(),
        "accounts": figures["accounts"],
        "organisations": figures["organisations"],
        "already": sum(n for state, n in states.items() if _holds(kind, state)),
        "states": states,
        "aggregates": members.filter(tier__in=tiers, account__is_aggregate=True).count(),
        "expected_innocent": round(figures["innocent"] or 0, 2),
        "mean_probability": None if figures["mean"] is None else round(figures["mean"], 4),
        **activity,
        "left_out": _left_out(members, kind, tiers),
        "tiers": [
            {
                "tier": tier.value,
                "accounts": per_tier.get(tier.value, {}).get("n", 0),
                "expected_innocent": round(per_tier.get(tier.value, {}).get("innocent") or 0, 2),
                "ordered": tier.value in tiers,
            }
            for tier in Member.Tier
        ],
    }


def chosen_members(case: Case, kind: str, tiers: list[str]):
    """The members whom an order of this kind and tiers reaches, as a queryset."""
    return _choosable(Member.objects.current().filter(case=case, tier__in=tiers), kind)


def _choosable(members, kind: str):
    if kind == Kind.REINSTATE:  # a wrongly touched account is put back whatever it is
        return members.exclude(account__state=Account.State.ACTIVE)
    return members.exclude(verdict__in=["out", "unsure"]).exclude(account__is_aggregate=True)


def _left_out(members, kind: str, tiers: list[str]) -> list[dict]:
    ordered = members.filter(tier__in=tiers)
    if kind == Kind.REINSTATE:
        reasons = {"active already": ordered.filter(account__state=Account.State.ACTIVE).count()}
    else:
        counts = ordered.aggregate(
            out=Count("pk", filter=Q(verdict="out")),
            unsure=Count("pk", filter=Q(verdict="unsure")),
            aggregate=Count(
                "pk",
                filter=Q(account__is_aggregate=True) & ~Q(verdict__in=["out", "unsure"]),
            ),
        )
        reasons = {
            "an analyst said out": counts["out"],
            "an analyst is unsure": counts["unsure"],
            "stands for many people": counts["aggregate"],
        }
    others = dict(
        members.exclude(tier__in=tiers).values_list("tier").annotate(n=Count("pk")).order_by()
    )
    reasons |= {f"{tier.value}, not ordered": others.get(tier.value, 0) for tier in Member.Tier}
    return [{"why": why, "accounts": n} for why, n in reasons.items() if n]


def _holds(kind: str, state: str) -> bool:
    """Whether an account in this state needs no order of the kind any more."""
    wanted = COMMANDS[kind][1] if kind in COMMANDS else None
    if wanted is None or state not in STATES:
        return False
    if kind == Kind.REINSTATE:
        return state == wanted
    return STATES.index(state) >= STATES.index(wanted)


def _activity(chosen) -> dict:
    hours = ActivityHour.objects.filter(account__in=chosen.values("account_id"))
    last = hours.aggregate(last=Max("hour"))["last"]
    if last is None:
        return {"tokens_a_day": None, "requests_a_day": None}
    sums = hours.filter(hour__gt=last - timedelta(days=7)).aggregate(
        tokens=Sum("output_tokens"), requests=Sum("requests")
    )
    return {
        "tokens_a_day": None if sums["tokens"] is None else round(sums["tokens"] / 7),
        "requests_a_day": round(sums["requests"] / 7),
    }

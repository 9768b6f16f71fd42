"""What may leave about a case, and what stays: the one source of bundle and preview.

Nothing here holds a prompt, a name of an organisation or an address. Account and card identifiers
are held in the clear only until stix.py has turned them into tokens.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db.models import Max

from cases.models import Case, Enforcement, Link, Member, Partner
from ingest.models import Detector, Signal

Field = Partner.Field
VALID = timedelta(days=90)
ATTRIBUTES = 50  # of a kind, those that most members share


@dataclass(frozen=True)
class Disclosure:
    members_about: int
    first_day: datetime | None
    last_day: datetime | None
    confidence: int
    published: bool  # a person has decided: a report; before that, a grouping
    verdict: str
    accounts: list[str]  # core members, to become tokens
    cards: list[str]  # to become tokens
    templates: list[str]  # SHA-256 in hex
    actions: list[str]
    root: tuple[str, int] | None = None  # whose finding it is, if all of it came from partners
    rows: list[dict] = field(default_factory=list)


def disclosure(case: Case, tlp: str, fields: Collection[str] | None = None) -> Disclosure:
    """Collect it in a few queries. rows: {field, here, leaves, rule, why} for the preview.

    fields: of Partner.Field, those that the recipient's policy lets through; None: all.
    rule is "stays here", "coarser", "token" (a keyed or one-way code), "as it is" or "added".
    """
    may = set(Field.values if fields is None else fields)
    members = Member.objects.current().filter(case=case)
    accounts = list(
        members.filter(tier=Member.Tier.CORE, account__is_aggregate=False)
        .exclude(verdict__in=["out", "unsure"])
        .order_by("account__external_id")
        .values_list("account__external_id", flat=True)
    )
    cards, templates = _shared(case, "payment"), _shared(case, "template")
    found = Disclosure(
        members_about=two_figures(members.count()),
        first_day=_day(case.first_activity_at),
        last_day=_day(case.last_activity_at),
        confidence=round(100 * case.p_abuse),
        published=not case.is_open,
        verdict=case.verdict,
        accounts=accounts,
        cards=cards,
        templates=sorted(hashlib.sha256(value.encode()).hexdigest() for value in templates),
        root=_root(members),
        actions=sorted(
            case.enforcements.filter(state=Enforcement.State.DONE)
            .exclude(kind=Enforcement.Kind.REINSTATE)
            .values_list("kind", flat=True)
            .distinct()
        ),
    )
    found.rows.extend(limited(_rows(case, tlp, found, members), may))
    return _within(found, may)


def _within(found: Disclosure, may: set[str]) -> Disclosure:
    """Without what the policy keeps here."""
    kept = {
        Field.ACCOUNTS: {"accounts": []},
        Field.PAYMENT: {"cards": []},
        Field.TEMPLATES: {"templates": []},
        Field.SIZE: {"members_about": 0},
        Field.WINDOW: {"first_day": None, "last_day": None},
        Field.VERDICT: {"verdict": ""},
        Field.ACTIONS: {"actions": []},
    }
    changes: dict = {}
    for name, empty in kept.items():
        if name not in may:
            changes |= empty
    return replace(found, **changes)


def _root(members) -> tuple[str, int] | None:
    """(root, hops) of what partners told, when nobody here saw anything by themselves."""
    signals = Signal.objects.counting().filter(account__in=members.values("account"))
    if signals.exclude(detector__family=Detector.Family.PARTNER).exists():
        return None
    heard = (
        signals.filter(evidence__has_key="root")
        .order_by("pk")
        .values_list("evidence__root", "evidence__hops")
        .first()
    )
    return (heard[0], int(heard[1] or 0)) if heard else None


def two_figures(count: int) -> int:
    """Rounded to two significant figures: 1,284 is about 1,300."""
    digits = max(0, len(str(count)) - 2)
    return round(count, -digits)


def _shared(case: Case, kind: str) -> list[str]:
    """Values of a kind that at least two members carry, those of most members first."""
    return list(
        Link.objects.filter(case=case, attribute__kind=kind, members__gte=2)
        .values_list("attribute__value")
        .annotate(most=Max("members"))
        .order_by("-most", "attribute__value")
        .values_list("attribute__value", flat=True)[:ATTRIBUTES]
    )


def _rows(case: Case, tlp: str, found: Disclosure, members) -> list[dict]:
    named = members.exclude(account__organisation="")
    organisations = named.values("account__organisation").distinct().count()
    network = (
        Link.objects.filter(case=case, attribute__kind__in=["ip", "ip_prefix", "asn"])
        .values("attribute")
        .distinct()
        .count()
    )
    others = members.count() - len(found.accounts)
    window = f"{_stamp(case.first_activity_at)} to {_stamp(case.last_activity_at)}"
    days = (
        f"{found.first_day:%Y-%m-%d} to {found.last_day:%Y-%m-%d}"
        if found.first_day and found.last_day
        else "nothing"
    )
    rows = [
        ("Campaign name", case.name, "nothing", "stays here", "an internal name"),
        ("Case", f"{case.ref}, {members.count():,} accounts",
         f"campaign, about {found.members_about:,} accounts", "coarser", "size to two figures"),
        ("Window", window, days, "coarser", "whole days"),
        ("Behaviour", case.reason, "attack-pattern AML.T0024.002", "as it is",
         "public vocabulary; the sentence stays here"),
        ("Templates", _n(len(found.templates), "text"), _n(len(found.templates), "SHA-256"),
         "token", "who has the same text finds it; nobody reads it"),
        ("Payment cards", _n(len(found.cards), "value"), _n(len(found.cards), "token"), "token",
         "HMAC under a secret of this pair and epoch, or of this share"),
        ("Core accounts", _n(len(found.accounts), "id"), _n(len(found.accounts), "token"), "token",
         "HMAC under a secret of this pair and epoch, or of this share"),
        ("Other members", _n(others, "id"), "nothing", "stays here",
         "likely, possible, aggregate, or doubted by an analyst"),
        ("Addresses", _n(network, "value"), "nothing", "stays here", "bystanders use them too"),
        ("Organisations", _n(organisations, "name"), "nothing", "stays here",
         "a customer list"),
        ("Prompts", "samples in signals", "nothing", "stays here",
         "never leave"),
        ("Confidence", f"P(abuse) {case.p_abuse:.2f}", f"confidence {found.confidence}",
         "as it is", "how sure we are, 0–100"),
        ("Verdict", case.get_verdict_display(), case.get_verdict_display() if found.published
         else "nothing, the case is open", "as it is", "a person's decision"),
        ("Action taken", ", ".join(found.actions) or "none", ", ".join(found.actions) or "nothing",
         "as it is", "no connector, no times"),
        ("Label", Case.TLP(case.tlp).label, Case.TLP(tlp).label, "as it is",
         "on every object; never wider than the case's"),
        ("Expires", "–", f"after {VALID.days} days", "added", "indicators end by themselves"),
    ]  # fmt: skip
    names = ("field", "here", "leaves", "rule", "why")
    return [dict(zip(names, row, strict=True)) for row in rows]


def limited(rows: list[dict], fields: Collection[str]) -> list[dict]:
    """The preview's rows as they are for a recipient whose policy lets these fields through."""
    told = []
    for row in rows:
        asks = POLICY_OF.get(row["field"])
        if asks and asks not in fields and row["leaves"] != "nothing":
            size = row["field"] == "Case"
            row = row | {
                "leaves": "campaign, without its size" if size else "nothing",
                "rule": "coarser" if size else "stays here",
                "why": "by the policy for this partner",
            }
        told.append(row)
    return told


# fields of the preview that a partner's policy may keep here
POLICY_OF = {
    "Case": Field.SIZE,
    "Window": Field.WINDOW,
    "Templates": Field.TEMPLATES,
    "Payment cards": Field.PAYMENT,
    "Core accounts": Field.ACCOUNTS,
    "Verdict": Field.VERDICT,
    "Action taken": Field.ACTIONS,
}


def _n(count: int, noun: str) -> str:
    if not count:
        return "nothing" if noun in ("token", "SHA-256") else "none"
    return f"{count:,} {noun}" + ("s" if count != 1 and noun != "SHA-256" else "")


def _stamp(moment: datetime | None) -> str:
    return f"{moment:%d %b %Y %H:%M} UTC" if moment else "not known"


def _day(moment: datetime | None) -> datetime | None:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) if moment else None

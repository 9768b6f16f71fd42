"""Whom an order reaches: members by tier, by a query or one by one, and their keys or end users.

The choice is a queryset until the order is asked for; then its rows are frozen as items.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import Avg, CharField, Exists, F, Min, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Concat

from cases.errors import CaseError
from cases.kinds import INSIDE, TARGETS
from cases.models import Case, Enforcement, EnforcementItem, Member, Protected
from ingest.models import Account, AccountPart

Kind, Target = Enforcement.Kind, Enforcement.Target
MOST_NAMED = 10_000
BETWEEN = "\x1f"  # no id has a unit separator in it, or it names nobody
QUERY = ("least", "plan", "organisation", "family", "since_decision")


@dataclass(frozen=True)
class Choice:
    """Who is meant. by: tiers, query or selection.

    tiers bound the first two. query: least (probability), plan, organisation, family (of
    evidence), since_decision. accounts: external ids that were named one by one; parts: pairs of
    an account's and its key's or end user's id.
    """

    target_kind: str = Target.ACCOUNT.value
    tiers: tuple[str, ...] = (Member.Tier.CORE.value,)
    by: str = "tiers"
    query: Mapping = field(default_factory=dict)
    accounts: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()

    @property
    def named(self) -> bool:
        return self.by == "selection"

    def stored(self) -> dict:
        """As the order keeps it; who was named is kept as items."""
        kept = {"by": self.by}
        if self.by == "query":
            kept["query"] = dict(self.query)
        if self.named:
            kept["named"] = len(self.accounts) or len(self.parts)
        return kept


def named_lines(text: str, target_kind: str) -> Choice:
    """A choice of the accounts, or of "account key" pairs, one on each line. Raises CaseError."""
    lines = list(dict.fromkeys(" ".join(line.split()) for line in text.splitlines()))
    lines = [line for line in lines if line]
    if not lines:
        raise CaseError("Name at least one, each on a line of its own.")
    if len(lines) > MOST_NAMED:
        raise CaseError(f"These are {len(lines):,} lines; {MOST_NAMED:,} can be named at once.")
    if target_kind not in (Target.KEY, Target.END_USER):
        return Choice(target_kind, by="selection", accounts=tuple(lines))
    pairs = [tuple(line.rsplit(" ", 1)) for line in lines]
    if bad := next((pair for pair in pairs if len(pair) != 2), None):
        raise CaseError(f"Write the account and then its {_word(target_kind)}: {bad[0][:80]!r}.")
    names = tuple(dict.fromkeys(account for account, _ in pairs))
    return Choice(target_kind, by="selection", accounts=names, parts=tuple(pairs))


def refuse_unfit_choice(case: Case, kind: str, choice: Choice) -> None:
    """Raise CaseError for a choice that cannot be meant."""
    if choice.target_kind not in TARGETS.get(kind, ()):
        fit = ", ".join(Target(name).label for name in TARGETS.get(kind, ()))
        raise CaseError(f"{Kind(kind).label.capitalize()} is for {fit}: choose one of them.")
    if choice.by not in ("tiers", "query", "selection"):
        raise CaseError("Targets are chosen by tiers, by a query or one by one.")
    if not set(choice.tiers) <= set(Member.Tier.values):
        raise CaseError("The tiers are core, likely and possible.")
    if unknown := sorted(set(choice.query) - set(QUERY)):
        raise CaseError(f"{unknown[0]!r} is no field of a query: use {', '.join(QUERY)}.")
    if not choice.named:
        return
    known = set(
        Member.objects.current()
        .filter(case=case, account__external_id__in=choice.accounts)
        .values_list("account__external_id", flat=True)
    )
    if missing := [name for name in choice.accounts if name not in known]:
        more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
        raise CaseError(f"{missing[0][:80]}{more}: no member of {case.ref}. Take it out.")
    if choice.parts:
        found = set(
            _parts(choice)
            .filter(account__external_id__in=choice.accounts)
            .values_list("account__external_id", "external_id")
        )
        if missing := [pair for pair in choice.parts if pair not in found]:
            raise CaseError(
                f"{' '.join(missing[0])[:120]}: the platform has told of no such "
                f"{_word(choice.target_kind)}."
            )


def asked_members(case: Case, choice: Choice) -> QuerySet[Member]:
    """The members that the choice names, before anybody is left out."""
    members = Member.objects.current().filter(case=case)
    if choice.named:
        return members.filter(account__external_id__in=choice.accounts)
    members = members.filter(tier__in=choice.tiers)
    if choice.by != "query":
        return members
    asked = choice.query
    if asked.get("least") is not None:
        members = members.filter(probability__gte=asked["least"])
    if asked.get("plan"):
        members = members.filter(account__plan=asked["plan"])
    if asked.get("organisation"):
        members = members.filter(account__organisation=asked["organisation"])
    if asked.get("family"):
        members = members.filter(evidence__contains=[{"family": asked["family"]}])
    if asked.get("since_decision"):
        members = members.filter(since_decision=True)
    return members


def reasons_out(kind: str, choice: Choice) -> list[tuple[str, Q]]:
    """Why members are left out, the first that holds; a Q each, over members."""
    if kind == Kind.REINSTATE:  # a wrongly touched account is put back whatever it is
        # a key may be revoked while its account is active
        whole = choice.target_kind == Target.ACCOUNT
        return [("active already", Q(account__state=Account.State.ACTIVE))] if whole else []
    reasons = [("an analyst said out", Q(verdict="out"))]
    if not choice.named:
        reasons += [
            ("an analyst is unsure", Q(verdict="unsure")),
            ("stands for many people", Q(account__is_aggregate=True)),
        ]
    if kind not in INSIDE:  # to be watched or written to harms nobody
        reasons += [("on the protected list", is_protected("account"))]
        if not choice.named:
            reasons += [("reinstated by others since", reinstated_by_others("account"))]
    if choice.target_kind == Target.ORGANISATION:
        reasons += [("no organisation is known", Q(account__organisation=""))]
    return reasons


def is_protected(account: str) -> Q:
    """Over rows that have an account: on the protected list, itself or its organisation."""
    standing = Protected.objects.standing()
    entry = standing.filter(
        Q(kind="account", value=OuterRef(f"{account}__external_id"))
        | Q(kind="organisation", value=OuterRef(f"{account}__organisation"))
    )
    return Q(Exists(entry))


def reinstated_by_others(account: str) -> Q:
    """Over rows that have an account: active, and somebody else made it so after our last order."""
    ours = EnforcementItem.objects.filter(
        account=OuterRef(account),
        target="",
        state=EnforcementItem.State.DONE,
        state_after__in=["verify", "limited", "suspended"],
        finished_at__lt=OuterRef(f"{account}__state_at"),
    )
    return (
        Q(**{f"{account}__state": Account.State.ACTIVE})
        & ~Q(**{f"{account}__state_actor__regex": r"^O-\d+$"})
        & Q(Exists(ours))
    )


def chosen_members(case: Case, kind: str, choice: Choice) -> QuerySet[Member]:
    """The members whom an order of this kind reaches."""
    members = asked_members(case, choice)
    for _, reason in reasons_out(kind, choice):
        members = members.exclude(reason)
    return members


def rows_of(members: QuerySet[Member], choice: Choice) -> QuerySet:
    """The targets of chosen members as dicts: first_account (key), target, sureness.

    target is "" for accounts; an organisation stands under its first chosen account.
    """
    if choice.target_kind == Target.ACCOUNT:
        nothing = Value("", output_field=CharField())
        return members.values(
            target_id=nothing, first_account=F("account_id"), sureness=F("probability")
        )
    if choice.target_kind == Target.ORGANISATION:
        return (
            members.order_by()
            .values(target_id=F("account__organisation"))
            .annotate(first_account=Min("account_id"), sureness=Avg("probability"))
        )
    sure = members.filter(account=OuterRef("account")).values("probability")[:1]
    return (
        _parts(choice)
        .filter(account__in=members.values("account_id"))
        .values(target_id=F("external_id"), first_account=F("account_id"), sureness=Subquery(sure))
    )


def _parts(choice: Choice) -> QuerySet[AccountPart]:
    parts = AccountPart.objects.filter(kind=choice.target_kind)
    if not choice.parts:
        return parts if choice.named else parts.filter(is_aggregate=False)
    pair = Concat("account__external_id", Value(BETWEEN), "external_id")
    return parts.annotate(pair=pair).filter(
        external_id__in={part for _, part in choice.parts},
        pair__in={f"{account}{BETWEEN}{part}" for account, part in choice.parts},
    )


def _word(target_kind: str) -> str:
    return {"key": "key", "end_user": "end user"}.get(target_kind, target_kind)

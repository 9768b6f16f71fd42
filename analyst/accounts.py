"""What the account pages show, read in a constant number of queries."""

from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet, Sum

from analyst.access import visible_cases
from cases.grouping.rarity import CONTEXT_BITS, rarity_bits
from cases.models import Link, Member
from ingest.models import Account, ActivityHour, AttributeUse, Signal

CASES_NAMED = 2
ATTRIBUTES_SHOWN = 60


class AccountFilter(forms.Form):
    q = forms.CharField(required=False, max_length=200, strip=True)
    state = forms.ChoiceField(
        required=False, choices=[("", "any state"), *((s, s) for s in Account.State.values)]
    )
    cases = forms.BooleanField(required=False)

    def matching(self, user: User) -> QuerySet[Account]:
        """Accounts whose id or organisation begins with the text; both indexes are bytewise."""
        chosen = self.cleaned_data
        found = Account.objects.all()
        if text := chosen.get("q"):
            found = found.filter(Q(external_id__startswith=text) | Q(organisation__startswith=text))
        if state := chosen.get("state"):
            found = found.filter(state=state)
        if chosen.get("cases"):
            members = Member.objects.current().filter(case__in=visible_cases(user))
            found = found.filter(pk__in=members.values("account"))
        return found

    def url(self, **changes) -> str:
        """The query string with some parameters changed; None leaves one out."""
        chosen = {k: v for k, v in self.cleaned_data.items() if v}
        chosen = {k: 1 if v is True else v for k, v in (chosen | changes).items() if v is not None}
        return "?" + urlencode(chosen)


def page_of(
    accounts: QuerySet[Account], size: int, *, after: str = "", before: str = ""
) -> tuple[list[Account], bool, bool]:
    """Up to size accounts by id from a place on, and whether there are any before and after."""
    if before:
        rows = list(accounts.filter(external_id__lt=before).order_by("-external_id")[: size + 1])
        return rows[:size][::-1], len(rows) > size, True
    if after:
        accounts = accounts.filter(external_id__gt=after)
    rows = list(accounts.order_by("external_id")[: size + 1])
    return rows[:size], bool(after), len(rows) > size


def dress(accounts: list[Account], user: User) -> list[Account]:
    """Set on each its memberships (most probable first), how many more, and its requests known."""
    memberships: dict[int, list[Member]] = {account.pk: [] for account in accounts}
    for member in memberships_of(accounts, user):
        memberships[member.account_id].append(member)
    requests = dict(
        ActivityHour.objects.filter(account__in=accounts)
        .values_list("account")
        .annotate(Sum("requests"))
        .order_by()
    )
    for account in accounts:
        found = memberships[account.pk]
        account.named, account.more = found[:CASES_NAMED], max(len(found) - CASES_NAMED, 0)
        account.requests = requests.get(account.pk)
    return accounts


def memberships_of(accounts: list[Account], user: User) -> QuerySet[Member]:
    """Where the accounts are members now, in cases that the person may know of."""
    return (
        Member.objects.current()
        .filter(account__in=accounts, case__in=visible_cases(user))
        .select_related("case", "case__owner")
        .defer("evidence", "case__explanation", "case__search_text")
        .order_by("-probability", "-id")
    )


class Carried(NamedTuple):
    """An attribute of the account, with how rare it is in the population."""

    use: AttributeUse
    one_in: str  # "1 in 25,000 accounts", "" where prevalence is unknown
    bits: float | None
    common: bool  # too common to tie anybody
    ties: list[Link]


def carried_by(account: Account, user: User) -> tuple[list[Carried], int]:
    """The account's attributes, the rarest first and the unknown last, and how many it has."""
    uses = AttributeUse.objects.filter(account=account).select_related("attribute")
    links: dict[int, list[Link]] = {}
    for link in (
        Link.objects.filter(account=account, case__in=visible_cases(user))
        .select_related("case")
        .defer("case__explanation", "case__search_text")
        .order_by("-members")
    ):
        links.setdefault(link.attribute_id, []).append(link)
    carried = [_carried(use, links.get(use.attribute_id, [])) for use in uses]
    carried.sort(key=lambda c: (c.bits is None, -(c.bits or 0), c.use.attribute.kind))
    return carried[:ATTRIBUTES_SHOWN], len(carried)


def _carried(use: AttributeUse, ties: list[Link]) -> Carried:
    attribute = use.attribute
    if not attribute.accounts or not attribute.population:
        return Carried(use, "", None, False, ties)
    bits = float(rarity_bits(attribute.accounts, attribute.population))
    share = attribute.population / attribute.accounts
    return Carried(use, f"1 in {_rounded(share)} accounts", bits, bits < CONTEXT_BITS, ties)


def _rounded(number: float) -> str:
    """Two figures, as rarities are said: 25,000 and not 25,310."""
    if number < 10:
        return f"{number:.1f}".removesuffix(".0")
    digits = len(str(int(number))) - 2
    return f"{round(number, -digits):,.0f}"


def signals_of(account: Account, size: int, *, after: str = "") -> tuple[list[Signal], str | None]:
    """Signals about the account, newest first, and the place of the next page."""
    signals = (
        Signal.objects.marked()
        .filter(account=account)
        .select_related("detector")
        .defer("evidence")
        .order_by("-window_end", "-id")
    )
    if place := _place(after):
        end, pk = place
        signals = signals.filter(Q(window_end__lt=end) | Q(window_end=end, id__lt=pk)).filter(
            window_end__lte=end
        )
    rows = list(signals[: size + 1])
    for row in rows:
        row.tested_words = tested_words(row)
    last = rows[size - 1] if len(rows) > size else None
    return rows[:size], f"{last.window_end.isoformat()},{last.pk}" if last else None


def tested_words(signal: Signal) -> str:
    """How many were tested, and what share of them the detector told of; "" when it isn't known."""
    if signal.accounts_tested is None:
        return ""
    rate = (
        "" if signal.base_rate is None else f", it told of {100 * signal.base_rate:.3g} % of them"
    )
    return f"{signal.accounts_tested:,} accounts were tested{rate}: p × tested is due to chance"


def _place(text: str) -> tuple[datetime, int] | None:
    moment, _, pk = text.rpartition(",")
    try:
        end = datetime.fromisoformat(moment)
        return (end if end.tzinfo else end.replace(tzinfo=UTC)), int(pk)
    except ValueError:
        return None

"""The members of a case as a page shows them: filtered, sorted, paged by key, a screenful rich."""

import math
from datetime import timedelta
from urllib.parse import urlencode

from django.db.models import Count, F, Q, Sum

from analyst.templatetags.desk import plain
from cases.models import Case, Link, Member
from ingest.models import Account, ActivityHour

PAGE = 100
TIES_SHOWN = 3
RATE_DAYS = 7
TIERS = [("", "All"), ("core", "Core"), ("likely", "Likely"), ("possible", "Possible")]
STATES = [("", "any state"), *((state.value, state.value) for state in Account.State)]
VERDICTS = [
    ("", "any verdict"),
    *((verdict.value, verdict.value) for verdict in Member.Verdict),
    ("none", "not judged"),
]


class MembersQuery:
    """One request for members: filters, direction and place, read from the URL's parameters."""

    def __init__(self, case: Case, data):
        self.case = case
        self.tier = _one_of(data.get("tier"), TIERS)
        self.state = _one_of(data.get("state"), STATES)
        self.verdict = _one_of(data.get("verdict"), VERDICTS)
        self.new = data.get("new") == "1"
        self.text = (data.get("q") or "").strip()[:200].replace("\x00", "")
        self.rising = data.get("sort") == "rising"
        self.after = _place(data.get("after") or "")

    @property
    def filtered(self) -> bool:
        return bool(self.tier or self.state or self.verdict or self.text or self.new)

    def url(self, **changes) -> str:
        """The query string with some parameters changed; None leaves one out."""
        parameters = {
            "tier": self.tier or None,
            "state": self.state or None,
            "verdict": self.verdict or None,
            "new": "1" if self.new else None,
            "q": self.text or None,
            "sort": "rising" if self.rising else None,
            **changes,
        }
        return "?" + urlencode({k: v for k, v in parameters.items() if v is not None})

    def members(self):
        """All that match, in no order."""
        found = Member.objects.current().filter(case=self.case)
        if self.tier:
            found = found.filter(tier=self.tier)
        if self.state:
            found = found.filter(account__state=self.state)
        if self.verdict:
            found = found.filter(verdict="" if self.verdict == "none" else self.verdict)
        if self.new:
            found = found.filter(since_decision=True)
        if self.text:
            found = found.filter(
                Q(account__external_id__icontains=self.text)
                | Q(account__organisation__icontains=self.text)
            )
        return found

    def page(self) -> tuple[list[Member], str | None]:
        """A screenful with all that its rows show, and the URL of the next one."""
        found = self.members().select_related("account", "verdict_by")
        sign, way = ("", "gt") if self.rising else ("-", "lt")
        if self.after:
            p, pk = self.after
            # the first test bounds the walk along the index, the second breaks ties
            found = found.filter(**{f"probability__{way}e": p}).filter(
                Q(**{f"probability__{way}": p}) | Q(**{f"id__{way}": pk})
            )
        rows = list(found.order_by(f"{sign}probability", f"{sign}id")[: PAGE + 1])
        more, rows = len(rows) > PAGE, rows[:PAGE]
        dress(self.case, rows)
        last = rows[-1] if more else None
        return rows, self.url(after=f"{last.probability!r}~{last.pk}") if last else None


def dress(case: Case, members: list[Member]) -> None:
    """Set on each what ties it to the others and its requests and tokens a day, in two queries.

    A tie is the rarest value of its kind: an account may share a hundred templates.
    """
    accounts = [member.account_id for member in members]
    ties: dict[int, list[Link]] = {}
    rates: dict[int, dict] = {}
    if accounts:
        # ranked by keys alone: with the values' texts, twenty thousand rows sort on disk
        weight = F("bits").desc(nulls_last=True)
        rarest = (
            Link.objects.filter(case=case, account__in=accounts)
            .order_by("account", "attribute__kind", weight, "pk")
            .distinct("account", "attribute__kind")
        )
        for link in (
            Link.objects.filter(pk__in=rarest.values("pk"))
            .select_related("attribute")
            .order_by(weight, "pk")
        ):
            ties.setdefault(link.account_id, []).append(link)
    if accounts and case.last_activity_at:
        since = case.last_activity_at - timedelta(days=RATE_DAYS)
        hours = ActivityHour.objects.filter(account__in=accounts, hour__gt=since)
        for row in hours.values("account").annotate(
            requests=Sum("requests"), tokens=Sum("output_tokens")
        ):
            rates[row["account"]] = row
    for member in members:
        # a stranger's text is made plain once, where the row shows it three times
        member.name = plain(member.account.external_id)
        member.organisation = plain(member.account.organisation)
        member.ties = ties.get(member.account_id, [])[:TIES_SHOWN]
        rate = rates.get(member.account_id, {})
        days = _days_seen(member.account, case)
        member.requests_a_day = rate["requests"] / days if rate else None
        tokens = rate.get("tokens")
        member.tokens_a_day = None if tokens is None else tokens / days


def state_counts(case: Case) -> dict[str, int]:
    """Members by the state of their account at the platform."""
    members = Member.objects.current().filter(case=case)
    return dict(members.values_list("account__state").annotate(n=Count("pk")).order_by())


def _days_seen(account: Account, case: Case) -> float:
    """Days over which a rate is a mean: a newcomer's is not thinned by days before it came."""
    if not account.first_seen_at or not case.last_activity_at:
        return RATE_DAYS
    seen = (case.last_activity_at - account.first_seen_at) / timedelta(days=1)
    return min(max(seen, 1.0), RATE_DAYS)


def _one_of(value: str | None, choices: list[tuple]) -> str:
    return value if value in {choice for choice, _ in choices} else ""


def _place(text: str) -> tuple[float, int] | None:
    p, mark, pk = text.partition("~")
    try:
        place = (float(p), int(pk))
    except ValueError:
        return None
    return place if mark and math.isfinite(place[0]) and 0 <= place[1] < 2**63 else None

"""A case as its row in the queue.

Written here and not in a template: a hundred rows take a template half of the time that the page
may take. What strangers or people wrote goes through escape(), all else is numbers and our marks.
"""

from datetime import datetime, timedelta
from html import escape

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from analyst.templatetags.desk import age, day, icon, millions, person, plain, signed_percent
from analyst.templatetags.marks import probability_bar, spark, tier_mix
from cases.models import Case, Enforcement

Status = Case.Status
STATUS = {  # icon, and what colours it
    Status.NEW: ("new", ""),
    Status.IN_REVIEW: ("review", ""),
    Status.ESCALATED: ("up", "up"),
    Status.REOPENED: ("again", "up"),
    Status.DECIDED: ("decided", ""),
    Status.CLOSED: ("check", ""),
}
ACTED_WITHIN = timedelta(days=60)

ROW = """<tr data-href="{href}">
<td>{tick}</td>
<td class="num"><span class="l1"><b>{priority}</b></span><span class="l2">{level}</span></td>
<td><span class="l1 cut"><a href="{href}"><b>{name}</b></a> <span class="dim">{ref}</span>{badges}\
</span><span class="l2 cut" title="{reason}">{reason}</span></td>
<td>{probability}</td>
<td class="num">{accounts}</td>
<td class="opt">{tiers}</td>
<td class="num">{harm}</td>
<td>{trend}</td>
<td class="num">{growth}</td>
<td class="num opt">{age}</td>
<td class="nowrap">{due}</td>
<td class="cut opt">{owner}</td>
<td>{status}<span class="l2 narrow cut">{owner_name}</span></td></tr>
"""
TICK = """<input type="checkbox" name="ref" form="bulk" value="{ref}" aria-label="Select {ref}" \
data-accounts="{accounts}" data-harm="{harm}"{decided}{restricted}>"""
LAPSED = '<span class="l1 cut">{}</span><span class="l2">claim lapsed</span>'
UNCLAIMED = '<span class="dim">unclaimed</span>'


def rows_of(cases: list[Case], now: datetime, *, ticks: bool) -> SafeString:
    """The rows of cases as QueueQuery.page gives them; ticks: with a box to select each.

    Asks the database once more: what was done about them lately.
    """
    acted = {}
    if cases:
        finished = Enforcement.objects.filter(case__in=cases, finished_at__gte=now - ACTED_WITHIN)
        acted = dict(finished.order_by("finished_at").values_list("case_id", "finished_at"))
    writer = RowWriter(now, ticks)
    return SafeString("".join([writer.row(case, acted.get(case.pk)) for case in cases]))


class RowWriter:
    """What all rows of a page share, made once."""

    def __init__(self, now: datetime, ticks: bool):
        self.now, self.ticks = now, ticks
        self.address = reverse("analyst:case", args=["C-0"])
        self.warn, self.clock, self.lock = icon("warn"), icon("clock"), icon("lock")
        words = [(status, STATUS[status], label) for status, label in Status.choices]
        words += [(v, STATUS[Status.DECIDED], label) for v, label in Case.Verdict.choices]
        self.states = {
            key: format_html('<span class="state {}">{}{}</span>', tone, icon(sign), label)
            for key, (sign, tone), label in words
        }

    def row(self, case: Case, acted: datetime | None) -> str:
        ref, accounts = case.ref, case.members_total
        return ROW.format(
            href=self.address.replace("C-0", ref),
            ref=ref,
            tick=self.tick(case, ref, accounts) if self.ticks else "",
            priority=f"{case.priority:,.1f}",
            level=case.level,
            name=escape(plain(case.name)),
            badges=self.badges(case),
            reason=escape(plain(case.reason)),
            probability=probability_bar(case.p_abuse),
            accounts=f"{accounts:,}",
            tiers=tier_mix(case.core, case.likely, case.possible),
            harm=millions(case.harm_per_day),
            trend=spark(case.trend, _place_in_trend(case, acted)),
            growth=signed_percent(case.growth),
            age=age(case.opened_at),
            due=self.due(case),
            owner=self.owner(case),
            owner_name=escape(person(case.owner)) if case.owner_id else "unclaimed",
            status=self.states[case.verdict if case.status == Status.DECIDED else case.status],
        )

    def tick(self, case: Case, ref: str, accounts: int) -> str:
        return TICK.format(
            ref=ref,
            accounts=accounts,
            harm=round(case.harm_per_day),
            decided="" if case.is_open else " data-decided",
            restricted=" data-restricted" if case.restricted else "",
        )

    def badges(self, case: Case) -> str:
        badges = []
        if case.new_since_decision:
            says = f"{case.new_since_decision:,} new since decision"
            badges.append(("fresh", "accounts that joined since", "", says))
        if case.merges_proposed:
            why = (
                "it has grown together with another case: a person merges them or keeps them apart"
            )
            badges.append(("info", why, "", "merge proposed"))
        if case.aggregates:
            why = f"{case.aggregates:,} of its accounts stand for many people"
            badges.append(("warn", why, "", "aggregate"))
        if case.restricted:
            badges.append(("", "only its list sees it", self.lock, " restricted"))
        if case.benign_fit and case.p_abuse < 0.5:
            badges.append(("good", f"{plain(case.benign_fit)} fits", "", "benign fit"))
        if not badges:
            return ""
        return format_html_join("", ' <span class="badge {}" title="{}">{}{}</span>', badges)

    def due(self, case: Case) -> str:
        due = due_words(case.due_at, self.now)
        if due["state"] == "over":
            return f'<span class="bad">{self.warn} {due["says"]}</span>'
        if due["state"] == "today":
            return f'<span class="warn">{self.clock} {due["says"]}</span>'
        return due["says"]

    def owner(self, case: Case) -> str:
        if not case.owner_id:
            return UNCLAIMED
        if case.claimed_until and case.claimed_until < self.now:
            return LAPSED.format(escape(person(case.owner)))
        return escape(person(case.owner))


def due_words(due: datetime | None, now: datetime) -> dict:
    """How the due column says it: {"state": over | today | later | none, "says": words}."""
    if due is None:
        return {"state": "none", "says": "–"}
    late = (now - due).total_seconds()
    if late > 0:
        hours = late / 3600
        span = f"{hours / 24:.0f} d" if hours >= 36 else f"{hours:.0f} h" if hours >= 1 else "just"
        return {"state": "over", "says": f"{span} over"}
    if due.date() == now.date():
        return {"state": "today", "says": f"today {due:%H:%M}"}
    return {"state": "later", "says": day(due)}


def _place_in_trend(case: Case, acted: datetime | None) -> int | None:
    """Where in the trend an action took effect.

    The trend ends with the census, so it is the last day with traffic that has a known date.
    """
    if not (acted and case.last_activity_at and any(case.trend)):
        return None
    last = max(place for place, requests in enumerate(case.trend) if requests)
    place = last + (acted.date() - case.last_activity_at.date()).days
    return place if 0 <= place < len(case.trend) else None

"""One request to the queue: a tab, a filter, an order and a place in it, read from the URL."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F, Func, IntegerField, JSONField, Q, QuerySet, Subquery, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.urls import reverse
from django.utils import timezone

from analyst.access import COUNTED, DECIDERS
from analyst.filters import P1, QueueFilter
from cases.models import Case

# What a row shows: a hundred rows of every column take the page a tenth of its time.
SHOWN = [
    "number", "name", "reason", "status", "verdict", "claimed_until", "due_at", "restricted",
    "opened_at", "priority", "p_abuse", "harm_per_day", "growth", "core", "likely", "possible",
    "new_since_decision", "merges_proposed", "trend", "last_activity_at", "owner__username",
    "owner__first_name", "owner__last_name",
]  # fmt: skip
# stand for the person and the moment of a request while SQL is compiled; nobody and never are these
ANYBODY, ANY_TIME = User(pk=-1), datetime(1000, 1, 1, tzinfo=UTC)


class Tab(NamedTuple):
    """A saved question about all cases. within(user, now) must follow an index to its rows."""

    slug: str
    label: str
    within: Callable[[User, datetime], Q]
    nothing: str
    counted: int = 200  # a longer tab is said to have 200+


def _open(user, now):
    return Q(status__in=Case.OPEN) & (Q(snoozed_until=None) | Q(snoozed_until__lte=now))


def _tomorrow(now):
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=1)


TABS = {
    tab.slug: tab
    for tab in [
        Tab("open", "All open", _open, "No case is open", COUNTED),
        Tab("mine", "Mine", lambda u, n: _open(u, n) & Q(owner=u), "No case is claimed by you"),
        Tab(
            "today",
            "Due today",
            lambda u, n: _open(u, n) & Q(due_at__gte=n, due_at__lt=_tomorrow(n), probe=None),
            "Nothing more is due today",
        ),
        Tab(
            "overdue",
            "Overdue",
            # what was drawn by lot for labels has a budget of its own, outside the service levels
            lambda u, n: _open(u, n) & Q(due_at__lt=n, probe=None),
            "Nothing is overdue",
        ),
        Tab(
            "grown",
            "New since decision",
            lambda u, n: Q(new_since_decision__gt=0),
            "No account has joined a decided case",
        ),
        Tab(
            "merges",
            "Merge proposed",
            lambda u, n: Q(merges_proposed__gt=0),
            "No two cases have grown together",
        ),
        Tab(
            "unclaimed",
            "Unclaimed P1",
            lambda u, n: (
                _open(u, n) & Q(priority__gte=P1) & (Q(owner=None) | Q(claimed_until__lt=n))
            ),
            "Every P1 case has somebody on it",
        ),
        Tab(
            "decided",
            "Decided",
            lambda u, n: Q(status__in=[Case.Status.DECIDED, Case.Status.CLOSED]),
            "No case is decided yet",
        ),
        Tab(
            "snoozed",
            "Snoozed",
            lambda u, n: Q(status__in=Case.OPEN, snoozed_until__gt=n),
            "No case is snoozed",
        ),
    ]
}


class Order(NamedTuple):
    """A total order of the queue: a key, then the id, both in one direction; null keys last."""

    label: str
    key: str
    descending: bool
    read: Callable[[str], object]


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _moment(text: str) -> datetime | None:
    if not text:
        return None  # no due time
    value = datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


# An index of cases.Case follows each, so that a page costs the same at any size.
ORDERS = {
    "priority": Order("Priority", "priority", True, _number),
    "harm": Order("M tok/d", "harm_per_day", True, _number),
    "due": Order("Due", "due_at", False, _moment),
}


class QueueQuery:
    """One request to the queue, read from its parameters: tab, filter, order and place."""

    def __init__(self, data, *, user: User, people: list[User]):
        self.user, self.now = user, timezone.now()
        self.tab = TABS.get(data.get("view", ""), TABS["open"])
        self.sort = data.get("sort") if data.get("sort") in ORDERS else "priority"
        self.order = ORDERS[self.sort]
        self.form = QueueFilter(data, people=people)
        self.after = self._place(data.get("after", ""))
        self.before = None if self.after else self._place(data.get("before", ""))

    def cases(self) -> QuerySet:
        """All that match, in no order."""
        return in_tab(self.tab, self.user, self.now).filter(self.form.matching(self.now))

    def page(self, size: int) -> tuple[list[Case], bool, bool]:
        """Up to size rows, and whether there are rows before and after them."""
        rows = self.cases()
        backwards = self.before is not None
        if place := self.before or self.after:
            rows = rows.filter(self._beyond(*place, backwards))
        rows = rows.order_by(*self._direction(backwards))[: size + 1]
        # chosen first and dressed then, or the explanations of all cases would be read to sort them
        chosen = in_rows(Case.objects.filter(pk__in=rows.values("pk")))
        rows = list(chosen.order_by(*self._direction(backwards)))
        more = len(rows) > size
        rows = rows[:size]
        if backwards:
            return rows[::-1], more, True
        return rows, self.after is not None, more

    def key_of(self, case: Case) -> str:
        """The case's place in this order, as it stands in a URL."""
        key = getattr(case, self.order.key)
        if key is None:
            return f",{case.pk}"
        return f"{key.isoformat() if isinstance(key, datetime) else repr(key)},{case.pk}"

    def url(self, **changes) -> str:
        """This page of the queue with some parameters changed; None leaves one out."""
        string = self.string(**changes)
        return reverse("analyst:queue") + (f"?{string}" if string else "")

    def string(self, **changes) -> str:
        parameters = {
            "view": self.tab.slug if self.tab.slug != "open" else None,
            **self.form.filled,
            "sort": self.sort if self.sort != "priority" else None,
            **changes,
        }
        return urlencode({k: _as_typed(v) for k, v in parameters.items() if v is not None})

    def _place(self, text: str) -> tuple | None:
        key, _, pk = text.rpartition(",")
        try:
            return (self.order.read(key), int(pk)) if 0 <= int(pk) < 2**63 else None
        except (ValueError, OverflowError):
            return None

    def _direction(self, backwards: bool) -> list:
        key, pk = F(self.order.key), F("pk")
        if self.order.descending is not backwards:
            return [key.desc(nulls_first=backwards or None), pk.desc()]
        return [key.asc(nulls_last=None if backwards else True), pk.asc()]

    def _beyond(self, key, pk: int, backwards: bool) -> Q:
        name, way = self.order.key, "lt" if self.order.descending is not backwards else "gt"
        if key is None:
            ties = Q(**{f"{name}__isnull": True, f"id__{way}": pk})
            return ties | Q(**{f"{name}__isnull": False}) if backwards else ties
        # the first test bounds the walk along the index, the second breaks ties
        beyond = Q(**{f"{name}__{way}e": key}) & (
            Q(**{f"{name}__{way}": key}) | Q(**{f"id__{way}": pk})
        )
        nullable = Case._meta.get_field(name).null
        return beyond | Q(**{f"{name}__isnull": True}) if nullable and not backwards else beyond


def in_rows(cases: QuerySet) -> QuerySet:
    """With what a row shows of the explanation: aggregates, and a benign explanation that fits.

    The explanation itself stays in the database: a page of them is half a megabyte.
    """
    return (
        cases.select_related("owner")
        .only(*SHOWN)
        .annotate(
            aggregates=Cast(KeyTextTransform("aggregates", "explanation"), IntegerField()),
            benign_fit=Func(
                F("explanation"),
                Value('$.benign[*] ? (@.fit == "fits").name'),
                template="jsonb_path_query_first(%(expressions)s::jsonpath)",
                output_field=JSONField(),
            ),
        )
    )


class UpTo(Subquery):
    """How many rows a query has; limit + 1 stands for any number above the limit."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS found)"
    output_field = IntegerField()

    def __init__(self, rows: QuerySet, limit: int):
        super().__init__(rows.order_by().values("pk")[: limit + 1])


def in_tab(tab: Tab, user: User, now: datetime) -> QuerySet:
    return _known_to(user).filter(tab.within(user, now))


def _known_to(user: User) -> QuerySet:
    return Case.objects.visible_to(user).filter(merged_into=None)


def tab_counts(user: User, now: datetime) -> dict:
    """Rows of every tab and next_wakes, the end of the first snooze, in one query.

    Counting stops behind what a tab counts to, so that the cost does not grow with the desk.
    """
    sql, values, names = _counting()
    actual = {ANYBODY.pk: user.pk, ANY_TIME: now, _tomorrow(ANY_TIME): _tomorrow(now)}
    with connection.cursor() as cursor:
        cursor.execute(sql, [actual.get(value, value) for value in values])
        return dict(zip(names, cursor.fetchone(), strict=True))


@cache
def _counting() -> tuple[str, tuple, list[str]]:
    """The SQL of tab_counts for ANYBODY at ANY_TIME, its values and columns.

    Made once a process: ten subqueries cost Django more to compile than PostgreSQL to answer.
    """
    known = _known_to(ANYBODY)
    columns = {
        name: UpTo(known.filter(tab.within(ANYBODY, ANY_TIME)), tab.counted)
        for name, tab in TABS.items()
    }
    wakes = known.filter(TABS["snoozed"].within(ANYBODY, ANY_TIME)).order_by("snoozed_until")
    columns["next_wakes"] = Subquery(wakes.values("snoozed_until")[:1])
    one_row = User.objects.filter(pk=ANYBODY.pk).values_list(*columns.values())
    sql, values = one_row.query.sql_with_params()
    return sql, values, list(columns)


def possible_owners() -> list[User]:
    return list(
        User.objects.filter(is_active=True, groups__name__in=DECIDERS)
        .distinct()
        .order_by("last_name", "username")
    )


def _as_typed(value) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)

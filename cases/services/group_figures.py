"""The rows behind a case's figures: a constant number of queries, however many cases."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from statistics import median

from django.db import connection
from django.db.models import Model
from django.utils import timezone

from cases.grouping import Cluster
from cases.grouping.benign import Figures
from cases.scoring import Day
from cases.services.calibrate import in_force
from cases.services.terms import current_prior
from ingest.models import Account, Attribute, Census, Detector

# of each case by day, and by hour of the day
DAYS = """
SELECT m.place, h.account_id, (h.hour AT TIME ZONE 'UTC')::date, sum(h.requests)::bigint,
       sum(h.output_tokens)::bigint, sum(h.reasoning_tokens)::bigint, count(*),
       count(*) FILTER (WHERE h.output_tokens IS NULL), min(h.hour), max(h.hour)
FROM unnest(%s::int[], %s::bigint[]) m (place, account)
JOIN ingest_activityhour h ON h.account_id = m.account
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
HOURS = """
SELECT m.place, extract(hour FROM h.hour AT TIME ZONE 'UTC')::int, sum(h.requests)::bigint
FROM unnest(%s::int[], %s::bigint[]) m (place, account)
JOIN ingest_activityhour h ON h.account_id = m.account
GROUP BY 1, 2
"""
CARRIED = """
SELECT m.place, u.account_id, a.kind, count(*)
FROM unnest(%s::int[], %s::bigint[]) m (place, account)
JOIN ingest_attributeuse u ON u.account_id = m.account
JOIN ingest_attribute a ON a.id = u.attribute_id AND a.kind IN ('ip', 'user_agent')
GROUP BY 1, 2, 3
"""


@dataclass
class Rows:
    """What one cluster's members did and are."""

    days: list[Day] = field(default_factory=list)
    hours: list[int] = field(default_factory=lambda: [0] * 24)
    addresses: dict[int, int] = field(default_factory=dict)
    clients: dict[int, int] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What all the cases of a run share."""

    attributes: dict[int, Attribute]
    accounts: dict[int, Account]
    census: Census | None
    silent: list[str]  # detectors that have not been heard for longer than they should
    prior: float
    calibrated: list[str]  # families whose scores count by a calibration; the others by priors

    def days_known(self, rows: Rows) -> int:
        """Days that the logs cover: the census's window, or the span of the activity."""
        if self.census:
            start, end = self.census.window_start.date(), self.census.window_end.date()
        elif rows.first:
            start, end = rows.first.date(), rows.last.date()
        else:
            return 0
        return (end - start).days + 1

    def last_day(self, rows: Rows) -> date | None:
        last = rows.last.date() if rows.last else None
        if self.census and last:
            return max(last, self.census.window_end.date())
        return last


def read_known(clusters: Sequence[Cluster], census: Census | None) -> Known:
    attributes = {link.attribute for cluster in clusters for link in cluster.links}
    attributes |= {hub.attribute for cluster in clusters for hub in cluster.hubs}
    attributes |= {
        entry.attribute
        for cluster in clusters
        for member in cluster.members
        for entry in member.evidence
        if entry.attribute
    }
    accounts = {member.account for cluster in clusters for member in cluster.members}
    now = timezone.now()
    return Known(
        _by_key(Attribute, attributes, "kind", "value", "label", "accounts", "population"),
        _by_key(Account, accounts, "external_id", "organisation"),
        census,
        [
            detector.slug
            for detector in Detector.objects.filter(enabled=True, expected_interval__isnull=False)
            if detector.last_heard_at is None
            or now - detector.last_heard_at > detector.expected_interval
        ],
        current_prior(),
        sorted(in_force().curves),
    )


def _by_key(model: type[Model], keys: set[int], *fields: str) -> dict:
    """Rows of a model by key, with these fields alone: thousands of them are read in every run."""
    rows = model.objects.filter(pk__in=keys).values_list("pk", *fields, named=True)
    return {row.pk: row for row in rows}


def read_rows(clusters: Sequence[Cluster]) -> list[Rows]:
    found = [Rows() for _ in clusters]
    pairs = [(at, m.account) for at, cluster in enumerate(clusters) for m in cluster.members]
    places, accounts = [at for at, _ in pairs], [account for _, account in pairs]
    with connection.cursor() as cursor:
        cursor.execute(DAYS, [places, accounts])
        for place, *day, first, last in cursor.fetchall():
            rows = found[place]
            rows.days.append(Day(*day))
            rows.first = min(rows.first or first, first)
            rows.last = max(rows.last or last, last)
        cursor.execute(HOURS, [places, accounts])
        for place, hour, requests in cursor.fetchall():
            found[place].hours[hour] = requests
        cursor.execute(CARRIED, [places, accounts])
        for place, account, kind, count in cursor.fetchall():
            rows = found[place]
            (rows.addresses if kind == "ip" else rows.clients)[account] = count
    return found


def figures(cluster: Cluster, rows: Rows, known: Known) -> Figures:
    """What the innocent explanations are held against."""
    size = len(cluster.members)
    organisations = Counter(
        known.accounts[m.account].organisation or m.account for m in cluster.members
    )
    carried = Counter({x.attribute: x.members for x in cluster.links})
    carried.update({hub.attribute: hub.members for hub in cluster.hubs})
    place = _most(carried, known, ("ip_prefix",)) or _most(carried, known, ("ip",))
    cards = [pk for pk in carried if known.attributes[pk].kind == "payment"]
    template = _most(carried, known, ("template",))
    return Figures(
        members=size,
        organisations=cluster.organisations,
        largest_organisation=max(organisations.values()),
        aggregates=sum(m.aggregate for m in cluster.members),
        place_share=place[1] / size if place else None,
        cards=len(cards),
        card_share=max(carried[pk] for pk in cards) / size if cards else None,
        hours=rows.hours,
        active_days=len({day.day for day in rows.days if day.requests}),
        starts=_starts(rows.days, known),
        addresses=rows.addresses,
        clients=rows.clients,
        template_members=template[1] if template else 0,
        template_carriers=known.attributes[template[0]].accounts if template else None,
    )


def _most(carried: Counter, known: Known, kinds: Iterable[str]) -> tuple[int, int] | None:
    mine = [(n, -pk) for pk, n in carried.items() if known.attributes[pk].kind in kinds]
    return (-max(mine)[1], max(mine)[0]) if mine else None


def _starts(days: Sequence[Day], known: Known) -> list[float]:
    """First day over the median day, of accounts whose start the logs saw: not those that were
    there on the first day of the window."""
    by_account: dict[int, list[Day]] = {}
    for day in days:
        by_account.setdefault(day.account, []).append(day)
    begin = known.census.window_start.date() if known.census else None
    starts = []
    for mine in by_account.values():
        usual = median(day.requests for day in mine)
        if len(mine) >= 3 and usual and mine[0].day != begin:
            starts.append(mine[0].requests / usual)
    return starts

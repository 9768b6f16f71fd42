"""The URL filters of TAXII 2.1 §3.4: read, checked, and made into a page of rows."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q, QuerySet

from cases.models import SharedObject
from cases.sharing.stixcheck import moment

from .errors import TaxiiError

PAGE = 1000
VALUES = 200  # in one match filter
WORDS = {"first": Q(is_first=True), "last": Q(is_last=True), "all": Q()}
MATCHES = ("match[id]", "match[type]", "match[version]", "match[spec_version]")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STEP = timedelta(microseconds=1)


@dataclass(frozen=True)
class Page:
    """rows in order of receipt; following: what `next` says, or None."""

    rows: list[SharedObject]
    following: str | None


def page_of(objects: QuerySet[SharedObject], query, *, matches=MATCHES) -> Page:
    """objects: those of one collection that stand. query: the request's parameters.

    One query, whose cost does not grow with what lies before the page. Raises TaxiiError 400.
    """
    limit, after = _limit(query), _after(query)
    found = matching(objects, query, matches=matches)
    if after is not None:
        found = found.filter(added_at__gt=after)
    rows = list(found.order_by("added_at")[: limit + 1])
    if len(rows) <= limit:
        return Page(rows, None)
    rows = rows[:limit]
    return Page(rows, _cursor(rows[-1].added_at, query))


def matching(
    objects: QuerySet[SharedObject], query, *, matches=MATCHES, unless_told: str = "last"
) -> QuerySet[SharedObject]:
    """The match filters alone. unless_told: which versions, when the query says nothing."""
    for name in query:
        if name.startswith("match[") and name not in matches:
            raise _bad(name, f"is no filter of this endpoint: it knows {', '.join(matches)}")
    if ids := _values(query, "match[id]"):
        objects = objects.filter(stix_id__in=ids)
    if types := _values(query, "match[type]"):
        objects = objects.filter(type__in=types)
    specs = _values(query, "match[spec_version]")
    if specs and "2.1" not in specs:  # nothing else is ever stored
        objects = objects.none()
    versions = _values(query, "match[version]") or [unless_told]
    if "all" in versions:
        return objects
    wanted = Q(pk__in=[])
    for text in versions:
        if text in WORDS:
            wanted |= WORDS[text]
        elif (at := moment(text)) is not None:
            wanted |= Q(version=at)
        else:
            raise _bad("match[version]", "must be first, last, all or a moment in UTC")
    # a filter of its own word first, so that the index of newest versions is seen to fit
    return objects.filter(WORDS[versions[0]] if versions == ["last"] else wanted)


def _values(query, name: str) -> list[str]:
    values = [value.strip() for value in query.get(name, "").split(",") if value.strip()]
    if name in query and not values:
        raise _bad(name, "is empty: leave it out, or give a value")
    if len(values) > VALUES:
        raise _bad(name, f"has more than {VALUES} values: ask in several requests")
    if any("\0" in value for value in values):
        raise _bad(name, "holds a null byte")
    return values


def _limit(query) -> int:
    text = query.get("limit", str(PAGE))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise _bad("limit", "must be a whole number from 1 on")
    return min(int(text), PAGE)


def _after(query) -> datetime | None:
    """The moment that the page begins behind: of `next`, or of added_after."""
    if "next" in query:
        return _read_cursor(query)
    if "added_after" not in query:
        return None
    at = moment(query["added_after"])
    if at is None:
        raise _bad("added_after", "must be a moment such as 2026-11-24T09:00:00.000000Z")
    return at


def _cursor(at: datetime, query) -> str:
    text = f"{(at - EPOCH) // STEP}.{_signature(query)}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(query) -> datetime:
    text = query["next"]
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
        number, _, signature = decoded.partition(".")
        at = EPOCH + int(number) * STEP if number.isdigit() else None
    except (ValueError, OverflowError):
        at = None
    if at is None or len(text) > 80:
        raise _bad("next", "is not one that this server gave: begin again without it")
    if signature != _signature(query):
        raise _bad("next", "belongs to other filters: repeat those of the first request")
    return at


def _signature(query) -> str:
    """Of all that must stay the same from page to page; limit may change."""
    told = sorted((name, query[name]) for name in query if name not in ("next", "limit"))
    return hashlib.sha256(repr(told).encode()).hexdigest()[:12]


def _bad(name: str, says: str) -> TaxiiError:
    return TaxiiError(400, "Bad filter", f"{name}: {says}.", **{name: says})

"""The normal form: columns of one type and meaning, and what was unreadable on the way there."""

from dataclasses import dataclass, field

import ibis
import ibis.expr.types as ir

from ingest.readers.columns import LONGEST, TYPES
from ingest.readers.errors import LogError
from ingest.readers.gaps import Gap
from ingest.readers.messages import prompt_of
from ingest.readers.opened import IS_REQUEST, PARENT, Opened
from ingest.readers.values import UNITS, WITH_ZONE, WITHOUT_ZONE, as_text, as_type, writing

MOMENTS = tuple(name for name, kind in TYPES.items() if kind == "timestamp")
COUNTS = tuple(name for name, kind in TYPES.items() if kind == "int64")


@dataclass
class Tally:
    """What the one look over all lines counted."""

    lines: int = 0
    without_account: int = 0
    without_time: int = 0
    named: int = 0  # lines with a request id
    distinct: int = 0  # and how many of these ids differ
    more_cached: int = 0  # requests with more cached tokens than input tokens
    written: dict[str, dict[int, int]] = field(default_factory=dict)  # moment → writing → lines
    unread: dict[str, int] = field(default_factory=dict)  # count → values that are no number
    flagged: dict[str, int] = field(default_factory=dict)


def shape(opened: Opened, zone: str | None) -> ir.Table:
    """The fields of the normal form, and beside them how each value was written."""
    raw, columns = opened.raw, opened.columns
    zone = zone or opened.zone
    shown = {}
    for name, wanted in TYPES.items():
        if name not in columns:
            shown[name] = ibis.null(wanted)
            continue
        column = raw[columns[name]]
        if name == "prompt" and opened.conversation:
            column = prompt_of(column)
        shown[name] = as_type(column, wanted, LONGEST.get(name), zone)
        if wanted == "timestamp":
            shown[f"{name}_written"] = writing(column)
        elif wanted == "int64":
            shown[f"{name}_unread"] = _given(column) & shown[name].isnull()
    passed = [name for name in (IS_REQUEST, PARENT, *opened.flags) if name in raw.columns]
    return raw.select(**shown, **{name: raw[name] for name in passed})


def _given(column: ir.Column) -> ir.BooleanColumn:
    if column.type().is_string():
        return as_text(column).notnull()
    return column.notnull()


def tally(shaped: ir.Table, opened: Opened) -> Tally:
    """Counts over all lines, in one query. Raises what the backend raises."""
    t = shaped
    placed = t.account_id.notnull() & t["at"].notnull()
    named = t.account_id.concat("\n", t.request_id)
    if opened.connection is not None:
        # equal ids have equal digests; should two others meet, that costs a closer look, no more
        named = named.hash()
    asked = {
        "lines": t.count(),
        "without_account": t.account_id.isnull().sum(),
        "without_time": (t.account_id.notnull() & t["at"].isnull()).sum(),
        "named": t.request_id.count(where=placed),
        "distinct": named.nunique(where=placed & t.request_id.notnull()),
        "more_cached": (placed & (t.cached_tokens > t.input_tokens)).sum(),
    }
    for name in MOMENTS:
        if name in opened.columns:
            for how in (*UNITS, WITHOUT_ZONE, WITH_ZONE):
                asked[f"{name} {how}"] = (t[f"{name}_written"] == how).sum()
    for name in COUNTS:
        if name in opened.columns:
            asked[f"{name} unread"] = t[f"{name}_unread"].sum()
    for name in opened.flags:
        asked[f"{name} flagged"] = t[name].cast("boolean").sum()
    [row] = t.aggregate(**asked).to_pyarrow().to_pylist()
    found = Tally()
    for key, value in row.items():
        name, _, what = key.partition(" ")
        count = int(value or 0)
        if what == "unread":
            found.unread[name] = count
        elif what == "flagged":
            found.flagged[name] = count
        elif what:
            found.written.setdefault(name, {})[int(what)] = count
        else:
            setattr(found, name, count)
    return found


def refuse(found: Tally, opened: Opened, location: str, zone: str | None) -> None:
    """Raises LogError where figures would be wrong or there would be none."""
    said = opened.spoken
    if not found.lines:
        raise LogError(f"{location} has no lines")
    if found.without_account == found.lines:
        raise LogError(
            f"{location}: no line has an account in {said['account_id']!r}; "
            "say where it is with --map account_id=COLUMN"
        )
    if found.without_account + found.without_time == found.lines:
        raise LogError(
            f"{location}: no line has a readable time in {said['at']!r} (ISO text or epoch "
            "numbers, 1990–2100); say where it is with --map at=COLUMN"
        )
    for name, written in found.written.items():
        units = {UNITS[how]: n for how, n in written.items() if how in UNITS and n}
        if len(units) > 1:
            told = " and ".join(f"{n:,} lines in {unit}" for unit, n in units.items())
            raise LogError(
                f"{location}: {said[name]!r} holds epoch numbers of several units ({told}): "
                f"write one, or map another column with --map {name}=COLUMN"
            )
    bare = found.written.get("at", {}).get(WITHOUT_ZONE, 0)
    if bare and not (zone or opened.zone) and opened.raw[opened.columns["at"]].type().is_string():
        raise LogError(
            f"{location}: {said['at']!r} names no time zone on {bare:,} of {found.lines:,} lines; "
            "say which it is with --zone, such as --zone UTC or --zone Europe/Berlin"
        )


def gaps_in(found: Tally, opened: Opened, zone: str | None):
    """What the tally says of values that could not be used, as gaps."""
    said = opened.spoken
    for name, n in found.unread.items():
        if n:
            yield Gap(
                name,
                f"{name}: no whole number in {said.get(name, name)!r}, counted as not recorded: "
                f"{n:,} lines",
            )
    for name, words in opened.flags.items():
        if found.flagged.get(name):
            yield Gap("account_id", words.format(n=found.flagged[name]))
    if found.more_cached:
        yield Gap(
            "cached_tokens",
            "more cached tokens than input tokens, so that this log seems not to count cached ones "
            f"as input and input tokens are too low: {found.more_cached:,} requests",
        )
    bare = found.written.get("at", {}).get(WITHOUT_ZONE, 0)
    if bare and not (zone or opened.zone):
        yield Gap("at", f"the type of {said['at']!r} has no time zone: read as UTC")
    if 0 < found.named < found.lines - found.without_account - found.without_time:
        unnamed = found.lines - found.without_account - found.without_time - found.named
        yield Gap(
            "request_id", f"without an id, counted twice when delivered twice: {unnamed:,} lines"
        )

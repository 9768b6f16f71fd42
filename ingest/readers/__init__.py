"""Request logs as they are, read into one normal form (columns.TYPES); see docs/logs.md."""

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import ibis
import ibis.expr.types as ir

from ingest.readers.columns import CONTEXT, TYPES
from ingest.readers.duck import keep, run
from ingest.readers.errors import LogError, UsageExport, explain, one_line
from ingest.readers.files import broken
from ingest.readers.formats import NAMES, open_log, usage_only
from ingest.readers.gaps import Gap, gaps_of
from ingest.readers.normal import gaps_in, refuse, shape, tally
from ingest.readers.opened import Opened, drop_others
from ingest.readers.plain import open_backend
from ingest.readers.repeats import once
from ingest.readers.usage import Usage

__all__ = [
    "NAMES",
    "Gap",
    "LogError",
    "Logs",
    "Usage",
    "UsageExport",
    "open_logs",
    "open_table",
    "read_logs",
    "read_usage",
]  # fmt: skip


@dataclass(frozen=True)
class Logs:
    """A log in the normal form, and what was left out on the way there."""

    requests: ir.Table
    lines: int
    without_account: int
    without_time: int
    repeated: int
    columns: dict[str, str]  # field → the log's column; a field that is not here is not recorded
    form: str = "plain"  # one of NAMES
    gaps: tuple[Gap, ...] = ()  # what is not told, and what is then not tested: one line each
    read_anew: bool = False  # files that every query would read and bring into the form again

    @property
    def not_recorded(self) -> list[str]:
        return [field for field in TYPES if field not in self.columns and field not in CONTEXT]


def open_logs(location: str, *, backend: str = "", **options) -> ir.Table:
    """The requests of a log in the normal form: one row a request, at in UTC without a zone.

    location is a file, a folder or a glob; with backend (an Ibis URL) a table's name. A column that
    the log lacks is there as null: not recorded, never 0. Raises LogError, one line. Options as of
    read_logs.
    """
    return read_logs(location, backend=backend, **options).requests


def read_logs(
    location: str,
    *,
    backend: str = "",
    mapping: dict[str, str] | None = None,
    format: str | None = None,
    zone: str | None = None,
) -> Logs:
    """open_logs, with counts of lines that have no account or time, of repeated ones, and gaps.

    mapping: field → column, key of an attribute, or path into a column's JSON (metadata.tenant).
    format: one of NAMES; recognised by itself where the log leaves no doubt. zone: of times that
    name none. Raises LogError, and UsageExport for totals, which read_usage reads.
    """
    _check_zone(zone, backend)
    if backend:
        opened = open_backend(open_table(location, backend), location, mapping or {})
    else:
        opened = open_log(location, mapping or {}, format)
    if isinstance(opened, Usage):
        raise usage_only(location, opened.form)
    try:
        return _read(opened, location, zone)
    except LogError:
        raise
    except Exception as error:  # a broken file shows only when it is read, in the driver's terms
        raise (broken(error, opened.found) if opened.found else explain(error, location)) from None


def read_usage(
    location: str, *, mapping: dict[str, str] | None = None, format: str | None = None
) -> Usage:
    """The totals of a usage export of OpenAI or Anthropic. mapping: account_id → user_id,
    project_id, api_key_id… Raises LogError."""
    opened = open_log(location, mapping or {}, format)
    if isinstance(opened, Usage):
        return opened
    raise LogError(f"{location} is a log of requests ({opened.form}), not a usage export")


def _read(opened: Opened, location: str, zone: str | None) -> Logs:
    shaped = shape(opened, zone)
    others = nested = 0
    if opened.kept:
        shaped = keep(opened.connection, shaped)
        others, nested = drop_others(opened.connection, list(shaped.columns))
    found = tally(shaped, opened)
    if others and not found.lines:
        raise LogError(f"{location}: no model request; all its lines ({others:,}) {opened.others}")
    refuse(found, opened, location, zone)
    requests = shaped.filter(shaped.account_id.notnull() & shaped["at"].notnull()).select(*TYPES)
    recorded = _recorded(requests, opened)
    gaps = [
        *opened.gaps,
        *_left_out(opened, others, nested),
        *gaps_of(recorded),
        *gaps_in(found, opened, zone),
    ]
    repeated = 0
    if found.named > found.distinct:
        requests, repeated, moved = once(requests, opened.connection)
        gaps += moved
    columns = {field: opened.spoken.get(field, field) for field in TYPES if field in recorded}
    return Logs(
        requests, found.lines, found.without_account, found.without_time, repeated, columns,
        opened.form, tuple(gaps), opened.connection is not None and not opened.kept,
    )  # fmt: skip


def _recorded(requests: ir.Table, opened: Opened) -> set[str]:
    """Fields that at least one request has; in a warehouse, where looking costs, those whose column
    is there."""
    if opened.connection is None:
        return set(opened.columns)
    found = set()
    for field in opened.columns:
        some = requests.filter(requests[field].notnull()).select(one=ibis.literal(1)).limit(1)
        if run(opened.connection, opened.connection.compile(some)):
            found.add(field)
    return found


def _left_out(opened: Opened, others: int, nested: int) -> Iterator[Gap]:
    if others:
        yield Gap("", f"left out, since they {opened.others}: {others:,} lines")
    if nested:
        yield Gap("", f"part of another request, not counted again: {nested:,}")
    if opened.found:
        for n, words in (
            (opened.found.passed_over, "files of other kinds, passed over"),
            (opened.found.empty, "empty files"),
            (len(opened.found.unfinished), "last lines that are still being written, not read"),
        ):
            if n:
                yield Gap("", f"{words}: {n:,}")


def _check_zone(zone: str | None, backend: str) -> None:
    if zone is None:
        return
    if backend and not backend.startswith("duckdb"):
        raise LogError("--zone holds for files; in a warehouse give a column with a time zone")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise LogError(
            f"--zone {zone}: no such time zone; write UTC, or a name such as Europe/Berlin"
        ) from None


def open_table(name: str, backend: str) -> ir.Table:
    """A warehouse's table as it is. Raises LogError."""
    # the URL may hold a password: it is never repeated in an error
    scheme = backend.split(":", 1)[0]
    try:
        connection = ibis.connect(backend)
    except Exception as error:  # each driver has errors of its own
        raise LogError(f"--backend {scheme}://…: {type(error).__name__}, can't connect") from None
    try:
        *where, table = name.split(".")
        return connection.table(table, database=tuple(where) or None)
    except Exception as error:
        raise LogError(f"--backend {scheme}://…: no table {name} ({one_line(error)})") from None

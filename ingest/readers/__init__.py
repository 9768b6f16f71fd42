"""Request logs as they are, read into one normal form (columns.TYPES); see docs/logs.md."""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from ingest.readers.columns import LONGEST, TYPES, resolve
from ingest.readers.errors import LogError
from ingest.readers.files import one_line, open_files
from ingest.readers.values import as_type

__all__ = ["LogError", "Logs", "open_logs", "read_logs"]


@dataclass(frozen=True)
class Logs:
    """A log in the normal form, and what was left out on the way there."""

    requests: ir.Table
    lines: int
    without_account: int
    without_time: int
    repeated: int
    columns: dict[str, str]  # field → the log's column; a field that is not here is not recorded

    @property
    def not_recorded(self) -> list[str]:
        return [field for field in TYPES if field not in self.columns]


def open_logs(
    location: str, *, backend: str = "", mapping: dict[str, str] | None = None
) -> ir.Table:
    """The requests of a log in the normal form: one row a request, at in UTC without a zone.

    location is a file, a folder or a glob; with backend (an Ibis URL) a table's name. A column that
    the log lacks is there as null: not recorded, never 0. Raises LogError, one line.
    """
    return read_logs(location, backend=backend, mapping=mapping).requests


def read_logs(location: str, *, backend: str = "", mapping: dict[str, str] | None = None) -> Logs:
    """open_logs, with counts of lines that have no account or time, and of repeated ones."""
    raw = _open_table(location, backend) if backend else open_files(location)
    columns = resolve(list(raw.columns), mapping or {}, location)
    shaped = raw.select(
        **{
            field: as_type(raw[columns[field]], wanted, LONGEST.get(field))
            if field in columns
            else ibis.null(wanted)
            for field, wanted in TYPES.items()
        }
    )
    placed = shaped.account_id.notnull() & shaped.at.notnull()
    counts = _execute(
        shaped.aggregate(
            lines=shaped.count(),
            without_account=shaped.account_id.isnull().sum(),
            without_time=(shaped.account_id.notnull() & shaped.at.isnull()).sum(),
            named=shaped.request_id.count(where=placed),
            distinct=shaped.request_id.nunique(where=placed),
        ),
        location,
    )
    lines, without_account, without_time, named, distinct = (
        int(value) if value == value and value is not None else 0 for value in counts
    )
    if not lines:
        raise LogError(f"{location} has no lines")
    if without_account == lines:
        raise LogError(
            f"{location}: no line has an account in {columns['account_id']!r}; "
            "say where it is with --map account_id=COLUMN"
        )
    if without_account + without_time == lines:
        raise LogError(
            f"{location}: no line has a readable time in {columns['at']!r} (ISO text or epoch "
            "numbers, 1990–2100); say where it is with --map at=COLUMN"
        )
    requests = shaped.filter(placed)
    if named > distinct:
        unnamed = requests.filter(requests.request_id.isnull())
        once = requests.filter(requests.request_id.notnull()).distinct(on="request_id")
        requests = once.union(unnamed)
    return Logs(requests, lines, without_account, without_time, named - distinct, columns)


def _open_table(name: str, backend: str) -> ir.Table:
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


def _execute(table: ir.Table, location: str) -> tuple:
    try:
        return tuple(table.execute().iloc[0])
    except Exception as error:  # a broken file shows only when it is read, in the driver's terms
        raise LogError(f"{location} can't be read: {one_line(error)}") from None

"""A log as its format's reader hands it over: raw columns, and which of them gives which field."""

from collections.abc import Callable
from dataclasses import dataclass, field

import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from ingest.readers.columns import TYPES, some
from ingest.readers.duck import name, run, text, view
from ingest.readers.errors import LogError
from ingest.readers.found import Found
from ingest.readers.gaps import Gap

# A select may carry these beside the fields of the normal form.
IS_REQUEST = "is_request"  # false: a line of something else, left out and counted
PARENT = "parent_id"  # the request that this one is part of


@dataclass(frozen=True)
class Opened:
    """Columns are named as in the log (plain) or as the fields that they give (all others)."""

    form: str
    raw: ir.Table
    columns: dict[str, str]  # field → column of raw
    spoken: dict[str, str]  # field → how an operator knows that column
    connection: Backend | None = None  # DuckDB over files; None: a warehouse
    found: Found | None = None  # these files
    kept: bool = False  # to be written down once, before it is counted
    conversation: bool = False  # the prompt's column holds messages
    zone: str | None = None  # of moments that name none, by the format's documentation
    gaps: tuple[Gap, ...] = ()  # what the format's reader saw
    others: str = ""  # what the lines are that are no requests
    flags: dict[str, str] = field(default_factory=dict)  # column of raw → words, with {n}


def opened_view(
    connection: Backend,
    form: str,
    source: str,
    fields: dict[str, str],
    *,
    mapping: dict[str, str],
    lookup: Callable[[str], str | None],
    available: list[str],
    found: Found,
    spoken: dict[str, str],
    extra: dict[str, str] | None = None,
    **options,
) -> Opened:
    """An Opened over SELECT fields FROM source. fields and extra are DuckDB expressions; lookup
    gives the one for a name that the operator maps a field to, or None."""
    fields, spoken = dict(fields), dict(spoken)
    for target, given in mapping.items():
        if target not in TYPES:
            raise LogError(f"--map {target}=…: no such field; the fields are {', '.join(TYPES)}")
        expression = lookup(given)
        if expression is None:
            raise LogError(
                f"--map {target}={given}: {found.location} has no {given!r}; "
                f"it has {some(available)}"
            )
        fields[target], spoken[target] = expression, given
    told = ", ".join(f"{sql} AS {name(to)}" for to, sql in {**fields, **(extra or {})}.items())
    raw = view(connection, f"SELECT {told} FROM {source}")
    columns = {target: target for target in fields}
    return Opened(form, raw, columns, spoken, connection, found, kept=True, **options)


class JsonColumns:
    """Columns of a table of which some hold JSON, found without regard to case, for SQL."""

    def __init__(self, table: ir.Table):
        self.names = list(table.columns)
        self._types = table.schema()
        self._folded = {column.casefold(): column for column in reversed(self.names)}

    def raw(self, column: str) -> str | None:
        """The column as it is, or None."""
        actual = self._folded.get(column.casefold())
        return None if actual is None else name(actual)

    def text(self, column: str) -> str:
        """The column as text; NULL where the log lacks it, or where it is blank."""
        actual = self._folded.get(column.casefold())
        if actual is None:
            return "NULL::VARCHAR"
        kind, sql = self._types[actual], name(actual)
        if kind.is_nested() or kind.is_json():
            sql = f"to_json({sql})::VARCHAR"
        elif not kind.is_string():
            sql = f"{sql}::VARCHAR"
        return f"nullif(trim({sql}), '')"

    def json(self, column: str) -> str:
        """The column as JSON; NULL where it is not."""
        actual = self._folded.get(column.casefold())
        if actual is None:
            return "NULL::JSON"
        if self._types[actual].is_nested():
            return f"to_json({name(actual)})"
        return f"try_cast({name(actual)} AS JSON)"

    def inside(self, column: str, *path: str) -> str:
        """What the JSON of a column holds at a path, as text; NULL where it is blank."""
        if column.casefold() not in self._folded:
            return "NULL::VARCHAR"
        steps = "$" + "".join(f'."{step}"' if step[0] != "[" else step for step in path)
        return f"nullif(trim(json_extract_string({self.json(column)}, {text(steps)})), '')"

    def lookup(self, given: str) -> str | None:
        """The column of this name, or metadata.tenant: what a column's JSON holds under a key."""
        if self.raw(given):
            return self.raw(given)
        parts = given.split(".")
        for length in range(len(parts) - 1, 0, -1):
            column, path = ".".join(parts[:length]), parts[length:]
            if self.raw(column) and all(path) and not any('"' in step for step in path):
                return self.inside(column, *path)
        return None


def first_of(*expressions: str) -> str:
    """The first that is recorded."""
    given = [sql for sql in expressions if not sql.startswith("NULL::")]
    if not given:
        return expressions[0]
    return given[0] if len(given) == 1 else f"coalesce({', '.join(given)})"


def drop_others(connection: Backend, columns: list[str]) -> tuple[int, int]:
    """Takes lines that are no requests, and requests that are part of another one, out of what was
    kept. Returns how many of each."""
    others = nested = 0
    if IS_REQUEST in columns:
        gone = f"DELETE FROM kept.requests WHERE NOT coalesce({IS_REQUEST}, false)"
        [(others,)] = run(connection, gone)
    if PARENT in columns:
        [(nested,)] = run(
            connection,
            f"DELETE FROM kept.requests WHERE {PARENT} IN "
            "(SELECT request_id FROM kept.requests WHERE request_id IS NOT NULL)",
        )
    return others, nested

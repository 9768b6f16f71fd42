"""What comes back from the warehouse: counted for every run, and in log-locked mode checked first.

The check sits on the connection that the log came from, not in the detectors: one that forgets to
ask can't get past it. It reads the expression before it runs, so that what may not cross is not
even computed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import ibis.expr.types as ir

from ingest.detectors.lineage import Lineage
from ingest.readers.errors import LogError

FREE = frozenset({"request_id"})
COUNTED = ("execute", "to_pandas", "to_pyarrow", "to_polars")
_current: ContextVar["Crossing | None"] = ContextVar("crossing", default=None)


class Undeclared(LogError):
    """A result would carry columns out of a locked log that nobody declared."""


@dataclass
class Passed:
    """What one party had: columns of results with what they carry, results and rows."""

    columns: dict[str, frozenset[str]] = field(default_factory=dict)
    results: int = 0
    rows: int = 0


class Crossing:
    """Watches the connection of a log. meter is told the log's columns that a query reads; watch
    sees (party, expression) of everything that the warehouse is asked for."""

    def __init__(
        self,
        requests: ir.Table,
        *,
        locked: bool = False,
        meter: Callable[[frozenset[str]], None] | None = None,
        watch: Callable[[str, ir.Expr], None] | None = None,
    ):
        self.locked = locked
        self.passed: dict[str, Passed] = {}
        self._lineage = Lineage(requests)
        self._backend = requests.get_backend()
        self._meter, self._watch = meter, watch
        self._party, self._exports = "run", frozenset()
        self._inside = False

    @contextmanager
    def open(self) -> Iterator["Crossing"]:
        """While open, whatever is executed on the connection passes here."""
        doors = [name for name in dir(self._backend) if name == "execute" or name.startswith("to_")]
        for name in doors:
            setattr(self._backend, name, self._door(name, getattr(self._backend, name)))
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)
            for name in doors:
                delattr(self._backend, name)

    @contextmanager
    def of(self, party: str, exports: frozenset[str]) -> Iterator[None]:
        """What crosses meanwhile is this party's."""
        before = self._party, self._exports
        self._party, self._exports = party, exports
        try:
            yield
        finally:
            self._party, self._exports = before

    def kept(self, table: ir.Table, expression: ir.Table) -> None:
        """table now holds the expression's rows, where the log is."""
        self._lineage.learn(table, expression)

    def asked(self, expression: ir.Expr) -> None:
        """The warehouse is about to be asked for this."""
        if self._watch:
            self._watch(self._party, expression)
        if self._meter and self._lineage.scans(expression):
            self._meter(self._lineage.read(expression))

    def manifest(self) -> list[dict]:
        """What left: a row a party, with its columns, results and rows."""
        return [
            {
                "party": party,
                "results": had.results,
                "rows": had.rows,
                "columns": {
                    name: sorted(carried) or ["aggregate"]
                    for name, carried in sorted(had.columns.items())
                },
            }
            for party, had in sorted(self.passed.items())
        ]

    def _door(self, name: str, through: Callable) -> Callable:
        def passing(expression, *args, **kwargs):
            if self._inside:  # a door that is built on another
                return through(expression, *args, **kwargs)
            if self.locked and name not in COUNTED:
                raise Undeclared(f"{self._party}: {name} is no way out of a locked log")
            carried = self._lineage.of(expression)
            if self.locked:
                self._check(carried)
            self.asked(expression)
            self._inside = True
            try:
                result = through(expression, *args, **kwargs)
            finally:
                self._inside = False
            had = self.passed.setdefault(self._party, Passed())
            had.results += 1
            had.rows += len(result) if hasattr(result, "__len__") else 1
            for column, labels in carried.items():
                had.columns[column] = had.columns.get(column, frozenset()) | labels
            return result

        return passing

    def _check(self, carried: dict[str, frozenset[str]]) -> None:
        allowed = FREE | self._exports | {f"digest({column})" for column in self._exports}
        for column, labels in carried.items():
            if undeclared := sorted(labels - allowed):
                raise Undeclared(
                    f"{self._party} asked for {column}, which carries {', '.join(undeclared)} out "
                    "of a locked log, and does not declare that: nothing of it was read"
                )


def crossing() -> Crossing | None:
    """The one that is open, if any."""
    return _current.get()


@contextmanager
def exporting(party: str, exports: frozenset[str]) -> Iterator[None]:
    """Crossing.of, where one is open."""
    now = crossing()
    if now is None:
        yield
    else:
        with now.of(party, exports):
            yield


def is_locked() -> bool:
    now = crossing()
    return now is not None and now.locked

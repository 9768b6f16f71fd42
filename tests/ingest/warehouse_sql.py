"""What the detectors ask of a warehouse, as that warehouse's SQL: python -m
tests.ingest.warehouse_sql (make snapshots) writes tests/ingest/snapshots/ anew, and the change is
reviewed like any other.

Every query of a run over the rehearsal's log, the tables named by their order instead of by chance.
No driver is needed: Ibis compiles without one.
"""

import logging
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir

SNAPSHOTS = Path(__file__).parent / "snapshots"
DIALECTS = ("bigquery", "snowflake", "clickhouse")
MADE = re.compile(r"\bibis_(stillwatch|pandas_memtable)_[a-z0-9]{20,}\b")
NAMES = {"stillwatch": "kept", "pandas_memtable": "given"}
LEFT_OUT = re.compile(r"\b(EXCEPT|EXCLUDE) \(([^()]*)\)")  # columns, in an order of chance
# as such a table may be: typed, with names of its own
TYPED_LOG = {
    "event_id": "string", "observed_at": "timestamp('UTC')", "user_id": "int64",
    "prompt_text": "string", "tokens_in": "float64",
}  # fmt: skip


def queries() -> Iterator[tuple[str, ir.Expr]]:
    """(party, query) of a whole run, in order, over a table named requests."""
    from ingest.readers import read_logs
    from ingest.readers.columns import TYPES
    from ingest.readers.normal import shape
    from ingest.readers.plain import open_backend
    from ingest.rehearse import ask_everything, write_log

    yield "opening", shape(open_backend(ibis.table(TYPED_LOG, name="events"), "events", {}), None)
    asked: list[tuple[str, ir.Expr]] = []
    with tempfile.TemporaryDirectory() as folder:
        requests = read_logs(str(write_log(Path(folder)))).requests
        ask_everything(requests, watch=lambda party, query: asked.append((party, query)))
    log = ibis.table(TYPES, name="requests").op()

    def unbound(node, parts):
        if node == requests.op():
            return log
        node = node.__recreate__(parts) if parts else node
        if isinstance(node, ops.DatabaseTable):
            return ops.UnboundTable(node.name, node.schema)
        return node

    for party, query in asked:
        yield party, query.op().replace(unbound).to_expr()


def snapshots(dialect: str, asked: list[tuple[str, ir.Expr]]) -> dict[str, str]:
    """File name → SQL of all that one party asks. Tables are numbered within a file, so that a
    change shows only where it is."""
    found: dict[str, list[str]] = {}
    for party, query in asked:
        found.setdefault(f"{party}.sql", []).append(str(ibis.to_sql(query, dialect=dialect)))
    return {name: settled(";\n\n".join(parts) + ";\n") for name, parts in found.items()}


def settled(sql: str) -> str:
    """The same on every run."""
    seen: dict[str, str] = {}

    def named(made: re.Match) -> str:
        kind = NAMES[made[1]]
        if made[0] not in seen:
            seen[made[0]] = f"{kind}_{sum(name.startswith(kind) for name in seen.values()) + 1}"
        return seen[made[0]]

    def ordered(columns: re.Match) -> str:
        return f"{columns[1]} ({', '.join(sorted(columns[2].split(', ')))})"

    return LEFT_OUT.sub(ordered, MADE.sub(named, sql))


def main() -> None:
    import django

    django.setup()
    logging.getLogger("sqlglot").setLevel(logging.WARNING)
    asked = list(queries())
    for dialect in DIALECTS:
        folder = SNAPSHOTS / dialect
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.sql"):
            old.unlink()
        for name, sql in snapshots(dialect, asked).items():
            (folder / name).write_text(sql, encoding="utf-8")


if __name__ == "__main__":
    main()

"""DuckDB over files: a connection of our own, what it keeps, and the spelling of its SQL."""

import shutil
import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from ingest.readers.messages import teach

MEMORY = "2GiB"  # of DuckDB's own; the rest goes to its folder, and leaves room for Python's part


def connect() -> Backend:
    """A DuckDB of our own, in memory, in UTC, that says nothing on the terminal.

    What does not fit into memory goes to a folder that only we can read, and that goes with us.
    """
    connection = ibis.duckdb.connect()
    folder = tempfile.mkdtemp(prefix="stillwatch-")
    weakref.finalize(connection, shutil.rmtree, folder, ignore_errors=True)
    connection.raw_sql("SET TimeZone = 'UTC'")
    connection.raw_sql("SET enable_progress_bar = false")
    connection.raw_sql(f"SET memory_limit = {text(MEMORY)}")
    connection.raw_sql(f"SET temp_directory = {text(folder)}")
    teach(connection)
    return connection


def keep(connection: Backend, table: ir.Table, catalog: str = "kept") -> ir.Table:
    """The rows, written once to our own folder: JSON and CSV would be taken apart at every look.
    Once for each catalog.

    The file has no name any more when this returns: it goes when the connection does, whatever
    ends the process.
    """
    [(folder,)] = connection.con.execute("SELECT current_setting('temp_directory')").fetchall()
    path = Path(folder) / f"{catalog}.duckdb"
    run(connection, f"ATTACH {text(str(path))} AS {catalog}")
    run(connection, f"CREATE TABLE {catalog}.requests AS {connection.compile(table)}")
    run(connection, f"CHECKPOINT {catalog}")
    path.unlink()
    return connection.table("requests", database=(catalog, "main"))


def run(connection: Backend, sql: str) -> list[tuple]:
    """All rows of a statement. DuckDB takes no other work while a result is open."""
    return connection.con.execute(sql).fetchall()


def view(connection: Backend, select: str) -> ir.Table:
    """A SELECT of DuckDB's own, as a table that expressions can go on from."""
    name = ibis.util.gen_name("stillwatch")
    run(connection, f"CREATE TEMP VIEW {name} AS {select}")
    return connection.table(name)


def text(value: str) -> str:
    """A literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def text_list(values: Iterable[str]) -> str:
    return "[" + ", ".join(text(value) for value in values) + "]"


def name(column: str) -> str:
    """A column's name in SQL."""
    return '"' + column.replace('"', '""') + '"'

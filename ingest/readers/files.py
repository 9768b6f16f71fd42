"""Files of a request log, opened in DuckDB: Parquet, JSON lines and CSV, packed or not."""

import csv
import gzip
import io
import shutil
import tempfile
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
import msgspec
import zstandard
from ibis.backends.duckdb import Backend

from ingest.readers.errors import LogError, explain
from ingest.readers.messages import teach

FORMATS = {
    ".parquet": "parquet", ".pq": "parquet",
    ".jsonl": "json", ".ndjson": "json", ".json": "json",
    ".csv": "csv",
}  # fmt: skip
PACKED = {".gz", ".zst"}
SPOKEN = "Parquet, JSON lines or CSV (.parquet, .jsonl, .csv, the last two also .gz or .zst)"
LARGEST_LINE = 64 * 2**20
JSON_SAMPLE = 20_480  # lines looked at for the names of fields
HEAD = 64 * 2**10  # bytes looked at to see how a file is laid out


@dataclass(frozen=True)
class Found:
    """The files of a location, in order, all of one kind."""

    location: str
    paths: list[Path]
    form: str  # parquet, json or csv
    passed_over: int  # files of other kinds in the folder
    empty: int  # files of no bytes, left out

    @property
    def names(self) -> list[str]:
        return [str(path) for path in self.paths]


def connect() -> Backend:
    """A DuckDB of our own, in memory, in UTC, that says nothing on the terminal.

    What does not fit into memory goes to a folder that only we can read, and that goes with us.
    """
    connection = ibis.duckdb.connect()
    folder = tempfile.mkdtemp(prefix="stillwatch-")
    weakref.finalize(connection, shutil.rmtree, folder, ignore_errors=True)
    connection.raw_sql("SET TimeZone = 'UTC'")
    connection.raw_sql("SET enable_progress_bar = false")
    connection.raw_sql(f"SET temp_directory = {text(folder)}")
    teach(connection)
    return connection


def keep(connection: Backend, table: ir.Table) -> ir.Table:
    """The rows, written once to our own folder: JSON and CSV would be taken apart at every look.

    The file has no name any more when this returns: it goes when the connection does, whatever
    ends the process.
    """
    [(folder,)] = connection.con.execute("SELECT current_setting('temp_directory')").fetchall()
    path = Path(folder) / "log.duckdb"
    run(connection, f"ATTACH {text(str(path))} AS kept")
    run(connection, f"CREATE TABLE kept.requests AS {connection.compile(table)}")
    run(connection, "CHECKPOINT kept")
    path.unlink()
    return connection.table("requests", database=("kept", "main"))


def run(connection: Backend, sql: str) -> list[tuple]:
    """All rows of a statement. DuckDB takes no other work while a result is open."""
    return connection.con.execute(sql).fetchall()


def view(connection: Backend, select: str) -> ir.Table:
    """A SELECT of DuckDB's own, as a table that expressions can go on from."""
    name = ibis.util.gen_name("stillwatch")
    run(connection, f"CREATE TEMP VIEW {name} AS {select}")
    return connection.table(name)


def open_files(connection: Backend, found: Found) -> ir.Table:
    """The raw table behind the files. JSON and CSV give text; nested JSON its own text."""
    try:
        if found.form == "parquet":
            return connection.read_parquet(found.names, union_by_name=True)
        if found.form == "csv":
            return view(connection, csv_select(found.paths))
        columns = dict.fromkeys(json_names(connection, found), "VARCHAR")
        return view(connection, f"SELECT * FROM {json_source(found, columns)}")
    except (duckdb.Error, OSError) as error:
        raise broken(error, found) from None


def json_names(connection: Backend, found: Found) -> list[str]:
    """The names of the fields at the top, as far as the first lines of each file show them."""
    source = (
        f"read_json({text_list(found.names)}, format = '{json_layout(found.paths)}', "
        f"maximum_depth = 1, union_by_name = true, sample_size = {JSON_SAMPLE}, "
        f"maximum_object_size = {LARGEST_LINE})"
    )
    return [row[0] for row in run(connection, f"DESCRIBE SELECT * FROM {source}")]


def json_source(found: Found, columns: dict[str, str]) -> str:
    """read_json(…) with these columns and types."""
    typed = ", ".join(f"{text(name)}: {text(kind)}" for name, kind in columns.items())
    return (
        f"read_json({text_list(found.names)}, format = '{json_layout(found.paths)}', "
        f"columns = {{{typed}}}, maximum_object_size = {LARGEST_LINE})"
    )


def json_layout(paths: list[Path]) -> str:
    """How the files hold their objects: one a line, in an array, or spread over lines."""
    layouts = {_layout(head(path)) for path in paths}
    return layouts.pop() if len(layouts) == 1 else "auto"


def _layout(start: bytes) -> str:
    lines = [line.strip() for line in start.split(b"\n")[:50]]
    lines = [line for line in lines if line]
    if not lines or not lines[0].startswith(b"["):
        # the second line of a spread-out object is a field; that of broken JSON lines an object
        spread = len(lines) > 1 and not lines[1].startswith(b"{") and not _whole(lines[0])
        return "unstructured" if spread else "newline_delimited"
    return "array"


def _whole(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except msgspec.DecodeError:
        return False
    return True


def csv_select(paths: list[Path]) -> str:
    """SELECT over CSV files, all as text, so that an id keeps its zeros. Files may have other
    columns. The dialect is told, never guessed: a guess drops what does not fit it."""
    by_header: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for path in paths:
        by_header.setdefault(_csv_header(path), []).append(str(path))
    parts = []
    for (mark, names), files in by_header.items():
        typed = ", ".join(f"{text(name)}: 'VARCHAR'" for name in names)
        parts.append(
            f"SELECT * FROM read_csv({text_list(files)}, auto_detect = false, header = true, "
            f"delim = {text(mark)}, quote = '\"', escape = '\"', columns = {{{typed}}}, "
            f"max_line_size = {LARGEST_LINE})"
        )
    return " UNION ALL BY NAME ".join(parts)


def _csv_header(path: Path) -> tuple[str, tuple[str, ...]]:
    start = head(path).decode("utf-8-sig", errors="replace")
    first = start.splitlines()[0] if start.strip() else ""
    mark = max(",;\t|", key=first.count)
    names = next(csv.reader(io.StringIO(start), delimiter=mark), [])
    if not all(names):
        raise LogError(f"{path}: the header has an empty name; each column needs one")
    folded = [name.casefold() for name in names]
    for name in names:
        if folded.count(name.casefold()) > 1:
            raise LogError(f"{path}: the header has {name[:60]!r} twice; each column needs its own")
    return mark, tuple(names)


def head(path: Path) -> bytes:
    """The first bytes of a file, unpacked."""
    openers = {".gz": gzip.open, ".zst": zstandard.open}
    try:
        with openers.get(path.suffix.lower(), open)(path, "rb") as file:
            return file.read(HEAD)
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise explain(error, str(path)) from None


def find_files(location: str) -> tuple[list[Path], str]:
    """The files, in order, and their one kind: parquet, json or csv. Raises LogError."""
    found = look_for(location)
    return found.paths, found.form


def look_for(location: str) -> Found:
    """The files of a path, a folder with all below it, or a glob. Raises LogError."""
    path = Path(location)
    passed_over = 0
    if path.is_dir():
        below = sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p, path))
        paths = [p for p in below if _format(p)]
        passed_over = len(below) - len(paths)
        if not paths:
            raise LogError(f"the folder {location} has no file of {SPOKEN}")
    elif path.exists():
        paths = [path]
    else:
        root = Path(path.anchor or ".")
        pattern = str(path.relative_to(root)) if path.anchor else str(path)
        magic = any(sign in pattern for sign in "*?[")
        paths = sorted(p for p in root.glob(pattern) if p.is_file()) if magic else []
        if not paths:
            raise LogError(f"there is no file {location}")
    forms = {_format(p) for p in paths}
    if None in forms:
        odd = next(p for p in paths if not _format(p))
        raise LogError(f"{odd} is not {SPOKEN}")
    if len(forms) > 1:
        raise LogError(
            f"{location} holds {' and '.join(sorted(forms))} files, which may be the same "
            f"requests twice: name one kind, such as '{location.rstrip('/')}/*.parquet'"
        )
    form = forms.pop()
    filled = [p for p in paths if form == "parquet" or p.stat().st_size]
    if not filled:
        raise LogError(f"{location} has no lines")
    return Found(location, filled, form, passed_over, len(paths) - len(filled))


def broken(error: Exception, found: Found) -> LogError:
    """explain, with the number of the broken line: DuckDB's own count of it is off by some."""
    said = str(error)
    if "Malformed JSON" in said or "JSON transform error" in said:
        named = next((p for p in found.paths if f'"{p}"' in said), found.paths[0])
        number = _broken_line(named) if json_layout([named]) == "newline_delimited" else None
        where = f"{named}, line {number}" if number else f"{named}"
        return LogError(
            f"{where} is not a JSON object of the expected form: mend or remove it; "
            "a file that is still being written is read when it is whole"
        )
    return explain(error, found.location)


def _broken_line(path: Path) -> int | None:
    openers = {".gz": gzip.open, ".zst": zstandard.open}
    with openers.get(path.suffix.lower(), open)(path, "rb") as file:
        for number, line in enumerate(io.BufferedReader(file), start=1):
            if line.strip() and not (line.strip().startswith(b"{") and _whole(line)):
                return number
    return None


def text(value: str) -> str:
    """A literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def text_list(values: Iterable[str]) -> str:
    return "[" + ", ".join(text(value) for value in values) + "]"


def name(column: str) -> str:
    """A column's name in SQL."""
    return '"' + column.replace('"', '""') + '"'


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)


def _format(path: Path) -> str | None:
    packed = path.suffix.lower() in PACKED
    form = FORMATS.get(Path(path.stem).suffix.lower() if packed else path.suffix.lower())
    return None if packed and form == "parquet" else form

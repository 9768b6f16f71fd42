"""Files of a request log, opened in DuckDB: Parquet, JSON lines and CSV, packed or not."""

from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from ingest.readers.errors import LogError

FORMATS = {
    ".parquet": "parquet", ".pq": "parquet",
    ".jsonl": "json", ".ndjson": "json", ".json": "json",
    ".csv": "csv",
}  # fmt: skip
PACKED = {".gz", ".zst"}
SPOKEN = "Parquet, JSON lines or CSV (.parquet, .jsonl, .csv, the last two also .gz or .zst)"
LARGEST_LINE = 64 * 2**20
JSON_SAMPLE = 20_480  # lines looked at for the names of fields


def connect() -> Backend:
    """A DuckDB of our own, in memory, in UTC, that says nothing on the terminal."""
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET TimeZone = 'UTC'")
    connection.raw_sql("SET enable_progress_bar = false")
    return connection


def open_files(location: str) -> ir.Table:
    """The raw table behind a file, a folder or a glob. Raises LogError."""
    paths, form = find_files(location)
    names = [str(path) for path in paths]
    connection = connect()
    try:
        if form == "parquet":
            return connection.read_parquet(names, union_by_name=True)
        if form == "csv":
            # as text: an id keeps its zeros, and each field is converted by our own rules
            return connection.read_csv(names, all_varchar=True, header=True, union_by_name=True)
        described = connection.con.execute(
            "DESCRIBE SELECT * FROM read_json(?, format = 'newline_delimited', "
            "maximum_depth = 1, union_by_name = true, sample_size = ?, maximum_object_size = ?)",
            [names, JSON_SAMPLE, LARGEST_LINE],
        ).fetchall()
        return connection.read_json(
            names,
            format="newline_delimited",
            columns={row[0]: "VARCHAR" for row in described},
            maximum_object_size=LARGEST_LINE,
        )
    except (duckdb.Error, OSError) as error:
        raise LogError(f"{location} can't be read as {form}: {one_line(error)}") from None


def find_files(location: str) -> tuple[list[Path], str]:
    """The files, in order, and their one format. Raises LogError."""
    path = Path(location)
    if path.is_dir():
        paths = sorted(p for p in path.iterdir() if p.is_file() and _format(p))
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
    return paths, forms.pop()


def one_line(error: Exception, most: int = 300) -> str:
    """The first line of a library's message, bounded."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:most]


def _format(path: Path) -> str | None:
    packed = path.suffix.lower() in PACKED
    form = FORMATS.get(Path(path.stem).suffix.lower() if packed else path.suffix.lower())
    return None if packed and form == "parquet" else form

"""Files of a request log, opened in DuckDB: Parquet, JSON lines and CSV, packed or not."""

from pathlib import Path

import duckdb
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from ingest.readers.csv_files import csv_select
from ingest.readers.duck import view
from ingest.readers.errors import LogError, explain
from ingest.readers.found import PACKED, Found
from ingest.readers.json_files import (
    broken_json,
    broken_line,
    json_layout,
    json_names,
    json_source,
    unfinished,
)

FORMATS = {
    ".parquet": "parquet", ".pq": "parquet",
    ".jsonl": "json", ".ndjson": "json", ".json": "json",
    ".csv": "csv",
}  # fmt: skip
SPOKEN = "Parquet, JSON lines or CSV (.parquet, .jsonl, .csv, the last two also .gz or .zst)"


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
    half = frozenset(p for p in filled if form == "json" and unfinished(p))
    return Found(location, filled, form, passed_over, len(paths) - len(filled), half)


def broken(error: Exception, found: Found) -> LogError:
    """explain, with the number of the broken line: DuckDB's own count of it is off by some."""
    said = str(error)
    if "Malformed JSON" in said or "JSON transform error" in said:
        named = next((p for p in found.paths if f'"{p}"' in said), found.paths[0])
        lines = json_layout([named]) == "newline_delimited"
        return broken_json(named, broken_line(named) if lines else None)
    return explain(error, found.location)


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)


def _format(path: Path) -> str | None:
    packed = path.suffix.lower() in PACKED
    form = FORMATS.get(Path(path.stem).suffix.lower() if packed else path.suffix.lower())
    return None if packed and form == "parquet" else form

"""CSV with a header, read by a dialect that is told and never guessed."""

import csv
import io
from pathlib import Path

from ingest.readers.duck import text, text_list
from ingest.readers.errors import LogError
from ingest.readers.found import head

LARGEST_LINE = 16 * 2**20


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

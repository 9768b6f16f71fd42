"""JSON as logs hold it: an object a line, in an array, or spread over lines; whole or not yet."""

import io
from pathlib import Path

import msgspec
from ibis.backends.duckdb import Backend

from ingest.readers.duck import name, run, text, text_list
from ingest.readers.errors import LogError
from ingest.readers.found import PACKED, Found, head, open_packed

LARGEST_LINE, FEW_FILES = 64 * 2**20, 8
LARGEST_OF_MANY = 16 * 2**20  # DuckDB keeps two buffers of it for a file, and they must all fit
SPANS = b'{"resourceSpans"'
JSON_SAMPLE = 20_480  # lines looked at for the names of fields


def largest_line(found: Found) -> int:
    """Bytes that one object may have: a batch of spans is large, and a folder has many files."""
    return LARGEST_LINE if len(found.paths) <= FEW_FILES else LARGEST_OF_MANY


def json_names(connection: Backend, found: Found) -> list[str]:
    """The names of the fields at the top, as far as the first lines of each file show them."""
    if all(head(path).lstrip().startswith(SPANS) for path in found.paths):
        return ["resourceSpans"]  # a batch may be of megabytes, and twenty thousand are much to see
    seen: dict[str, None] = {}
    for at in range(0, len(found.paths), FEW_FILES):  # guessing keeps the buffers of all its files
        some = found.paths[at : at + FEW_FILES]
        broken = not found.unfinished.isdisjoint(some)
        source = (
            f"read_json({text_list(map(str, some))}, format = '{json_layout(some)}', "
            f"maximum_depth = 1, union_by_name = true, sample_size = {JSON_SAMPLE}, "
            f"maximum_object_size = {LARGEST_LINE}{', ignore_errors = true' * broken})"
        )
        names = [row[0] for row in run(connection, f"DESCRIBE SELECT * FROM {source}")]
        if names == ["json"]:  # what DuckDB calls the lines when they are not all objects
            for path in some:
                number = broken_line(path)
                if number is not None:
                    raise broken_json(path, number)
        seen |= dict.fromkeys(names)
    return list(seen)


def json_source(found: Found, columns: dict[str, str]) -> str:
    """read_json(…) with these columns and types; half-written last lines are left out."""
    typed = ", ".join(f"{text(column)}: {text(kind)}" for column, kind in columns.items())
    something = ", ".join(f"{name(column)}::VARCHAR" for column in columns)
    return _source("read_json", found, f", columns = {{{typed}}}", f"coalesce({something})")


def json_objects(found: Found) -> str:
    """The same with each object whole, as a column json: faster where objects are large and few."""
    return _source("read_json_objects", found, "", "json")


def _source(function: str, found: Found, options: str, something: str) -> str:
    options += f", maximum_object_size = {largest_line(found)}"
    whole = [path for path in found.paths if path not in found.unfinished]
    parts = []
    if whole:
        names, layout = text_list(map(str, whole)), json_layout(whole)
        parts.append(f"{function}({names}, format = '{layout}'{options})")
    if found.unfinished:
        names = text_list(sorted(map(str, found.unfinished)))
        parts.append(
            f"(SELECT * FROM {function}({names}, format = 'newline_delimited'{options}, "
            f"ignore_errors = true) WHERE {something} IS NOT NULL)"
        )
    if len(parts) == 1:
        return parts[0]
    return "(" + " UNION ALL BY NAME ".join(f"SELECT * FROM {part}" for part in parts) + ")"


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
    except (ValueError, RecursionError):
        return False
    return True


def unfinished(path: Path) -> bool:
    """Whether the file of JSON lines breaks off in its last line, as one does that is written to.
    Raises LogError when a line before it is broken too."""
    if path.suffix.lower() in PACKED:
        return False
    with open(path, "rb") as file:
        size = file.seek(-1, io.SEEK_END) + 1
        if file.read() == b"\n":
            return False
        file.seek(max(0, size - LARGEST_LINE))
        before, _, last = file.read().rpartition(b"\n")
    if not last.strip() or _whole(last) or json_layout([path]) != "newline_delimited":
        return False
    number = broken_line(path, until_last=True)
    if number is None and before.strip():
        return True
    raise broken_json(path, number or 1)


def broken_json(path: Path, number: int | None) -> LogError:
    where = f"{path}, line {number}," if number else f"{path}"
    return LogError(f"{where} is not a JSON object of the expected form: mend it or remove it")


def broken_line(path: Path, *, until_last: bool = False) -> int | None:
    """The number of the first line that is no object; until_last: a last one without its end of
    line does not count."""
    with open_packed(path) as file:
        for number, line in enumerate(io.BufferedReader(file), start=1):
            if until_last and not line.endswith(b"\n"):
                return None
            if line.strip() and not (line.strip().startswith(b"{") and _whole(line)):
                return number
    return None

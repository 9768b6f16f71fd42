"""What can be wrong with a log, in one line that says what to do."""

import re


class LogError(Exception):
    """The log can't be read as it is. The text is one line, meant for the operator."""


class UsageExport(LogError):
    """The log holds totals per account and hour or day, no requests: read_usage reads it."""


CUT_OFF = "it was cut off, or is still being written: fetch it again, or leave it out"
REMEDIES = (
    (
        r"(?i)too small to be a Parquet|No magic bytes",
        f"can't be read: it is no whole Parquet file; {CUT_OFF}",
    ),
    (
        r"(?i)decompress|corrupt|Unexpected end of GZIP|not in gzip|zstd",
        f"can't be read: it is damaged; {CUT_OFF}",
    ),
    (r"(?i)No space left|could not write|out of disk", "does not fit; TMPDIR names another disk"),
    (r"(?i)Out of Memory", "does not fit into memory; read it in parts, or as Parquet"),
)
FILE = r"""(?:file = |[Ff]ile[: ]+|stream: )["']?([^"'\n]+?)["']?(?:[,.]? |\n|,|$)"""


def one_line(error: Exception, most: int = 300) -> str:
    """The first line of a library's message, bounded."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:most]


def explain(error: Exception, location: str) -> LogError:
    """What DuckDB says of a broken file, with the file, the place in it and what to do.

    The broken line itself is never repeated: it is a customer's text.
    """
    said = str(error)
    named = re.search(FILE, said)
    name = named[1] if named else location
    broken_csv = re.search(r"CSV Error on Line: (\d+)", said)
    if broken_csv:
        wide = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", said)
        why = (
            f"has {wide[2]} cells and the header {wide[1]}" if wide
            else "has a quote that does not end" if "unterminated quote" in said
            else "is not UTF-8" if "unicode" in said.lower()
            else "is broken"
        )  # fmt: skip
        return LogError(f"{name}: record {broken_csv[1]} {why}; mend it, or write JSON lines")
    if "byte order mark" in said:
        return LogError(f"{name} begins with a byte order mark: write it as UTF-8 without one")
    too_long = re.search(r"maximum_object_size\D*(\d+) bytes exceeded", said)
    if too_long:
        most = f"{int(too_long[1]) >> 20} MiB"
        return LogError(f"{name} has a line of more than {most}: one request or batch a line")
    for pattern, words in REMEDIES:
        if re.search(pattern, said):
            return LogError(f"{name} {words}")
    return LogError(f"{location} can't be read: {one_line(error)}")

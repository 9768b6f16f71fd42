"""Rows on their way into CSV and JSON files, one at a time."""

import csv
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from cases.evidence.text import csv_cell

Beat = Callable[[], None]
ROWS = 2000  # between two signs of life


class Table:
    """A CSV file; the first row names the columns."""

    def __init__(self, path: Path):
        self._out = open(path, "w", encoding="utf-8", newline="")  # noqa: SIM115 (closed by exit)
        self._writer, self._named = csv.writer(self._out, lineterminator="\n"), False

    def add(self, row: dict) -> None:
        if not self._named:
            self._writer.writerow(row)
            self._named = True
        self._writer.writerow([csv_cell(_plain(value)) for value in row.values()])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._out.close()


class List:
    """A JSON array, one element a line."""

    def __init__(self, path: Path):
        self._out = open(path, "w", encoding="utf-8")  # noqa: SIM115 (closed by exit)
        self._out.write("[")
        self._glue = "\n"

    def add(self, row: dict) -> None:
        self._out.write(self._glue + to_json(row))
        self._glue = ",\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._out.write("\n]\n")
        self._out.close()


def beating(rows: Iterable, beat: Beat) -> Iterable:
    for place, row in enumerate(rows):
        if place % ROWS == 0:
            beat()
        yield row


def _plain(value):
    return value.isoformat() if isinstance(value, datetime) else value


def to_json(value, **options) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain, allow_nan=False, **options)

"""Rows on their way into CSV and JSON files, one at a time, as far as the profile lets them."""

import csv
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from cases.evidence.profiles import Profile
from cases.evidence.text import csv_cell

Beat = Callable[[], None]
ROWS = 2000  # between two signs of life


class Data:
    """The packet's data folder: gives a file for rows, each row cut down to the profile's fields.

    secret: for the codes that stand for accounts where the profile hides their names.
    """

    def __init__(self, folder: Path, profile: Profile, *, secret: bytes, beat: Beat):
        self.folder, self.profile, self.secret, self._beat = folder, profile, secret, beat

    def account(self, external_id: str) -> str:
        return self.profile.account(external_id, self.secret)

    def write(self, name: str, rows: Iterable[dict]) -> None:
        """All rows into one file: .csv, .json (an array, an element a line) or .jsonl."""
        with self.open(name) as out:
            for row in self.beating(rows):
                out.add(row)

    def open(self, name: str) -> "_File":
        if not self.profile.has(name):
            return _File(None, lambda row: row)
        form = {".csv": _Csv, ".json": _Array, ".jsonl": _Lines}[Path(name).suffix]
        path = self.folder / name
        return form(path, lambda row: self.profile.row(name, row, self.secret))

    def put(self, name: str, content: dict) -> None:
        """One object as a file of its own."""
        if self.profile.has(name):
            kept = self.profile.row(name, content, self.secret)
            (self.folder / name).write_text(to_json(kept, indent=1) + "\n", encoding="utf-8")

    def beating(self, rows: Iterable) -> Iterable:
        for place, row in enumerate(rows):
            if place % ROWS == 0:
                self._beat()
            yield row


class _File:
    """A file that the profile leaves out: what is added goes nowhere."""

    def __init__(self, path: Path | None, cut: Callable[[dict], dict]):
        self._cut = cut
        self._out = path and open(path, "w", encoding="utf-8", newline="")  # noqa: SIM115 (closed by exit)

    def add(self, row: dict) -> None:
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._out:
            self._out.close()


class _Csv(_File):
    """The first row names the columns."""

    def __init__(self, path: Path, cut: Callable[[dict], dict]):
        super().__init__(path, cut)
        self._writer, self._named = csv.writer(self._out, lineterminator="\n"), False

    def add(self, row: dict) -> None:
        row = self._cut(row)
        if not self._named:
            self._writer.writerow(row)
            self._named = True
        self._writer.writerow([csv_cell(_plain(value)) for value in row.values()])


class _Array(_File):
    def __init__(self, path: Path, cut: Callable[[dict], dict]):
        super().__init__(path, cut)
        self._glue = "[\n"

    def add(self, row: dict) -> None:
        self._out.write(self._glue + to_json(self._cut(row)))
        self._glue = ",\n"

    def __exit__(self, *_):
        self._out.write("[\n]\n" if self._glue == "[\n" else "\n]\n")
        self._out.close()


class _Lines(_File):
    def add(self, row: dict) -> None:
        self._out.write(to_json(self._cut(row)) + "\n")


def _plain(value):
    return value.isoformat() if isinstance(value, datetime) else value


def to_json(value, **options) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain, allow_nan=False, **options)

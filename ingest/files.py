"""Files of signals as numbered JSON records: the file door reads what the API reads.

A file is .jsonl, .csv or .parquet, each also .gz or .zst. In tables the scalar fields are columns
(an account's are account_id, organisation, plan, created_at, is_aggregate); attributes, activity,
samples and evidence are JSON text, or nested columns in Parquet. An empty cell is left out.
"""

import csv
import gzip
import hashlib
import io
import json
import math
import re
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow
import pyarrow.parquet
import zstandard

from ingest.wire import RECORD_BYTES, Rejected, numbered_lines

ACCOUNT_COLUMNS = {
    "account_id": "id",
    "organisation": "organisation",
    "plan": "plan",
    "created_at": "created_at",
    "is_aggregate": "is_aggregate",
}
TEXT_COLUMNS = (
    "ref", "window_start", "window_end", "summary", "group_key", "detector_version",
)  # fmt: skip
NUMBER_COLUMNS = ("score", "p_value")
JSON_COLUMNS = ("attributes", "activity", "samples", "evidence")
COLUMNS = (*TEXT_COLUMNS, *NUMBER_COLUMNS, *JSON_COLUMNS, *ACCOUNT_COLUMNS)
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
REQUIRED = ("ref", "account_id", "window_start", "window_end", "score", "summary")
ROWS_AT_ONCE = 2000


class BadFile(Exception):
    """The file as a whole cannot be read: one line that says what to do."""


class SignalFile:
    """One file, opened; a context manager. size is in bytes, as on disk."""

    def __init__(self, path: str):
        self.path = Path(path)
        suffixes = [suffix.lower() for suffix in self.path.suffixes]
        self._packed = suffixes.pop() if suffixes and suffixes[-1] in {".gz", ".zst"} else ""
        self._kind = suffixes[-1] if suffixes else ""
        if self._kind not in {".jsonl", ".ndjson", ".csv", ".parquet"}:
            raise BadFile(f"{path}: not .jsonl, .csv or .parquet (nor one of these as .gz or .zst)")
        self._stack = ExitStack()
        try:
            self._disk = self._stack.enter_context(open(self.path, "rb"))  # noqa: SIM115
            self.size = self.path.stat().st_size
        except OSError as error:
            raise BadFile(f"{path}: {error.strerror}") from None
        self._share = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._stack.close()

    def digest(self) -> str:
        """SHA-256 of the bytes on disk: the same file, wherever it lies."""
        self._disk.seek(0)
        return hashlib.file_digest(self._disk, "sha256").hexdigest()

    def position(self) -> int:
        """How many bytes of the file have been used up, for a progress bar."""
        return self._disk.tell() if self._share is None else int(self._share * self.size)

    def records(self, skip: int = 0) -> Iterator[tuple[int, bytes | Rejected]]:
        """Records with their numbers from 1 (lines of JSONL, rows of a table), after skip of them.

        Raises BadFile when the rest cannot be read.
        """
        self._disk.seek(0)
        try:
            for number, record in self._read(skip):
                if number > skip:
                    yield number, record
        except (OSError, EOFError, zlib.error, zstandard.ZstdError, pyarrow.ArrowException) as e:
            raise BadFile(f"{self.path}: cannot be read to its end: {e}") from None

    def _read(self, skip: int) -> Iterator[tuple[int, bytes | Rejected]]:
        stream = self._disk
        if self._packed == ".gz":
            stream = self._stack.enter_context(gzip.GzipFile(fileobj=self._disk))
        elif self._packed == ".zst":
            unpacked = zstandard.ZstdDecompressor().stream_reader(
                self._disk, read_across_frames=True, closefd=False
            )
            stream = self._stack.enter_context(io.BufferedReader(unpacked))
        if self._kind == ".csv":
            return self._csv(stream, skip)
        if self._kind == ".parquet":
            return self._parquet(stream, skip)
        return numbered_lines(stream)

    def _csv(self, stream: BinaryIO, skip: int) -> Iterator[tuple[int, bytes | Rejected]]:
        csv.field_size_limit(RECORD_BYTES)
        # a byte that is no UTF-8 costs its own row, not the file
        text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
        rows = csv.reader(text)
        try:
            header = next(rows, [])
        except csv.Error as error:
            raise BadFile(f"{self.path}: the header cannot be read: {error}") from None
        self._check_columns(header)
        number = 0
        while True:
            number += 1
            try:
                row = next(rows)
            except StopIteration:
                break
            except csv.Error as error:
                yield number, Rejected(number, "", f"the row cannot be read: {error}", b"")
                continue
            if number <= skip or not row:
                continue
            if len(row) != len(header):
                yield number, _refuse_row(number, row, header)
            else:
                cells = {name: cell for name, cell in zip(header, row, strict=True) if cell != ""}
                yield number, _record(number, cells, _typed)
        text.detach()

    def _parquet(self, stream: BinaryIO, skip: int) -> Iterator[tuple[int, bytes | Rejected]]:
        if self._packed:  # a footer at the end needs a file that seeks
            whole = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
            while piece := stream.read(2**20):
                whole.write(piece)
            stream = whole
        table = pyarrow.parquet.ParquetFile(stream)
        self._check_columns(table.schema_arrow.names)
        number, total = 0, max(1, table.metadata.num_rows)
        for batch in table.iter_batches(batch_size=ROWS_AT_ONCE):
            batch = _in_microseconds(batch)
            if number + batch.num_rows <= skip:
                number += batch.num_rows
                continue
            for row in batch.to_pylist():
                number += 1
                cells = {name: cell for name, cell in row.items() if cell is not None}
                self._share = number / total
                yield number, _record(number, cells, _finite)

    def _check_columns(self, names: list[str]) -> None:
        if unknown := [name for name in names if name not in COLUMNS]:
            raise BadFile(
                f"{self.path}: no column is called {unknown[0]!r}; known are {', '.join(COLUMNS)}"
            )
        if missing := [name for name in REQUIRED if name not in names]:
            raise BadFile(f"{self.path}: the column {missing[0]} is missing")
        if len(set(names)) < len(names):
            raise BadFile(f"{self.path}: a column is there twice")


def _typed(name: str, cell: str) -> object:
    """A cell of text as what its column means; what is no such thing is left to be rejected."""
    if name in NUMBER_COLUMNS and NUMBER.fullmatch(cell):
        return msgspec.Raw(cell.encode())
    if name == "is_aggregate":
        return {"true": True, "1": True, "false": False, "0": False}.get(cell.lower(), cell)
    return cell


def _finite(name: str, cell: object) -> object:
    """A cell of Parquet. NaN is how pandas leaves a cell empty; infinity is left to be rejected."""
    if isinstance(cell, float) and not math.isfinite(cell):
        return None if math.isnan(cell) else str(cell)
    return cell


def _in_microseconds(batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
    """Moments as Python and PostgreSQL hold them; pandas writes nanoseconds."""
    for i, column in enumerate(batch.schema):
        if pyarrow.types.is_timestamp(column.type) and column.type.unit == "ns":
            kind = pyarrow.timestamp("us", tz=column.type.tz)
            batch = batch.set_column(i, column.name, batch.column(i).cast(kind, safe=False))
    return batch


def _record(number: int, cells: dict, typed) -> bytes | Rejected:
    record, account = {}, {}
    for name, cell in cells.items():
        if name in ACCOUNT_COLUMNS:
            account[ACCOUNT_COLUMNS[name]] = typed(name, cell)
        elif name in JSON_COLUMNS and isinstance(cell, str):
            try:
                msgspec.json.decode(cell, type=msgspec.Raw)
            except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
                body = json.dumps(cells, default=str).encode()
                return Rejected(number, name, f"is not JSON: {error}"[:500], body)
            record[name] = msgspec.Raw(cell.encode())
        else:
            record[name] = typed(name, cell)
    try:
        return msgspec.json.encode(record | {"account": account})
    except UnicodeEncodeError:
        body = json.dumps(cells, default=str).encode()
        return Rejected(number, "", "the row is not UTF-8: save the file as UTF-8", body)
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        body = json.dumps(cells, default=str).encode()
        return Rejected(number, "", f"a cell cannot be read: {error}"[:500], body)


def _refuse_row(number: int, row: list[str], header: list[str]) -> Rejected:
    reason = f"the row has {len(row)} cells, and the header {len(header)}"
    return Rejected(number, "", reason, json.dumps(row).encode())

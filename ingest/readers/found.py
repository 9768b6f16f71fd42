"""The files of a log, packed or not."""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard

from ingest.readers.errors import explain

PACKED = {".gz": gzip.open, ".zst": zstandard.open}
HEAD = 64 * 2**10  # bytes looked at to see how a file is laid out


@dataclass(frozen=True)
class Found:
    """The files of a location, in order, all of one kind."""

    location: str
    paths: list[Path]
    form: str  # parquet, json or csv
    passed_over: int  # files of other kinds in the folder
    empty: int  # files of no bytes, left out
    unfinished: frozenset[Path] = frozenset()  # JSON lines whose last line is half written

    @property
    def names(self) -> list[str]:
        return [str(path) for path in self.paths]


def open_packed(path: Path) -> BinaryIO:
    """The bytes of a file, unpacked."""
    return PACKED.get(path.suffix.lower(), open)(path, "rb")


def head(path: Path) -> bytes:
    """The first bytes of a file, unpacked. Raises LogError."""
    try:
        with open_packed(path) as file:
            return file.read(HEAD)
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise explain(error, str(path)) from None

"""A log as an operator names it: where it is, how it is read, and what may leave it."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import ibis
import ibis.expr.types as ir

from ingest.readers import LogError, Logs, read_logs

LOCATION_LENGTH = 500


@dataclass(frozen=True)
class LogSource:
    """logs is a file, a folder or a glob; with backend (an Ibis URL) a table's name. mapping is
    field → column; format and zone are read_logs'. locked: the log may not leave its warehouse.
    max_bytes: a cap on what is read, None for none."""

    logs: str
    backend: str = ""
    mapping: dict[str, str] = field(default_factory=dict)
    format: str | None = None
    zone: str | None = None
    locked: bool = False
    max_bytes: int | None = None

    @property
    def location(self) -> str:
        """What the desk calls this log: the same for the same log read in the same way. A URL may
        hold a password, so that only its scheme is kept."""
        if self.backend:
            name = f"{self.backend.split(':', 1)[0]}:{self.logs}"
        else:
            name = str(Path(self.logs).absolute())
        read_as = [f"{f}={c}" for f, c in sorted(self.mapping.items())]
        read_as += [f"{k} {v}" for k, v in (("format", self.format), ("zone", self.zone)) if v]
        if read_as:
            name += f" with {', '.join(read_as)}"
        if len(name) > LOCATION_LENGTH:
            name = f"{name[:430]}… {hashlib.sha256(name.encode()).hexdigest()[:32]}"
        return name

    def read(self) -> Logs:
        """Raises LogError."""
        return read_logs(
            self.logs,
            backend=self.backend,
            mapping=self.mapping,
            format=self.format,
            zone=self.zone,
        )


def as_mapping(given: list[str]) -> dict[str, str]:
    """FIELD=COLUMN of the command line or a setting. Raises LogError."""
    mapping = {}
    for item in given:
        name, sign, column = item.partition("=")
        if not (name and sign and column):
            raise LogError(
                f"--map {item}: write it as FIELD=COLUMN, such as --map payment=card_hash"
            )
        mapping[name.strip()] = column.strip()
    return mapping


def within(requests: ir.Table, since: datetime | None, until: datetime | None) -> ir.Table:
    """The requests from since (included) to until (left out)."""
    if since:
        requests = requests.filter(requests["at"] >= ibis.timestamp(since.replace(tzinfo=None)))
    if until:
        requests = requests.filter(requests["at"] < ibis.timestamp(until.replace(tzinfo=None)))
    return requests

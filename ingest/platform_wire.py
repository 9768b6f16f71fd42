"""What a platform says of accounts, as it travels: JSON lines, a JSON array, or CSV rows."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ingest.rawjson import elements, repeated_key, too_deep
from ingest.reasons import explain, plain
from ingest.wire import EARLIEST, NDJSON, RECORD_BYTES, TRAVELS, Moment, Rejected, numbered_lines

PLATFORM = "platform"  # the machine of this name tells states, and sends no signals
RECORDS = 50_000
FIELDS = ("account", "key", "end_user", "aggregate", "state", "actor", "reason", "at")

Name = Annotated[str, Meta(min_length=1, max_length=200)]


class StateReport(msgspec.Struct, **TRAVELS):
    """The state that an account, a key or an end user of it has since a moment, and by whom."""

    account: Name
    key: Annotated[str, Meta(max_length=200)] = ""
    end_user: Annotated[str, Meta(max_length=200)] = ""
    aggregate: bool | None = None
    state: Literal["active", "verify", "limited", "suspended", "revoked"]
    actor: Annotated[str, Meta(min_length=1, max_length=120)]
    reason: Annotated[str, Meta(max_length=300)] = ""
    at: Moment

    @property
    def part(self) -> tuple[str, str]:
        """Kind and id of the key or end user; empty for the account itself."""
        if self.key:
            return "key", self.key
        return ("end_user", self.end_user) if self.end_user else ("", "")


class Told(msgspec.Struct, frozen=True, gc=False):
    """A report that holds, with its number from 1."""

    line: int
    report: StateReport


class TooMany(ValueError):
    def __init__(self):
        super().__init__(f"more than {RECORDS:,} records: send them in several parts")


_decoder = msgspec.json.Decoder(StateReport)
_encoder = msgspec.json.Encoder(order="deterministic")


def decode_states(body: bytes, content_type: str) -> Iterator[Told | Rejected]:
    """Reports one by one; a broken one does not touch the others. Raises TooMany alone."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    if content_type == NDJSON:
        records = numbered_lines(io.BytesIO(body))
    elif body.lstrip()[:1] == b"[":
        records = enumerate(elements(body, RECORDS), start=1)
    else:
        records = [(1, body)] if body.strip() else []
    for count, (line, raw) in enumerate(records):
        if count == RECORDS:
            raise TooMany
        yield _decode(raw, line)


def read_csv(file: io.TextIOBase) -> Iterator[Told | Rejected]:
    """Reports of a CSV with a header of FIELDS; account, state, actor and at must be there.

    Raises ValueError for a header that names something else.
    """
    reader = csv.DictReader(file)
    header = reader.fieldnames or []
    if unknown := [name for name in header if name not in FIELDS]:
        raise ValueError(f"{plain(str(unknown[0]), 40)!r} is no column: use {', '.join(FIELDS)}")
    for row in reader:
        said = {name: text for name, text in row.items() if name in FIELDS and text}
        if None in row:
            yield Rejected(reader.line_num, "", "has more columns than the header", b"")
            continue
        try:
            report = msgspec.convert(said, StateReport, strict=False)
        except msgspec.MsgspecError as error:
            field, reason = explain(error, b"")
            yield Rejected(reader.line_num, plain(field, 200), plain(reason, 500), b"")
            continue
        yield _checked(report, reader.line_num, b"")


def json_schema() -> dict:
    return msgspec.json.schema(StateReport)


def _decode(raw: bytes, line: int) -> Told | Rejected:
    if len(raw) > RECORD_BYTES or (too_deep(raw, 1) is not None):
        return Rejected(line, "", "is too long or nested: send one flat object", b"")
    try:
        report = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        field, reason = explain(error, raw)
        return Rejected(line, plain(field, 200), plain(reason, 500), b"")
    if twice := repeated_key(raw, _encoder.encode(report)):
        return Rejected(line, plain(twice, 200), "is there twice: send each key once", b"")
    return _checked(report, line, raw)


def _checked(report: StateReport, line: int, raw: bytes) -> Told | Rejected:
    if fault := _fault(report):
        return Rejected(line, *fault, b"")
    return Told(line, report)


def _fault(report: StateReport) -> tuple[str, str] | None:
    if report.key and report.end_user:
        return "end_user", "stands beside a key: a record is about one of them"
    if report.state == "revoked" and not report.key:
        return "state", "only a key is revoked: name it in key"
    if report.state == "verify" and report.key:
        return "state", "a key proves nothing: verify is for accounts and end users"
    if report.actor.startswith("O-"):
        return "actor", "O- is how our own orders are named: say who did it"
    for name in ("account", "key", "end_user", "actor", "reason"):
        if "\0" in getattr(report, name):
            return name, "holds a null byte, which cannot be kept: remove it"
    if not EARLIEST <= report.at <= datetime.now(UTC) + timedelta(hours=1):
        side = "before 2015" if report.at < EARLIEST else "in the future"
        return "at", f"{report.at.isoformat()} is {side}: check the clock and the unit"
    return None

"""The signal as it travels. The only place that knows the format."""

import hashlib
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, BinaryIO, Literal

import msgspec
from msgspec import Meta

from ingest.rawjson import elements, repeated_key, too_deep, walk
from ingest.reasons import explain, plain

Kind = Literal[
    "ip", "ip_prefix", "asn", "payment", "email_domain", "registration", "device",
    "user_agent", "template", "harness", "partner_token",
]  # fmt: skip
Moment = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Tokens = Annotated[int, Meta(ge=0, le=2**53)]

# gc=False: records come by the hundred thousand and never point back at each other.
TRAVELS = {"forbid_unknown_fields": True, "omit_defaults": True, "kw_only": True, "gc": False}


class AccountRef(msgspec.Struct, **TRAVELS):
    """The account that a signal is about, as the platform names it."""

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    organisation: Annotated[str, Meta(max_length=200)] = ""
    plan: Annotated[str, Meta(max_length=60)] = ""
    created_at: Moment | None = None
    is_aggregate: bool = False


class Prevalence(msgspec.Struct, **TRAVELS):
    """How many accounts of the whole population, flagged or not, carry a value."""

    accounts: Annotated[int, Meta(ge=1, le=2**31 - 1)]  # the one observed is among them
    population: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    organisations: Count | None = None


class SharedAttribute(msgspec.Struct, **TRAVELS):
    """A value that the account carried and others may share."""

    kind: Kind
    value: Annotated[str, Meta(min_length=1, max_length=500)]
    label: Annotated[str, Meta(max_length=500)] = ""
    first_at: Moment | None = None
    last_at: Moment | None = None
    count: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 1
    prevalence: Prevalence | None = None


class ActivityHour(msgspec.Struct, **TRAVELS):
    """An hour of the account on one model. What is left out was not recorded; it is not 0."""

    hour: Moment
    model: Annotated[str, Meta(max_length=80)] = ""
    requests: Count
    input_tokens: Tokens | None = None
    cached_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    reasoning_tokens: Tokens | None = None
    refusals: Count | None = None
    templates: Count | None = None
    extraction_requests: Count | None = None


class Sample(msgspec.Struct, **TRAVELS):
    """A prompt, as evidence. Written by a stranger."""

    text: Annotated[str, Meta(max_length=4000)]
    at: Moment | None = None
    model: Annotated[str, Meta(max_length=80)] = ""


class Observation(msgspec.Struct, **TRAVELS):
    """One detector's observation about one account over a window: what becomes a Signal."""

    ref: Annotated[str, Meta(min_length=1, max_length=200)]
    account: AccountRef
    window_start: Moment
    window_end: Moment
    score: Annotated[float, Meta(ge=0, le=1)]
    summary: Annotated[str, Meta(min_length=1, max_length=500)]
    p_value: Annotated[float, Meta(ge=0, le=1)] | None = None
    accounts_tested: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    base_rate: Annotated[float, Meta(ge=0, le=1)] | None = None  # of those tested, the share told
    group_key: Annotated[str, Meta(max_length=200)] = ""
    detector_version: Annotated[str, Meta(max_length=40)] = ""
    attributes: Annotated[list[SharedAttribute], Meta(max_length=200)] = []
    activity: Annotated[list[ActivityHour], Meta(max_length=2000)] = []
    samples: Annotated[list[Sample], Meta(max_length=20)] = []
    evidence: dict = {}


# What the structs cannot say: how large, how deep, how old.
RECORD_BYTES = 256 * 1024
EVIDENCE_BYTES = 16 * 1024
EVIDENCE_DEPTH = 20
RECORDS_PER_DELIVERY = 100_000
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
LONGEST_WINDOW = timedelta(days=400)

JSON, NDJSON = "application/json", "application/x-ndjson"

_decoder = msgspec.json.Decoder(Observation)
_encoder = msgspec.json.Encoder(order="deterministic")


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """A record that holds. digest is the SHA-256 of its canonical form, the same for a retry."""

    line: int
    observation: Observation
    digest: str
    body: bytes


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """A record that does not hold: its number from 1, the dotted path of a field, and why."""

    line: int
    field: str
    reason: str
    body: bytes


class DeliveryTooLarge(ValueError):
    """More records than one delivery may hold."""

    def __init__(self):
        super().__init__(f"more than {RECORDS_PER_DELIVERY:,} records: send them in several parts")


def decode_delivery(body: bytes, content_type: str) -> Iterator[Accepted | Rejected]:
    """The records of a delivery, one by one; a broken one does not touch the others.

    body is one JSON object, a JSON array, or lines of JSON; content_type is JSON or NDJSON.
    Raises DeliveryTooLarge, and nothing else whatever the bytes.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    if content_type == NDJSON:
        records = numbered_lines(io.BytesIO(body))
    elif body.lstrip()[:1] == b"[":
        records = enumerate(elements(body, RECORDS_PER_DELIVERY), start=1)
    else:
        records = [(1, body)] if body.strip() else []
    for count, (line, raw) in enumerate(records):
        if count == RECORDS_PER_DELIVERY:
            raise DeliveryTooLarge
        yield decode_record(raw, line)


def decode_record(raw: bytes, line: int) -> Accepted | Rejected:
    """One JSON object. Never raises."""
    if len(raw) > RECORD_BYTES:
        reason = f"the record exceeds {RECORD_BYTES // 1024} KiB: send fewer hours or samples"
        return Rejected(line, "", reason, raw)
    if (field := too_deep(raw, EVIDENCE_DEPTH + 1)) is not None:
        reason = f"nested deeper than {EVIDENCE_DEPTH} levels: flatten it"
        return Rejected(line, plain(field, 200), reason, raw)
    try:
        observation = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        field, reason = explain(error, raw)
        return Rejected(line, plain(field, 200), plain(reason, 500), raw)
    canonical = _encoder.encode(observation)
    if twice := repeated_key(raw, canonical):
        return Rejected(line, plain(twice, 200), "is there twice: send each key once", raw)
    if fault := _fault(observation, canonical):
        return Rejected(line, plain(fault[0], 200), plain(fault[1], 500), raw)
    return Accepted(line, observation, hashlib.sha256(canonical).hexdigest(), raw)


def check(observation: Observation, line: int) -> Accepted | Rejected:
    """Hold an observation that was made in Python to the same rules as one that travelled."""
    try:
        raw = _encoder.encode(observation)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        return Rejected(line, "", plain(f"cannot be written as JSON: {error}", 500), b"")
    return decode_record(raw, line)


def numbered_lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank with their numbers from 1. A line too long to be a record is cut."""
    number = 0
    while line := file.readline(RECORD_BYTES + 2):
        number += 1
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(RECORD_BYTES)
        line = line.rstrip(b"\r\n")
        if line and not line.isspace():
            yield number, line


def json_schema() -> dict:
    """JSON Schema of one record. Dates, sizes and depth are bound further: docs/detectors.md."""
    schema = msgspec.json.schema(Observation)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


def _fault(o: Observation, canonical: bytes) -> tuple[str, str] | None:
    """What the structs let through and the tables would not keep: the field and the reason."""
    if b"\\u0000" in canonical:
        for path, value in walk(msgspec.to_builtins(o)):
            if isinstance(value, str) and "\0" in value:
                return path, "holds a null byte, which cannot be kept: remove it"
    latest = datetime.now(UTC) + timedelta(days=1)
    if not _timely(o, latest):
        for path, moment in _moments(o):
            if moment is not None and not EARLIEST <= moment <= latest:
                side = "before 2015" if moment < EARLIEST else "in the future"
                return path, f"{moment.isoformat()} is {side}: check the clock and the unit"
    if o.window_end < o.window_start:
        return "window_end", "is before window_start"
    if o.window_end - o.window_start > LONGEST_WINDOW:
        return "window_end", f"the window is longer than {LONGEST_WINDOW.days} days: send several"
    for i, attribute in enumerate(o.attributes):
        known = attribute.prevalence
        if known and max(known.accounts, known.organisations or 0) > known.population:
            return f"attributes[{i}].prevalence", "counts more than the population has"
        if attribute.first_at and attribute.last_at and attribute.last_at < attribute.first_at:
            return f"attributes[{i}].last_at", "is before first_at"
    for i, hour in enumerate(o.activity):
        moment = hour.hour.astimezone(UTC)
        if moment.minute or moment.second or moment.microsecond:
            return f"activity[{i}].hour", "must be a whole hour (UTC), such as 2026-11-24T09:00:00Z"
    if o.evidence:
        if len(canonical) > EVIDENCE_BYTES and len(_encoder.encode(o.evidence)) > EVIDENCE_BYTES:
            return "evidence", f"is larger than {EVIDENCE_BYTES // 1024} KiB: send what is read"
        if path := _too_large(o.evidence):
            return path, "the number is too large to be kept: send it as a string"
    return None


def _timely(o: Observation, latest: datetime) -> bool:
    """Whether every moment lies between EARLIEST and latest."""
    moments = [o.window_start, o.window_end]
    if o.account.created_at:
        moments.append(o.account.created_at)
    for attribute in o.attributes:
        if attribute.first_at:
            moments.append(attribute.first_at)
        if attribute.last_at:
            moments.append(attribute.last_at)
    moments += [hour.hour for hour in o.activity]
    moments += [sample.at for sample in o.samples if sample.at]
    return min(moments) >= EARLIEST and max(moments) <= latest


def _moments(o: Observation) -> Iterator[tuple[str, datetime | None]]:
    """Every moment of a record with its path."""
    yield "window_start", o.window_start
    yield "window_end", o.window_end
    yield "account.created_at", o.account.created_at
    for i, attribute in enumerate(o.attributes):
        yield f"attributes[{i}].first_at", attribute.first_at
        yield f"attributes[{i}].last_at", attribute.last_at
    for i, hour in enumerate(o.activity):
        yield f"activity[{i}].hour", hour.hour
    for i, sample in enumerate(o.samples):
        yield f"samples[{i}].at", sample.at


def _too_large(evidence: dict) -> str | None:
    """The path of a whole number beyond 64 bits, or None."""
    for key, value in evidence.items():
        kind = type(value)
        if kind is dict or kind is list or kind is int:
            for path, number in walk(value, f"evidence.{key}"):
                if isinstance(number, int) and not -(2**63) <= number < 2**63:
                    return path
    return None

"""The census as it travels: one counting of the whole population, taken whole or not at all."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from ingest.rawjson import repeated_key, too_deep, walk
from ingest.reasons import explain, plain
from ingest.wire import EARLIEST, TRAVELS, AccountRef, Count, Kind, Moment

CENSUS_TAKER = "census"  # the machine of this name counts, and sends no signals
DEPTH = 4  # the report, its list, a use, its account

Value = Annotated[str, Meta(min_length=1, max_length=500)]
Positive = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class CountedAttribute(msgspec.Struct, **TRAVELS):
    """How many accounts and organisations of the population carry a value."""

    kind: Kind
    value: Value
    label: Annotated[str, Meta(max_length=500)] = ""
    accounts: Positive
    organisations: Count | None = None


class CountedUse(msgspec.Struct, **TRAVELS):
    """An account, flagged or not, that carries a value which few share."""

    account: AccountRef
    kind: Kind
    value: Value
    first_at: Moment | None = None
    last_at: Moment | None = None
    count: Positive = 1


class CensusReport(msgspec.Struct, **TRAVELS):
    """One counting of the whole population, flagged or not."""

    as_of: Moment
    window_start: Moment
    window_end: Moment
    accounts: Positive
    organisations: Count
    attributes: list[CountedAttribute]
    uses: list[CountedUse] = []
    source: Annotated[str, Meta(max_length=200)] = ""


class BadCensus(ValueError):
    """The report does not hold: the dotted path of a field, and why."""

    def __init__(self, field: str, reason: str):
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field, self.reason = plain(field, 200), plain(reason, 500)


_decoder = msgspec.json.Decoder(CensusReport)
_encoder = msgspec.json.Encoder(order="deterministic")


def decode_census(body: bytes) -> CensusReport:
    """The report in a body of JSON. Raises BadCensus, and nothing else whatever the bytes."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    if (field := too_deep(body, DEPTH)) is not None:
        raise BadCensus(field, f"nested deeper than {DEPTH} levels")
    try:
        report = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadCensus(*explain(error, body)) from None
    canonical = _encoder.encode(report)
    if twice := repeated_key(body, canonical):
        raise BadCensus(twice, "is there twice: send each key once")
    if b"\\u0000" in canonical:
        for path, value in walk(msgspec.to_builtins(report)):
            if isinstance(value, str) and "\0" in value:
                raise BadCensus(path, "holds a null byte, which cannot be kept: remove it")
    _check_moments(report)
    for i, attribute in enumerate(report.attributes):
        if max(attribute.accounts, attribute.organisations or 0) > report.accounts:
            raise BadCensus(f"attributes[{i}]", "counts more than the population has")
    return report


def json_schema() -> dict:
    """JSON Schema of a report."""
    return msgspec.json.schema(CensusReport)


def _check_moments(report: CensusReport) -> None:
    latest = datetime.now(UTC) + timedelta(days=1)
    for path, moment in _moments(report):
        if moment is not None and not EARLIEST <= moment <= latest:
            side = "before 2015" if moment < EARLIEST else "in the future"
            raise BadCensus(path, f"{moment.isoformat()} is {side}: check the clock and the unit")
    if report.window_end < report.window_start:
        raise BadCensus("window_end", "is before window_start")


def _moments(report: CensusReport):
    yield "as_of", report.as_of
    yield "window_start", report.window_start
    yield "window_end", report.window_end
    for i, use in enumerate(report.uses):
        yield f"uses[{i}].first_at", use.first_at
        yield f"uses[{i}].last_at", use.last_at
        yield f"uses[{i}].account.created_at", use.account.created_at

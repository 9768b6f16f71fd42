"""Whether one object is STIX 2.1, and if not, why. Pure: bytes in, an object or a reason out."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from stix2validator import ValidationOptions, validate_instance

from ingest.rawjson import too_deep
from ingest.reasons import plain

OBJECT_BYTES = 256 * 1024
DEPTH = 30
PATTERN_CHARACTERS = 64 * 1024  # the grammar's time grows with it
REASON = 1000
ID = re.compile(
    r"([a-z][a-z0-9-]{1,98}[a-z0-9])--"
    r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)
MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)

MUST = ValidationOptions(version="2.1")
STRICT = ValidationOptions(version="2.1", strict=True)


class NotStix(ValueError):
    """The reason, naming the property."""


@dataclass(frozen=True)
class Checked:
    stix_id: str
    type: str
    version: datetime | None  # None: it has none (an observable), receipt decides
    parsed: dict
    raw: bytes  # as it came


def check_object(raw: bytes, *, strict: bool = False) -> Checked:
    """Raises NotStix. strict: what STIX says one should do, besides what one must."""
    told = read_head(raw)
    kept = STRICT if strict else MUST
    try:
        result = validate_instance(told.parsed, kept)
    except Exception as error:  # the validator trips over some broken shapes instead of telling
        raise NotStix(f"cannot be checked: {plain(type(error).__name__, 60)}") from None
    if not result.is_valid:
        raise NotStix(plain("; ".join(str(one) for one in result.errors), REASON))
    return told


def read_head(raw: bytes) -> Checked:
    """What can be told without the whole standard: JSON, size, depth, id, type and version."""
    if len(raw) > OBJECT_BYTES:
        raise NotStix(f"has more than {OBJECT_BYTES // 1024} KiB: send less in one object")
    if (path := too_deep(raw, DEPTH)) is not None:
        raise NotStix(f"{plain(path, 200)}: nests deeper than {DEPTH} levels")
    try:
        one = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotStix(f"is not JSON: {plain(str(error), 200)}") from None
    if not isinstance(one, dict):
        raise NotStix("must be an object")
    kind, stix_id = one.get("type"), one.get("id")
    if not isinstance(kind, str) or not kind:
        raise NotStix("type: is missing, or no text")
    if kind == "bundle":
        raise NotStix("type: a bundle is not an object of a collection: send what it holds")
    found = ID.fullmatch(stix_id) if isinstance(stix_id, str) else None
    if not found or found[1] != kind:
        raise NotStix(f"id: must be {plain(kind, 60)}-- and a UUID")
    spec = one.get("spec_version", "2.1" if "created" not in one else None)
    if spec != "2.1":
        raise NotStix(
            "spec_version: must be 2.1"
            + ("" if spec else " (STIX 2.0 has none: have it converted first)")
        )
    if isinstance(one.get("pattern"), str) and len(one["pattern"]) > PATTERN_CHARACTERS:
        raise NotStix(f"pattern: has more than {PATTERN_CHARACTERS:,} characters: split it")
    version = None
    for name in ("created", "modified"):
        if name in one:
            version = moment(one[name])
            if version is None:
                raise NotStix(f"{name}: must be a moment such as 2026-11-24T09:00:00.000Z")
    return Checked(stix_id, kind, version, one, raw)


def moment(text) -> datetime | None:
    """An RFC 3339 moment in UTC as STIX writes it, to the microsecond; None: it is none."""
    found = MOMENT.fullmatch(text) if isinstance(text, str) else None
    if not found:
        return None
    *parts, fraction = found.groups()
    try:
        return datetime(*map(int, parts), int((fraction or "0").ljust(6, "0")[:6]), tzinfo=UTC)
    except ValueError:
        return None


def written(at: datetime) -> str:
    """A moment with six digits, as TAXII wants its own."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

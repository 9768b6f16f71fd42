"""Why a record was refused, in words that tell its author what to do."""

import re

import msgspec

from ingest.rawjson import path_at

AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
NAMED = re.compile(r"^Object (missing required|contains unknown) field `(.*)`$", re.DOTALL)
BOUND = re.compile(r"^Expected `(\w+)` (?:of length )?(<=|>=|<|>) ([\d.e+-]+)$")
TYPES = re.compile(r"^Expected `(.+)`, got `(.+)`$")
LONE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])")
BYTE = re.compile(r"\(byte (\d+)\)$")

MOMENT = "write a date and time such as 2026-11-24T09:42:00Z"
WORDS = {
    "Invalid RFC3339 encoded datetime": f"is not a date and time: {MOMENT}",
    "Expected `datetime` with a timezone component": "has no time zone: end it with Z for UTC",
    "Number out of range": "the number is too large to be kept: send it as a string",
    "Integer value out of range": "the number is too large to be kept: send it as a string",
}
TYPE_NAMES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "datetime": "a date and time",
    "object": "an object",
    "array": "an array",
    "null": "null",
}
UNITS = {"str": " characters", "array": " entries"}


def explain(error: Exception, raw: bytes) -> tuple[str, str]:
    """The field (a dotted path, empty for the whole record) and the reason."""
    if isinstance(error, msgspec.ValidationError):
        return _invalid(str(error))
    if isinstance(error, UnicodeDecodeError):
        try:
            raw.decode()
        except UnicodeDecodeError as whole:
            field = path_at(raw, whole.start)
            return field, f"byte {whole.start} is not UTF-8: send the record as UTF-8"
    return _broken(str(error), raw)


def plain(text: str, longest: int) -> str:
    """Text that a database, a log and a terminal can take: what cannot be printed is marked."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:longest])


def _invalid(text: str) -> tuple[str, str]:
    what, path = AT.match(text).group("what", "path")
    path = path or ""
    if named := NAMED.match(what):
        path = f"{path}.{named[2]}" if path else named[2]
        if named[1] == "missing required":
            return path, "is missing, and every record needs it"
        return path, "is no field of a record: leave it out, or put it into evidence"
    if what in WORDS:
        return path, WORDS[what]
    if what.startswith("Invalid enum value"):
        return path, f"{what[len('Invalid enum value ') :]} is not known: see the schema for those"
    if bound := BOUND.match(what):
        kind, sign, limit = bound.groups()
        return path, _bound(kind, sign, limit.removesuffix(".0"))
    if types := TYPES.match(what):
        wanted, got = (
            " or ".join(TYPE_NAMES.get(name.strip(), name.strip()) for name in names.split("|"))
            for names in types.groups()
        )
        return path, f"must be {wanted}, and is {got}"
    return path, what


def _bound(kind: str, sign: str, limit: str) -> str:
    unit = UNITS.get(kind, "")
    if unit and sign == ">=":
        return "is empty: give it a value, or leave it out where it is optional"
    if unit:
        return f"holds more than {limit}{unit}: send less"
    return f"must be at {'least' if '>' in sign else 'most'} {limit}"


def _broken(text: str, raw: bytes) -> tuple[str, str]:
    place = int(found[1]) if (found := BYTE.search(text)) else len(raw)
    if "surrogate" in text or ("truncated" in text and LONE.search(raw)):
        if found := LONE.search(raw):
            place = found.start()
        return path_at(raw, place), "holds half a surrogate pair: send whole characters"
    if "truncated" in text:
        return "", "the JSON ends too early: send one complete object"
    field = path_at(raw, place)
    if raw[place : place + 3] in {b"NaN", b"Inf"}:
        return field, "NaN and Infinity are not JSON: send a number, or leave it out"
    if "trailing characters" in text:
        return "", (
            f"more follows after the JSON object (byte {place}): several records are an array, "
            "or lines sent as application/x-ndjson"
        )
    if b"\0" <= raw[place : place + 1] < b" ":
        return field, f"broken JSON at byte {place}: control characters must be escaped"
    return field, f"broken JSON at byte {place}: {text.split(' (byte')[0].split(': ')[-1]}"

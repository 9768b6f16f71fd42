"""JSON text before it is trusted: cut, measured and searched without recursion.

Every function takes time that grows with the length of the text and no faster, whatever it holds.
"""

import json
import re
from collections.abc import Iterator

import msgspec

# A string always matches once it has begun, closed or not: nothing is ever scanned twice.
TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+["\\]?|[\[\]{},]', re.DOTALL)
SPACES = b" \t\r\n"


def elements(body: bytes, at_most: int) -> Iterator[bytes]:
    """The elements of an array, each as it was written; broken ones too, as well as they can be
    told apart. An array that is not closed ends with one empty element.

    at_most elements are wanted: far more are not held in memory at once.
    """
    if body.count(b",") < 40 * at_most:
        try:
            yield from map(bytes, msgspec.json.decode(body, type=list[msgspec.Raw]))
            return
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    depth, start = 0, 0
    for token in TOKEN.finditer(body):
        mark = token[0]
        if mark in b"[{":
            depth += 1
            if depth == 1:
                start = token.end()
        elif mark in b"]}":
            depth -= 1
        if (depth == 1 and mark == b",") or depth == 0:
            element = body[start : token.start()].strip()
            if element or mark == b",":
                yield element
            start = token.end()
            if depth == 0:
                break
    if rest := body[start:].strip():
        yield rest
    if depth == 1:
        yield b""


def too_deep(raw: bytes, limit: int) -> str | None:
    """The path of the first place that nests deeper than the limit, or None."""
    if raw.count(b"{") + raw.count(b"[") <= limit:
        return None
    depth = 0
    for token in TOKEN.finditer(raw):
        mark = token[0]
        if mark in b"[{":
            depth += 1
            if depth > limit:
                return path_at(raw, token.start())
        elif mark in b"]}":
            depth -= 1
    return None


def path_at(raw: bytes, place: int) -> str:
    """The dotted path of the value at a byte of JSON that may be broken, such as a[3].b."""
    steps: list[str | int | None] = []  # per open bracket: index, key, or no key yet
    for token in TOKEN.finditer(raw, 0, place):
        mark = token[0]
        if mark == b"{":
            steps.append(None)
        elif mark == b"[":
            steps.append(0)
        elif mark in b"]}":
            del steps[-1:]
        elif not steps:
            continue
        elif mark == b",":
            steps[-1] = steps[-1] + 1 if isinstance(steps[-1], int) else None
        elif steps[-1] is None:
            steps[-1] = mark.strip(b'"').decode(errors="replace")
    path = "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps if step is not None
    )
    return path.removeprefix(".")


def repeated_key(raw: bytes, canonical: bytes) -> str | None:
    """The path of a key that an object has twice, or None.

    canonical is the same record with each key once and no pair that raw lacks: where both have as
    many pairs, none came twice, and nothing needs to be parsed.
    """
    pairs = canonical.translate(None, SPACES).count(b'":')
    if raw.translate(None, SPACES).count(b'":') == pairs and b"\\u00" not in raw:
        return None
    tree = json.loads(raw.decode(), object_pairs_hook=_once, parse_int=str, parse_float=str)
    return next((path for path, value in walk(tree) if isinstance(value, _Twice)), None)


def walk(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every key and every value that holds no others, with its path; a key under its own path."""
    if isinstance(value, dict):
        for key, below in value.items():
            inner = f"{path}.{key}" if path else key
            yield inner, key
            yield from walk(below, inner)
    elif isinstance(value, list):
        for i, below in enumerate(value):
            yield from walk(below, f"{path}[{i}]")
    elif isinstance(value, _Twice):
        yield (f"{path}.{value.key}" if path else value.key), value
    else:
        yield path, value


class _Twice:
    """Stands for an object that has this key twice."""

    def __init__(self, key: str):
        self.key = key


def _once(pairs: list[tuple[str, object]]) -> dict | _Twice:
    found = {}
    for key, value in pairs:
        if key in found:
            return _Twice(key)
        found[key] = value
    return found

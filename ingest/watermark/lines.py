"""A suspect's outputs as JSON lines: decoded and checked in one place.

A line is {"text": …} or {"tokens": [ids]}, with "prompt" (text) or "prompt_tokens" where known; a
line of marked text may name its "key". Further fields are left unread.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .tokenizers import LARGEST_ID

LINE_BYTES = 1 << 20
FIELDS = ("text", "prompt", "key")


@dataclass(frozen=True, slots=True)
class Line:
    """One output. Either text or tokens; prompt and prompt_tokens None: not known."""

    number: int
    text: str | None
    tokens: list[int] | None
    prompt: str | None
    prompt_tokens: list[int] | None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    number: int
    reason: str


def read_lines(raw: Iterable[bytes]) -> Iterator[Line | BadLine]:
    """Each line that is not blank, counted from 1; what cannot be used says why."""
    for number, line in enumerate(raw, start=1):
        if line.strip():
            try:
                yield _read(number, line)
            except ValueError as error:
                yield BadLine(number, str(error))


def _read(number: int, raw: bytes) -> Line:
    if len(raw) > LINE_BYTES:
        raise ValueError("longer than 1 MiB: split it")
    try:
        record = json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except (ValueError, RecursionError):
        raise ValueError("not JSON: one object a line") from None
    if not isinstance(record, dict):
        raise ValueError("not an object: write {\"text\": …}")  # fmt: skip
    found = {name: _text(record, name) for name in FIELDS}
    tokens, prompt_tokens = _ids(record, "tokens"), _ids(record, "prompt_tokens")
    if (found["text"] is None) == (tokens is None):
        raise ValueError("text or tokens: give one of them")
    if found["text"] is not None and not found["text"].strip():
        raise ValueError("text: empty")
    return Line(number, found["text"], tokens, found["prompt"], prompt_tokens, found["key"])


def _text(record: dict, name: str) -> str | None:
    value = record.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{name}: not a string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name}: half of a surrogate pair, which is no character") from None
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _ids(record: dict, name: str) -> list[int] | None:
    value = record.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(
        type(i) is int and 0 <= i <= LARGEST_ID for i in value
    ):
        raise ValueError(f"{name}: not a list of whole numbers from 0 to {LARGEST_ID}")
    if not value:
        raise ValueError(f"{name}: empty")
    return value


def _is_id(value) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_ID


def read_prompts(raw: Iterable[bytes]) -> Iterator[Line | BadLine]:
    """Prompts to be sent, one a line: {"prompt": …}, or the bare text where it is no object."""
    for number, line in enumerate(raw, start=1):
        if not line.strip():
            continue
        try:
            yield Line(number, None, None, _prompt(number, line), None)
        except ValueError as error:
            yield BadLine(number, str(error))


def _prompt(number: int, raw: bytes) -> str:
    if len(raw) > LINE_BYTES:
        raise ValueError("longer than 1 MiB: split it")
    try:
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    if not text.startswith("{"):
        return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("begins with { and is not JSON") from None
    prompt = _text(record, "prompt")
    if not (prompt or "").strip():
        raise ValueError("prompt: missing or empty")
    return prompt

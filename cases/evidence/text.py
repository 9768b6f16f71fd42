"""Strangers' text on its way into a document: shown, never obeyed, never dropped."""

import re
import unicodedata
from collections.abc import Callable

# What the report's built-in PDF fonts have a glyph for; a PDF/A with a missing glyph is refused.
_IN_FONT = (
    set(map(chr, range(0x20, 0x7F)))
    | (set(map(chr, range(0xA1, 0x180))) - {"\xad", "\u0149"})
    | set(map(chr, range(0x391, 0x3CA)))
    | set(map(chr, range(0x410, 0x450)))
    | set("ЁёЄєІіЇї–—‘’“”…†•‹›€→←≥≤≠≈−")
) - {"\u03a2"}
_FORMULA = re.compile(r"[=+\-@\t\r\x00]")


def visible(text: str) -> str:
    """Control, format, private and unassigned characters as ‹U+202E›, so that none can act."""
    return "".join(
        char if unicodedata.category(char)[0] != "C" or char == "\n" else _name(char)
        for char in text
    )


def printable(text: str) -> str:
    """visible(), and what the PDF's fonts lack as ‹U+4E2D› too; line ends become spaces."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", " ").replace("\n", " "))
    return "".join(char if char in _IN_FONT else _name(char) for char in text)


def csv_cell(value) -> str:
    """A cell that no spreadsheet runs: text that begins like a formula gets a leading quote."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value.replace("\x00", _name("\x00"))
        return f"'{text}" if _FORMULA.match(value) else text
    return str(value)


def every_text(value, change: Callable[[str], str], *, but: frozenset = frozenset()):
    """The same structure with each string changed, but for the named keys."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {k: v if k in but else every_text(v, change, but=but) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [every_text(one, change, but=but) for one in value]
    return value


def _name(char: str) -> str:
    return f"‹U+{ord(char):04X}›"

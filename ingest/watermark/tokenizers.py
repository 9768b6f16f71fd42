"""Tokenizers by name: a key is tested with the tokens that it marked.

"words-v1" is bundled and needs no file. "file:NAME" is NAME.json of Hugging Face's `tokenizers` in
the folder that the setting WATERMARK_TOKENIZERS names; the package is an optional extra.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

DEFAULT = "words-v1"
LARGEST_ID = 2**31 - 1
NAME = re.compile(r"file:[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
WORD = re.compile(r"\w+|[^\w\s]")

Tokenize = Callable[[str], list[int]]


class UnknownTokenizer(ValueError):
    """The name is not known here; the message says what to do."""


def tokenizer(name: str, folder: Path | None) -> Tokenize:
    """The tokenizer of that name. Raises UnknownTokenizer."""
    if name == DEFAULT:
        return words
    if not NAME.fullmatch(name):
        raise UnknownTokenizer(f"tokenizer {name!r} is not known: use {DEFAULT} or file:NAME")
    if folder is None:
        raise UnknownTokenizer(f"{name} needs WATERMARK_TOKENIZERS, the folder of its file")
    path = folder / f"{name.removeprefix('file:')}.json"
    if not path.is_file():
        raise UnknownTokenizer(f"{name}: there is no {path.name} in WATERMARK_TOKENIZERS")
    return _from_file(path, path.stat().st_mtime_ns)


def words(text: str) -> list[int]:
    """Runs of letters and digits, and single other signs, each by 31 bits of its SHA-256 (NFC)."""
    return [_id(word) for word in WORD.findall(unicodedata.normalize("NFC", text))]


@lru_cache(maxsize=1 << 16)
def _id(word: str) -> int:
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") & LARGEST_ID


@lru_cache(maxsize=8)
def _from_file(path: Path, changed: int) -> Tokenize:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise UnknownTokenizer(
            f"{path.name} needs the package tokenizers: pip install tokenizers"
        ) from None
    try:
        loaded = Tokenizer.from_file(str(path))
    except Exception as error:  # the package raises bare Exception
        raise UnknownTokenizer(f"{path.name} is no tokenizer file: {error}") from None
    return lambda text: loaded.encode(text, add_special_tokens=False).ids

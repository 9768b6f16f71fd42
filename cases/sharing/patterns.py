"""Values that a STIX pattern compares with, as far as we can hold them against what we see. Pure.

Only comparisons for equality are read; what a pattern negates, orders or matches by expression says
of no single value that it was seen.
"""

import re

HEX = re.compile(r"[0-9a-f]{64}")
PATHS = {
    "user-account:user_id": "account",
    "x-payment-method:token": "payment",
    "artifact:hashes.'SHA-256'": "template_hash",
    "file:hashes.'SHA-256'": "template_hash",
    "ipv4-addr:value": "ip",
    "ipv6-addr:value": "ip",
}
COMPARED = re.compile(
    r"(?P<path>"
    + "|".join(re.escape(path) for path in PATHS)
    + r")\s*(?:=\s*(?P<one>'(?:[^'\\]|\\.)*+')|IN\s*\((?P<many>[^()]*+)\))"
)
QUOTED = re.compile(r"'((?:[^'\\]|\\.)*+)'")
NEGATED = re.compile(r"(?<![\w'])NOT(?![\w'])|!=|<>")
VALUES = 5_000  # of one pattern


def told_by(pattern: str) -> list[tuple[str, str]]:
    """(kind, value) pairs, each once, in order. kind account and payment: a token, or a raw id."""
    if NEGATED.search(QUOTED.sub("''", pattern)):
        return []
    found: dict[tuple[str, str], None] = {}
    for hit in COMPARED.finditer(pattern):
        kind = PATHS[hit["path"]]
        for text in QUOTED.findall(hit["one"] or hit["many"]):
            value = re.sub(r"\\(.)", r"\1", text)
            if kind == "template_hash" and not HEX.fullmatch(value):
                continue
            if len(value) <= 500 and "\0" not in value:
                found[kind, value] = None
        if len(found) >= VALUES:
            break
    return list(found)[:VALUES]

"""An e-mail, a table or a MISP event as observables, with what was left out and why."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .observable import MOST, Observable, TipError, armless, guess, observable

LONGEST_TEXT = 1_000_000  # characters
PROBLEMS = 50
WORD = (4, 200)  # characters of a word that may be an account's id
TRIM = "\"'`<>()[]{}.,;:!?*|"


@dataclass
class Read:
    """What was found. words: bare words of prose, one of which may be an account's id."""

    observables: list[Observable]
    words: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    title: str = ""
    origin: str = ""
    tlp: str = ""


def read_tip(form: str, text: str) -> Read:
    """form: text, csv or misp. Raises TipError when nothing of it can be read."""
    if len(text) > LONGEST_TEXT:
        raise TipError(f"The tip is longer than {LONGEST_TEXT:,} characters: send it in parts.")
    if "\0" in text:
        raise TipError("The tip holds NUL characters: it is no text.")
    return {"text": read_prose, "csv": read_table, "misp": read_misp}[form](text)


def read_prose(text: str) -> Read:
    """An e-mail or a note: addresses, networks, hashes, AS numbers, mail domains, words."""
    found: dict[Observable, None] = {}
    words: dict[str, None] = {}
    for raw in armless(text).split():
        word = raw.strip(TRIM)
        one = guess(word)
        if one:
            found[one] = None
        elif WORD[0] <= len(word) <= WORD[1]:
            words[word] = None
    return Read(_few(found), words=list(words)[:MOST])


def read_table(text: str) -> Read:
    """A CSV: with the columns kind and value, or a single column of values without a head."""
    try:
        dialect = csv.Sniffer().sniff(text[:4096], delimiters=",;\t")
    except csv.Error:
        dialect = csv.excel
    try:
        rows = [row for row in csv.reader(io.StringIO(text), dialect) if any(map(str.strip, row))]
    except csv.Error as error:
        raise TipError(f"The table cannot be read: {error}") from None
    if not rows:
        raise TipError("The table is empty.")
    head = [cell.strip().lower().lstrip("\ufeff") for cell in rows[0]]
    problems: list[str] = []
    found: dict[Observable, None] = {}
    words: dict[str, None] = {}
    if "value" in head and "kind" in head:
        kind, value = head.index("kind"), head.index("value")
        for line, row in enumerate(rows[1:], start=2):
            try:
                if len(row) <= max(kind, value):
                    raise TipError("a column is missing")
                found[observable(row[kind], row[value])] = None
            except TipError as error:
                problems.append(f"line {line}: {error}")
    elif any(len(row) > 1 for row in rows):
        raise TipError("The first line must name the columns kind and value; others are skipped.")
    else:
        for row in rows:
            word = row[0].strip()
            one = guess(word)
            if one:
                found[one] = None
            elif len(word) <= WORD[1]:
                words[word] = None
    return Read(_few(found), words=list(words)[:MOST], problems=_short(problems))


# type of a MISP attribute -> kind here
MISP_TYPES = {
    "ip-src": "ip", "ip-dst": "ip", "AS": "asn", "sha256": "template_hash",
    "email": "email_domain", "email-src": "email_domain", "email-dst": "email_domain",
    "target-email": "email_domain", "user-agent": "user_agent", "cc-number": "payment",
}  # fmt: skip
# object and relation of a MISP object -> kind here
MISP_RELATIONS = {
    ("user-account", "user-id"): "account",
    ("user-account", "username"): "account",
    ("credential", "username"): "account",
    ("ai-chat-prompt", "prompt"): "template",
}


def read_misp(text: str) -> Read:
    """One MISP event as MISP exports it: {"Event": …}, or in a list or "response"."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TipError(f"This is no JSON: {error}") from None
    event = _event(told)
    found: dict[Observable, None] = {}
    problems: list[str] = []
    for where, kind, attribute in _misp_attributes(event):
        value = attribute.get("value")
        if kind is None or not isinstance(value, str):
            problems.append(f"{where}: nothing of this kind is looked up here")
            continue
        try:
            one = observable(kind, value)
        except TipError as error:
            # a network may stand where an address is meant
            one = guess(value) if kind == "ip" else None
            if one is None:
                problems.append(f"{where}: {error}")
                continue
        found[one] = None
    maker = event.get("Orgc")
    labels = [
        tag["name"].lower()
        for tag in _dicts(event.get("Tag"))
        if isinstance(tag.get("name"), str) and tag["name"].lower().startswith("tlp:")
    ]
    return Read(
        _few(found),
        problems=_short(problems),
        title=str(event.get("info") or "")[:200],
        origin=str(maker.get("name") or "")[:120] if isinstance(maker, dict) else "",
        tlp=labels[0].removeprefix("tlp:") if labels else "",
    )


def _event(told) -> dict:
    events = told
    if isinstance(told, dict):
        events = told.get("response", [told])
    if isinstance(events, dict):
        events = [events]
    events = [one.get("Event", one) for one in _dicts(events)]
    events = [one for one in events if isinstance(one, dict) and "info" in one]
    if not events:
        raise TipError('No MISP event: {"Event": {"info": …, "Attribute": […]}} is expected.')
    if len(events) > 1:
        raise TipError(f"{len(events)} events at once: enter each as a tip of its own.")
    return events[0]


def _misp_attributes(event: dict) -> Iterator[tuple[str, str | None, dict]]:
    for place, one in enumerate(_dicts(event.get("Attribute"))):
        yield (
            f"Attribute[{place}] {one.get('type')}"[:80],
            MISP_TYPES.get(str(one.get("type"))),
            one,
        )
    for outer, thing in enumerate(_dicts(event.get("Object"))):
        for inner, one in enumerate(_dicts(thing.get("Attribute"))):
            relation = (str(thing.get("name")), str(one.get("object_relation")))
            kind = MISP_RELATIONS.get(relation) or MISP_TYPES.get(str(one.get("type")))
            yield f"Object[{outer}].Attribute[{inner}] {'.'.join(relation)}"[:80], kind, one


def _dicts(value) -> list[dict]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _few(found: Iterable[Observable]) -> list[Observable]:
    found = sorted(found)
    if len(found) > MOST:
        raise TipError(f"{len(found):,} values: at most {MOST:,} in one tip, send it in parts.")
    return found


def _short(problems: list[str]) -> list[str]:
    more = len(problems) - PROBLEMS
    return problems[:PROBLEMS] + ([f"and {more:,} more"] if more > 0 else [])

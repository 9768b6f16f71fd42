"""A prompt's skeleton: what stays of it when numbers, quotations, links and long ids are masked."""

import ibis
import ibis.expr.types as ir

EACH_END = 2000  # characters of a long prompt that are looked at, from each end
LONG, SHORT = 80, 32  # characters of an edge
SHORTEST = 16  # a shorter prompt ("continue", "thank you") frames nothing
EDGES = ("opening_80", "opening_32", "closing_80", "closing_32")

# in this order; plain character classes only, so that every warehouse's engine reads them alike
MASKS = (
    (r"https?://[^\s\"'<>)]+", "⟨link⟩"),
    (r"\"[^\"]+\"|“[^”]+”|`[^`]+`", "⟨text⟩"),
    (r"[0-9a-z_-]*[0-9][0-9a-z_-]{15,}", "⟨id⟩"),
    (r"[0-9]+([.,:/][0-9]+)*", "⟨n⟩"),
    (r"\s\s+|[\n\r\t]", " "),  # a single blank is left alone: that is most of them, and costly
)


def skeleton(prompt: ir.StringColumn) -> ir.StringColumn:
    """The masked prompt in lower case with single blanks. Null where there is no prompt."""
    cut = prompt.left(EACH_END).concat(" … ").concat(prompt.right(EACH_END))
    text = (prompt.length() > 2 * EACH_END).ifelse(cut, prompt).lower()
    for pattern, sign in MASKS:
        text = text.re_replace(pattern, sign)
    return text.strip()


def edges(text: ir.StringColumn) -> dict[str, ir.StringColumn]:
    """The first and last 80 and 32 characters of a skeleton, each null where it is too short.

    A template is fixed words around a slot, and whatever fills the slot, one of these stays.
    Characters and not words: not every script puts blanks between words.
    """
    length = text.length()
    none = ibis.null("string")
    return {
        "opening_80": (length >= LONG).ifelse(text.left(LONG), none),
        "opening_32": (length >= SHORTEST).ifelse(text.left(SHORT), none),
        "closing_80": (length >= LONG).ifelse(text.right(LONG), none),
        "closing_32": (length >= SHORTEST).ifelse(text.right(SHORT), none),
    }


def wording(text: ir.StringColumn) -> ir.IntegerColumn:
    """How many characters of an edge are words: masks, digits and punctuation don't count."""
    bare = text.re_replace(r"⟨[a-z]*⟩?|^[a-z]*⟩", "")
    return bare.re_replace(r"[\s0-9!-/:-@\[-`{-~]+", "").length()

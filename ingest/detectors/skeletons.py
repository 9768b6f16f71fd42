"""A prompt's skeleton: what stays of it when numbers, quotations, links and long ids are masked."""

import ibis
import ibis.expr.types as ir

from ingest.readers.values import stripped

EACH_END = 2000  # characters of a long prompt that are looked at, from each end
LONG, SHORT = 80, 32  # characters of an edge
SHORTEST = 16  # a shorter prompt ("continue", "thank you") frames nothing
NO_WORD = r"\s0-9!-/:-@\[-`{-~"  # blanks, digits and punctuation
EDGES = ("opening_80", "opening_32", "closing_80", "closing_32")

# in this order; plain character classes only, so that every warehouse's engine reads them alike
# (pattern, sign, what a text must have for the pattern to be in it: signs, or a pattern). To look
# for a sign is cheap, to replace is not, and most prompts lack most of these.
MASKS = (
    (r"https?://[^\s\"'<>)]+", "⟨link⟩", ("://",)),
    (r"\"[^\"]+\"|“[^”]+”|`[^`]+`", "⟨text⟩", ('"', "“", "`")),
    (r"[0-9a-z_-]*[0-9][0-9a-z_-]{15,}", "⟨id⟩", r"[0-9][0-9a-z_-]{15}"),
    (r"[0-9]+([.,:/][0-9]+)*", "⟨n⟩", ()),
    # a single blank is left alone: that is most of them, and costly
    (r"\s\s+|[\n\r\t]", " ", ("  ", "\n", "\r", "\t", "\f")),
)


def with_skeleton(prompts: ir.Table) -> ir.Table:
    """prompts with text beside prompt: masked, in lower case, with single blanks. Null where there
    is no prompt."""
    prompt = prompts.prompt
    cut = prompt.left(EACH_END).concat(" … ").concat(prompt.right(EACH_END))
    whole = (prompt.length() > 2 * EACH_END).ifelse(cut, prompt).lower()
    # step by step: in one expression each step would be written, and worked out, several times
    t = prompts.mutate(text=whole)
    for pattern, sign, needs in MASKS:
        masked = t.text.re_replace(pattern, sign)
        if isinstance(needs, str):
            masked = t.text.re_search(needs).ifelse(masked, t.text)
        elif needs:
            has = ibis.or_(*(t.text.contains(need) for need in needs))
            masked = has.ifelse(masked, t.text)
        t = t.mutate(text=masked)
    return t.mutate(text=stripped(t.text))


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


def is_worded(text: ir.StringColumn, least: int) -> ir.BooleanColumn:
    """wording(text) >= least, counted only where a mask is: elsewhere one look at the beginning
    tells."""
    plain = ~(text.contains("⟨") | text.contains("⟩"))
    enough = text.re_search(f"^([{NO_WORD}]*[^{NO_WORD}]){{{least}}}")
    return plain.ifelse(enough, wording(text) >= least)


def wording(text: ir.StringColumn) -> ir.IntegerColumn:
    """How many characters of an edge are words: masks, digits and punctuation don't count."""
    bare = text.re_replace(r"⟨[a-z]*⟩?|^[a-z]*⟩", "")
    return bare.re_replace(f"[{NO_WORD}]+", "").length()

"""What is masked and counted by shortcuts is what the long way gives, on texts made to differ."""

import random

import ibis
import ibis.expr.types as ir
import pandas as pd
import pytest

from ingest.detectors.skeletons import MASKS, is_worded, with_skeleton, wording
from ingest.readers.values import stripped

BLANKS = " \t\n\r\f"  # what \s is to every warehouse
SIGNS = (
    " ", "\t", "\n", "\r", "\v", "\f", "a", "Ünïcode", "word", "of the tide", "7", "3.5", "12:30",
    "x" * 15, "9" * 17, "-", "_", "⟨", "⟩", "⟨text⟩", "⟨n", '"', "“", "”", "`", "http://a.example/1",
    "https://", "://", "漢字", "…", "\u00a0", "!?",
)  # fmt: skip


@pytest.fixture(scope="module")
def texts() -> ir.Table:
    draw = random.Random(4)
    made = ["".join(draw.choices(SIGNS, k=draw.randrange(1, 30))) for _ in range(4000)]
    # letters before the end of a mask that was cut are no words, and stray ends are
    made += [f"{'t' * n}⟩ twelve words{'!' * n}" for n in range(8)]
    made += ["", "   ", "\n", "x" * 5000 + " 12 " + "y" * 300]
    return ibis.memtable(pd.DataFrame({"prompt": [*made, None]}))


def test_a_skeleton_is_every_mask_in_turn(texts):
    prompt = texts.prompt
    cut = prompt.left(2000).concat(" … ").concat(prompt.right(2000))
    long = (prompt.length() > 4000).ifelse(cut, prompt).lower().name("long")
    kept = texts.mutate(long=long).execute()
    plain = ibis.memtable(kept[["prompt", "long"]])
    masked = plain.long
    for pattern, sign, _ in MASKS:
        masked = masked.re_replace(pattern, sign)
    both = with_skeleton(plain).mutate(plainly=masked).execute()
    assert list(both.text.dropna()) == [text.strip(BLANKS) for text in both.plainly.dropna()]
    assert both.text.isna().sum() == 1


def test_blanks_go_from_both_ends_and_from_nowhere_else(texts):
    both = texts.select(ours=stripped(texts.prompt), whole=texts.prompt).execute()
    assert list(both.ours.dropna()) == [text.strip(BLANKS) for text in both.whole.dropna()]
    assert (texts.prompt != stripped(texts.prompt)).sum().execute() > 500


def test_an_edge_is_worded_when_it_has_so_many_letters(texts):
    both = texts.select(
        ours=is_worded(texts.prompt, 14), theirs=wording(texts.prompt) >= 14
    ).drop_null()
    both = both.execute()
    assert list(both.ours) == list(both.theirs)
    assert 500 < both.ours.sum() < len(both) - 500

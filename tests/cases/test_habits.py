"""Parts of a cut component are one population when most of each write the same texts."""

from itertools import chain

import numpy as np
import pytest

from cases.grouping import Facts
from cases.grouping.habits import rejoin
from cases.grouping.witnesses import witnesses
from tests.cases.test_grouping import Story, cases_of

BLOCK = 14


def blocks(story, texts, *, others=0, seller=0):
    """Accounts of one operator in three blocks of exits, a network each, and one account that has
    exits of the next block as well. texts: of each block a list, by number; those with one number
    are one. others: outsiders who write each text; seller: outsiders on each exit."""
    parts = [story.people(BLOCK, flagged=BLOCK) for _ in texts]
    exits = []
    for part in parts:
        net = story.value("ip_prefix", BLOCK + seller)
        exits.append([story.share(part, "ip", others=seller, place=net) for _ in range(4)])
        story.uses += [(account, net, 0, 86_400) for account in part]
    for part, following in zip(parts, exits[1:], strict=False):
        story.uses += [(part[0], value, 0, 86_400) for value in following]
    for number in sorted(set(chain(*texts))):
        writers = [
            a for part, mine in zip(parts, texts, strict=True) if number in mine for a in part
        ]
        story.share(writers, "template", others=others)
    return parts


def test_an_operator_who_rents_exits_by_blocks_is_one_case():
    story = Story()
    parts = blocks(story, [[1, 2], [1, 2], [1, 2]])
    (case,) = cases_of(story.group())
    assert case == set(chain(*parts))


def rejoined(texts, **more):
    story = Story()
    parts = blocks(story, texts, **more)
    facts = story.facts()
    places = [np.searchsorted(facts.account, part) for part in parts]
    return [len(part) // BLOCK for part in rejoin(facts, witnesses(facts), places)]


@pytest.mark.parametrize(
    "texts, one",
    [
        ([[1], [1], [1]], [3]),
        ([[1], [2], [1]], [2, 1]),
        ([[1], [2], [3]], [1, 1, 1]),
        ([[1, 2], [1, 3], [3, 4]], [1, 1, 1]),  # one of three is no sameness
        ([[1, 2], [1, 2, 3], [4]], [2, 1]),
    ],
)
def test_parts_are_one_when_half_of_their_habits_are_the_same(texts, one):
    assert rejoined(texts) == one


@pytest.mark.parametrize("others, one", [(3 * BLOCK, [3]), (3 * BLOCK + 1, [1, 1, 1])])
def test_the_text_of_a_product_that_mostly_others_use_joins_nobody(others, one):
    assert rejoined([[1], [1], [1]], others=others) == one


def test_a_text_that_less_than_half_of_a_part_writes_is_no_habit_of_it():
    story = Story()
    one, two = story.people(10, flagged=10), story.people(10, flagged=10)
    story.share(one + two[:4], "template")
    facts = story.facts()
    places = [np.searchsorted(facts.account, part) for part in (one, two)]
    assert len(rejoin(facts, witnesses(facts), places)) == 2


def test_parts_without_any_text_stay_as_they_are():
    facts = Facts.from_rows([(pk, "", False) for pk in range(1, 7)], [], [], [])
    parts = [np.array([0, 1, 2]), np.array([3, 4, 5])]
    assert [part.tolist() for part in rejoin(facts, witnesses(facts), parts)] == [
        [0, 1, 2], [3, 4, 5],
    ]  # fmt: skip

"""Parts that a case offers to split off: behind a bridge, or loose above a rarity."""

import random

from cases.subclusters import parts_of


def clique(accounts, value, bits=12.0):
    return [(account, value, bits) for account in accounts]


def test_a_part_that_one_value_holds_is_offered_with_its_bridge():
    links = clique(range(10), 100) + clique(range(10), 101) + clique(range(20, 24), 102)
    links += [(0, 103, 9.0), (1, 103, 9.0), (20, 103, 9.0)]
    (part,) = parts_of(links)[:1]
    assert part.accounts == (20, 21, 22, 23)
    assert part.bridge == 103
    assert part.inside == ((102, 4),)


def test_parts_that_only_common_values_tie_come_loose_at_a_threshold():
    links = clique(range(12), 100, 14.0) + clique(range(20, 26), 101, 13.0)
    links += clique([*range(12), *range(20, 26)], 102, 4.0)
    links += clique([*range(12), *range(20, 26)], 103, 5.0)
    (part,) = parts_of(links)
    assert (part.accounts, part.bridge, part.threshold) == ((20, 21, 22, 23, 24, 25), None, 5.0)


def test_one_dense_case_offers_nothing():
    assert parts_of([(a, v, 10.0 + v % 3) for a in range(30) for v in range(100, 106)]) == []
    assert parts_of([]) == []
    assert parts_of(clique(range(5), 100)) == []


def test_two_accounts_are_no_part():
    links = clique(range(10), 100) + clique(range(10), 101) + clique([20, 21], 102)
    links += [(0, 103, 9.0), (20, 103, 9.0)]
    assert parts_of(links) == []


def test_the_order_of_rows_does_not_matter_and_the_key_names_the_accounts():
    links = clique(range(10), 100) + clique(range(20, 24), 102) + [(0, 103, 9.0), (20, 103, 9.0)]
    first = parts_of(links)
    random.Random(1).shuffle(links)
    assert parts_of(links) == first
    assert len({part.key for part in first}) == len(first)

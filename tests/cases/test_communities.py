"""Who already shares a place, a card or a mail domain is compared with those who share it."""

import numpy as np
import pytest

from cases.grouping import Facts
from cases.grouping.communities import at_home, communities
from cases.grouping.witnesses import witnesses

N = 10_000


def town(*, members=10, domain=40, listed=None, writers=0):
    """Members 1 … with a mail domain (attribute 1) that so many carry in all, of whom so many are
    listed; writers of those others carry a template (attribute 2), as every member does."""
    others = domain - members if listed is None else listed
    everybody = members + others
    rows = [(pk, f"org-{pk}", False) for pk in range(1, everybody + 1)]
    uses = [(pk, 1, 0, 10) for pk in range(1, everybody + 1)]
    uses += [(pk, 2, 0, 10) for pk in range(1, members + writers + 1)]
    attributes = [(1, "email_domain", domain, N), (2, "template", members + writers + 5, N)]
    facts = Facts.from_rows(rows, attributes, uses, [])
    seen = witnesses(facts)
    return facts, seen, np.arange(members)


def homes(*, members=10, **more):
    facts, seen, who = town(members=members, **more)
    return seen, communities(facts, seen, who, np.array([0]))


@pytest.mark.parametrize(
    "members, domain, lives",
    [(10, 40, True), (10, 20, True), (10, 19, False), (10, 10, False)],
)
def test_a_value_is_a_community_when_half_its_carriers_are_others(members, domain, lives):
    assert bool(homes(members=members, domain=domain)[1]) is lives


def test_a_value_that_few_members_carry_is_no_community():
    facts, seen, _ = town()
    strangers = np.arange(36, 40)
    assert communities(facts, seen, strangers, np.array([0])), "all four carry it"
    assert not communities(facts, seen, strangers, np.array([1])), "none writes the template"


def test_a_margin_counts_the_others_who_carry_a_value():
    seen, (home,) = homes(writers=7)
    inside, carriers = at_home(seen, home, np.array([1]), home.party, 12)
    assert (len(inside), carriers) == (10, 17)


def test_others_whom_the_census_did_not_list_are_taken_for_carriers_as_far_as_there_are_any():
    seen, (home,) = homes(listed=5, writers=2)
    _, carriers = at_home(seen, home, np.array([1]), home.party, 12)
    assert carriers == 10 + 2 + 10
    _, carriers = at_home(seen, home, np.array([1]), home.party, 500)
    assert carriers == 10 + 2 + 25

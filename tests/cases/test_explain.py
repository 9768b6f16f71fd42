"""Terms and chains as pure functions: the formula's own sums, and no tie that is none."""

import random

import numpy as np
import pytest

from cases.grouping import group
from cases.grouping.chain import shortest_chain
from cases.grouping.explain import explain_member
from cases.grouping.membership import Rows, Scorer
from cases.grouping.witnesses import witnesses
from tests.cases.test_grouping import PRIOR, Story, campaign

RARE = 1e-6  # a prior at which one value decides


@pytest.fixture(scope="module")
def told():
    """(facts, its cluster, the ids of those who vote)."""
    story = Story()
    who = campaign(story, size=30, harness=True)
    story.share(who[:9], "email_domain", others=40)
    story.share(who[:12], "asn", others=300)
    story.uses += [(who[0], pk, 40 * 86_400, 41 * 86_400) for pk in [story.value("ip", 6)]]
    facts = story.facts(random.Random(3))
    (cluster,) = group(facts, prior=PRIOR).clusters
    voters = [m.account for m in cluster.members if m.probability >= 0.5 and not m.aggregate]
    return facts, cluster, voters


def at(facts, account):
    return int(np.searchsorted(facts.account, account))


def test_families_and_prior_add_up_to_the_member_s_bits(told):
    facts, cluster, voters = told
    for member in cluster.members:
        now = explain_member(facts, prior=PRIOR, account=member.account, voters=voters)
        assert now.probability == pytest.approx(member.probability, abs=1e-12)
        assert now.bits == pytest.approx(member.bits, abs=1e-9)


def test_withdrawing_a_value_is_what_the_scorer_says_when_nobody_carries_it(told):
    """Against the other way round: the vote without that value, as questions are asked."""
    facts, _, voters = told
    seen = witnesses(facts)
    inside = np.searchsorted(facts.account, sorted(voters))
    decided = 0
    for account in voters[:10]:
        now = explain_member(facts, prior=RARE, account=account, voters=voters)
        for term in now.terms:
            gone = np.flatnonzero(seen.attribute == at_value(facts, term.attribute))
            scores = Scorer(facts, seen, prior=RARE).score(
                Rows.single(inside), without=gone, newcomers=False
            )
            row = scores.account == at(facts, account)
            expected = 1 / (1 + 2.0 ** -scores.total[row][0])
            assert term.without.probability == pytest.approx(expected, abs=1e-12)
            assert term.without.tied == scores.tied[row][0]
            decided += expected < now.probability - 0.001
    assert decided > 5


def at_value(facts, attribute):
    return int(np.searchsorted(facts.attribute, attribute))


def test_a_family_withdrawn_leaves_its_room_to_what_said_the_same():
    """A template and the likeness of all prompts share one cap: without the one the other fills."""
    story = Story()
    who = campaign(story, size=24)
    story.signals += [(pk, "behaviour", 1e-7, "alike") for pk in who]
    facts = story.facts()
    (cluster,) = group(facts, prior=PRIOR).clusters
    voters = [m.account for m in cluster.members]
    now = explain_member(facts, prior=PRIOR, account=who[3], voters=voters)
    template = next(f for f in now.families if f.family == "template")
    others = sum(f.bits for f in now.families if f.family not in ("template", "behaviour"))
    without = np.log2(template.without.probability / (1 - template.without.probability))
    assert without == pytest.approx(now.prior_bits + others + 6.0, abs=1e-6)


def test_an_account_tied_by_one_kind_alone_is_said_to_leave():
    story = Story()
    who = story.people(12, flagged=12)
    story.share(who, "template", others=1)
    story.share(who, "payment", others=1)
    facts = story.facts()
    now = explain_member(facts, prior=PRIOR, account=who[0], voters=who)
    assert now.probability > 0.9
    assert all(term.without.leaves and not term.without.tied for term in now.terms)
    tying = [family for family in now.families if family.raw > family.alone]
    assert len(tying) == 2
    assert all(family.without.leaves and not family.without.tied for family in tying)


def test_its_own_organisation_has_no_vote_and_a_stranger_to_the_facts_is_refused():
    story = Story()
    team = story.people(5, team="one", flagged=5)
    story.share(team, "payment", others=1)
    now = explain_member(story.facts(), prior=PRIOR, account=team[0], voters=team)
    assert (now.voters, now.terms) == (0, ())
    with pytest.raises(KeyError):
        explain_member(story.facts(), prior=PRIOR, account=999, voters=team)


def chain(links, start, end, parties=None, members=None):
    """links: (account, value, bits); every account a party of its own unless told."""
    rng = random.Random(start * 100 + end)
    links = rng.sample(links, len(links))
    members = sorted(members or {a for a, _, _ in links})
    party = [(parties or {}).get(pk, -pk) for pk in members]
    account, attribute, bits = (np.array(column) for column in zip(*links, strict=True))
    return shortest_chain(
        account, attribute, bits.astype(float),
        members=np.array(members), party=np.array(party), start=start, end=end,
    )  # fmt: skip


STRONG, WEAK = 14.0, 4.0


def test_a_strong_chain_of_two_goes_before_one_weak_tie():
    links = [(1, 70, WEAK), (3, 70, WEAK), (1, 71, STRONG), (2, 71, STRONG), (2, 72, STRONG),
             (3, 72, STRONG)]  # fmt: skip
    assert [(s.start, s.end, s.attribute) for s in chain(links, 1, 3)] == [(1, 2, 71), (2, 3, 72)]
    weaker = [(a, v, 5.0 if b == STRONG else b) for a, v, b in links]
    assert [(s.attribute, s.bits) for s in chain(weaker, 1, 3)] == [(70, WEAK)]


def test_no_chain_is_said_and_an_account_reaches_itself_in_no_step():
    links = [(1, 70, 9.0), (2, 70, 9.0), (3, 71, 9.0), (4, 71, 9.0)]
    assert chain(links, 1, 4) is None
    assert chain(links, 1, 1) == []
    assert chain(links, 1, 99) is None


def test_what_one_organisation_shares_with_itself_is_no_tie():
    links = [(1, 70, STRONG), (2, 70, STRONG), (2, 71, STRONG), (3, 71, STRONG)]
    steps = chain(links, 1, 3, parties={1: 5, 2: 5})
    assert [(s.start, s.end, s.attribute) for s in steps] == [(1, 2, None), (2, 3, 71)]


def test_who_is_no_member_carries_no_chain():
    links = [(1, 70, 9.0), (2, 70, 9.0), (2, 71, 9.0), (3, 71, 9.0)]
    assert len(chain(links, 1, 3)) == 2
    assert chain(links, 1, 3, members=[1, 3]) is None


def test_a_chain_is_the_same_whatever_the_order_and_as_long_as_a_plain_search_finds():
    rng = random.Random(11)
    links = sorted({(rng.randrange(60), 100 + rng.randrange(50), 8.0) for _ in range(110)})
    links = [(a, v, 8.0) for a, v, _ in links]
    fellows = {}
    for a, v, _ in links:
        fellows.setdefault(v, set()).add(a)
    for start, end in [(links[0][0], links[-1][0]), (links[3][0], links[40][0])]:
        seen, edge, steps = {start}, {start}, 0
        while end not in seen and edge:
            edge = {b for group in fellows.values() if group & edge for b in group} - seen
            seen |= edge
            steps += 1
        found = chain(links, start, end)
        assert (len(found) if found is not None else None) == (steps if end in seen else None)
        assert chain(links[::-1], start, end) == found

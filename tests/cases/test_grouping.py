"""Grouping as a pure function: what may tie, what may not, and that rows have no order."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.grouping import Facts, Previous, group
from cases.grouping.rarity import log_odds
from tests.bench.worlds import world

PRIOR = 1 / 3000
N = 20_000


class Story:
    """A small table of facts, told in a few lines."""

    def __init__(self):
        self.accounts, self.attributes, self.uses, self.signals = [], [], [], []
        self.places, self.labels = {}, {}

    def people(self, count, *, team="", flagged=0, aggregate=False, family="template"):
        new = []
        for i in range(count):
            pk = len(self.accounts) + 1
            self.accounts.append((pk, team or f"org-{pk}", aggregate))
            if i < flagged:
                self.signals.append((pk, family, 1e-4, ""))
            new.append(pk)
        return new

    def value(self, kind, carriers, place=None):
        pk = len(self.attributes) + 1
        self.attributes.append((pk, kind, carriers, None if carriers is None else N))
        if place:
            self.places[pk] = place
        return pk

    def share(self, accounts, kind, *, others=0, first=0, last=86_400, place=None, known=True):
        """These accounts carry one value; so do others outside the table."""
        carriers = len({self.accounts[a - 1][1] for a in accounts}) + others if known else None
        pk = self.value(kind, carriers, place)
        self.uses += [(a, pk, first, last) for a in accounts]
        return pk

    def facts(self, rng=None):
        rows = [list(self.accounts), list(self.attributes), list(self.uses), list(self.signals)]
        if rng:
            for part in rows:
                rng.shuffle(part)
        return Facts.from_rows(*rows, self.places)

    def group(self, **more):
        return group(self.facts(), prior=PRIOR, **more)


def deal(rng, who, values, hands):
    """For each value the accounts that use it: everybody has one value of each round."""
    for turn in range(values):
        if turn % hands == 0:
            cards = rng.sample(who, len(who))
        yield sorted(cards[turn % hands :: hands])


def campaign(story, size=24, *, exits=6, cards=8, templates=1, flagged=None, harness=False):
    """Accounts of one operator: a template, exits that rotate, cards shared by a few."""
    who = story.people(size, flagged=size if flagged is None else flagged)
    for _ in range(templates):
        story.share(who, "template", others=2)
    rng = random.Random(size)
    for users in deal(rng, who, exits, 3):
        net = story.value("ip_prefix", len(users) + 2)
        story.share(users, "ip", others=1, place=net)
        story.uses += [(a, net, 0, 86_400) for a in users]
    for payers in deal(rng, who, cards, 4):
        story.share(payers, "payment")
    if harness:
        story.share(who, "harness", others=3)
    return who


def cases_of(answer):
    return [{member.account for member in cluster.members} for cluster in answer.clusters]


def test_a_campaign_becomes_one_case_with_a_core():
    story = Story()
    who = campaign(story)
    story.people(40)
    (cluster,) = story.group().clusters
    assert {member.account for member in cluster.members} == set(who)
    assert {member.tier for member in cluster.members} == {"core"}


def test_the_bits_of_a_member_add_up_to_its_log_odds():
    story = Story()
    campaign(story)
    for member in story.group().clusters[0].members:
        assert member.evidence[0].family == "prior"
        assert member.bits == pytest.approx(log_odds(member.probability), abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(12, 30), st.booleans())
def test_the_answer_does_not_depend_on_the_order_of_rows(seed, size, harness):
    story = Story()
    campaign(story, size, harness=harness)
    campaign(story, 15, exits=4)
    students = story.people(30, flagged=20)
    story.share(students, "ip")
    story.share(students, "template")
    straight = story.group()
    shuffled = group(story.facts(random.Random(seed)), prior=PRIOR)
    assert shuffled == straight
    assert straight.clusters


@settings(max_examples=15, deadline=None)
@given(st.integers(3, 40), st.integers(1, 4))
def test_sharing_inside_one_organisation_is_worth_nothing(size, values):
    story = Story()
    team = story.people(size, team="one firm", flagged=size)
    for _ in range(values):
        for kind in ("ip", "payment", "template", "device", "harness"):
            story.share(team, kind)
    assert story.group().clusters == ()


def test_an_accounts_own_organisation_has_no_vote():
    story = Story()
    campaign(story)
    for member in story.group().clusters[0].members:
        (template,) = [e for e in member.evidence if e.family == "template"]
        assert template.shared == 23


@settings(max_examples=20, deadline=None)
@given(st.integers(5, 80), st.integers(1, 4), st.booleans(), st.integers(0, 3))
def test_one_address_never_makes_a_case(size, tasks, card, more_addresses):
    """A class behind one network address, with its homework and sometimes one card."""
    story = Story()
    students = story.people(size, flagged=size)
    campus = story.share(students, "ip_prefix")
    story.share(students, "ip", place=campus)
    for extra in range(more_addresses):
        story.share(students[extra::2], "ip", place=campus)
    for _ in range(tasks):
        story.share(students, "template")
    if card:
        story.share(students[: size // 2 + 2], "payment")
    story.share(students, "email_domain")
    assert story.group().clusters == ()


def test_flatmates_do_not_turn_a_class_into_a_case():
    story = Story()
    students = story.people(40, flagged=40)
    story.share(students, "ip", place=story.share(students, "ip_prefix"))
    for _ in range(3):
        story.share(students, "template")
    street = story.share(students, "ip_prefix")
    for i in range(0, 40, 2):
        story.share(students[i : i + 2], "ip", place=street)
    assert story.group().clusters == ()


def test_one_products_prompt_and_client_never_make_a_case():
    story = Story()
    users = story.people(60, flagged=60)
    story.share(users, "template", others=100)
    story.share(users, "harness", others=100)
    story.share(users, "user_agent", others=100)
    assert story.group().clusters == ()


def test_unknown_prevalence_ties_nobody():
    story = Story()
    who = story.people(20, flagged=20)
    story.share(who, "template", known=False)
    for i in range(6):
        story.share(who[i::2], "ip", known=False)
        story.share(who[i::3], "payment", known=False)
    assert story.group().clusters == ()


def test_uses_that_do_not_overlap_in_time_tie_nobody():
    story = Story()
    who = campaign(story, 12)
    assert len(story.group().clusters) == 1
    start = {account: place * 30 * 86_400 for place, account in enumerate(who)}
    story.uses = [(a, v, start[a], start[a] + 60) for a, v, *_ in story.uses]
    assert story.group().clusters == ()


@pytest.mark.parametrize("kind", ["ip", "template", "user_agent", "payment"])
def test_two_campaigns_joined_by_a_popular_value_stay_two(kind):
    story = Story()
    one, two = campaign(story), campaign(story)
    story.share(one + two, kind, others=1500)
    assert sorted(map(len, cases_of(story.group()))) == [24, 24]


def test_two_campaigns_joined_by_one_account_stay_two_and_the_bridge_is_shown():
    story = Story()
    one, two = campaign(story), campaign(story)
    both = one[0]
    story.uses += [(both, v, first, last) for a, v, first, last in story.uses if a == two[0]]
    answer = story.group()
    found = cases_of(answer)
    assert len(found) == 2
    assert sorted(len(case & set(one)) for case in found)[0] <= 1
    assert sorted(len(case & set(two)) for case in found)[0] <= 1
    assert any(cluster.bridges for cluster in answer.clusters)


def test_two_campaigns_that_rent_from_one_seller_stay_two():
    story = Story()
    one, two = campaign(story), campaign(story)
    for i in range(4):
        story.share(one[i::4] + two[i::4], "ip", others=12)
    found = cases_of(story.group())
    assert len(found) == 2
    assert all(case <= set(one) or case <= set(two) for case in found)


def test_two_campaigns_with_one_wording_that_a_detector_took_for_one_stay_two():
    story = Story()
    one, two = campaign(story, 30), campaign(story, 20)
    both = one + two
    story.share(both, "template", others=5)
    story.signals += [(account, "behaviour", 1e-9, "content-1") for account in both]
    for i in range(3):
        story.share(one[i::6] + two[i::6], "payment", others=4)
    found = cases_of(story.group())
    assert len(found) == 2
    assert all(case <= set(one) or case <= set(two) for case in found)


@pytest.mark.parametrize(
    "families",
    [
        {"exits": 6, "cards": 0},
        {"exits": 0, "cards": 8},
        {"exits": 6, "cards": 0, "templates": 0, "harness": True},
    ],
)
def test_an_absent_family_is_neutral(families):
    """Network + content, payment + content, network + client: each is a route of its own."""
    story = Story()
    who = campaign(story, 24, **families)
    assert cases_of(story.group()) == [set(who)]


def test_rare_text_and_rare_client_are_a_route():
    story = Story()
    who = story.people(12, flagged=12)
    story.share(who, "template")
    story.share(who, "harness")
    (cluster,) = story.group().clusters
    assert {member.tier for member in cluster.members} == {"possible"}


def test_content_and_timing_are_a_route_and_count_once_a_family():
    story = Story()
    who = story.people(12)
    story.signals += [(a, "timing", 1e-9, "burst") for a in who]
    story.signals += [(a, "timing", 1e-9, "burst-again") for a in who]
    story.share(who, "template")
    (cluster,) = story.group().clusters
    timing = [e for e in cluster.members[0].evidence if e.family == "timing"]
    assert len(timing) == 1
    assert timing[0].bits <= 6


def weak_ties(story, side=6, *, others=300):
    """Accounts of one operator in a square: those of a row, and those of a column, share a text of
    their own, and an exit with so many outsiders."""
    who = story.people(side * side, flagged=side * side)
    for at in range(side):
        for some in (who[at * side : (at + 1) * side], who[at::side]):
            story.share(some, "template", others=6)
            story.share(some, "ip", others=others)
    return who


def test_possible_members_keep_their_vote_so_that_weak_ties_hold_together():
    story = Story()
    weak_ties(story)
    assert story.group().refused == {"its families meet as often as chance would have it": 1}


def test_a_watermark_never_raises_a_membership():
    story = Story()
    who = campaign(story)
    before = story.group()
    story.signals += [(a, "watermark", 1e-30, "key-7") for a in who]
    assert story.group() == before


def test_unflagged_accounts_come_in_by_their_ties_as_possible_only():
    story = Story()
    who = campaign(story, flagged=12)
    (cluster,) = story.group().clusters
    assert {m.account for m in cluster.members} == set(who)
    for member in cluster.members:
        assert member.tier == ("core" if member.flagged else "possible")
        assert member.flagged or member.evidence[-1].family == "held"


def test_without_any_flag_three_families_must_tie():
    story = Story()
    campaign(story, flagged=0)
    assert len(story.group().clusters) == 1
    bare = Story()
    campaign(bare, flagged=0, cards=0)
    assert bare.group().clusters == ()


def test_an_aggregate_is_shown_but_neither_votes_nor_ties():
    story = Story()
    one, two = campaign(story), campaign(story)
    (gateway,) = story.people(1, aggregate=True, flagged=1)
    story.uses += [(gateway, v, 0, 86_400) for a, v, *_ in story.uses if a in (one[0], two[0])]
    answer = story.group()
    assert len(answer.clusters) == 2
    shown = [m for c in answer.clusters for m in c.members if m.account == gateway]
    assert shown
    assert all(m.tier == "possible" and m.aggregate for m in shown)


def test_an_analysts_out_holds_and_in_holds():
    story = Story()
    who = campaign(story)
    stranger = story.people(1)[0]
    case = Previous(7, frozenset(who), frozenset({stranger}), frozenset({who[0]}))
    (cluster,) = story.group(previous=[case]).clusters
    accounts = {member.account for member in cluster.members}
    assert cluster.case == 7
    assert who[0] not in accounts
    assert stranger in accounts


def test_a_cluster_keeps_the_case_it_overlaps_most():
    story = Story()
    one, two = campaign(story), campaign(story)
    previous = [
        Previous(3, frozenset(one[:5] + two[:9])),
        Previous(4, frozenset(one[5:])),
        Previous(5, frozenset(one[:2])),
    ]
    answer = story.group(previous=previous)
    held = {frozenset(m.account for m in c.members): c.case for c in answer.clusters}
    assert held == {frozenset(one): 4, frozenset(two): 3}
    assert answer.absorbed == {5: 0}


def test_common_values_are_shown_as_context():
    story = Story()
    who = campaign(story)
    common = story.share(who, "user_agent", others=9_000)
    (cluster,) = story.group().clusters
    assert [(hub.attribute, hub.members) for hub in cluster.hubs] == [(common, 24)]
    assert common not in {link.attribute for link in cluster.links}


def test_a_hub_adds_no_quadratic_term():
    """Stars only: as many incidences as rows, whatever the value's degree."""
    from cases.grouping.links import ties
    from cases.grouping.witnesses import witnesses

    for size in (100, 200, 400):
        story = Story()
        who = story.people(size, flagged=size)
        story.share(who, "ip")
        story.share(who, "template")
        facts = story.facts()
        found = ties(facts, witnesses(facts), prior=PRIOR, left_out=facts.aggregate)
        assert len(found.tie) == size


@pytest.mark.parametrize("seed", range(1, 7))
def test_planted_campaigns_are_found_apart_from_their_look_alikes(seed):
    """Families and densities are drawn anew for each seed."""
    planted = world(seed, 3_000)
    answer = group(planted.facts, prior=PRIOR)
    names = {name for name in planted.label.values() if name}
    found, members, innocent = set(), 0, 0
    for cluster in answer.clusters:
        labels = [planted.label[m.account] for m in cluster.members]
        inside = {name for name in labels if name and labels.count(name) >= 3}
        assert len(inside) <= 1, "a case mixes two campaigns"
        found |= inside
        members += len(labels)
        innocent += labels.count("")
    assert found == names
    assert innocent <= 0.15 * members


@pytest.mark.parametrize("seed", [13, 48, 63, 82])
def test_a_dormitory_of_a_small_population_makes_no_case(seed):
    """Among a thousand accounts a university is one in thirteen: what its students write and where
    they live looks rare, and meets because they are students."""
    planted = world(seed, 1_000, 2, provable=True)
    members = [m for c in group(planted.facts, prior=PRIOR).clusters for m in c.members]
    assert members
    assert not [m for m in members if m.account in planted.hazard and not m.aggregate]


def test_no_facts_make_no_cases():
    assert group(Facts.from_rows([], [], [], []), prior=PRIOR).clusters == ()

"""Grouping what news has touched gives what grouping everything gives, within a census epoch."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from cases.grouping import group
from tests.cases.grouping_source import Memory

PRIOR = 1 / 3000
N = 20_000
DAY = 86_400


def stream(seed: int, population: int = N):
    """A population of campaigns, look-alikes and strangers, and its rows as they come in.

    Campaigns rent from one seller, share accounts, lie in one observation or are bridged; values
    are used in episodes weeks apart. Returns (attributes, places, deliveries), a delivery being
    what one observation brings: accounts, uses, signals.
    """
    rng = random.Random(seed)
    attributes, places, uses, words, people = [], {}, {}, {}, {}

    def value(kind, carriers, place=None):
        pk = len(attributes) + 1
        attributes.append((pk, kind, carriers, population))
        if place:
            places[pk] = place
        return pk

    def account(org=""):
        pk = len(people) + 1
        people[pk] = (org or f"org-{pk}", rng.random() < 0.02)
        uses[pk], words[pk] = [], []
        return pk

    def carry(pk, attribute):
        first = rng.choice((0, 0, 0, 20, 40)) * DAY + rng.randrange(DAY)
        uses[pk].append((pk, attribute, first, first + rng.randrange(12 * DAY)))

    shared = [value(kind, rng.randint(5, 60)) for kind in ("ip",) * 5 + ("asn",)]
    popular = [value(kind, rng.randint(800, 5000)) for kind in ("template", "user_agent", "asn")]
    for number in range(rng.randint(1, 4)):
        size = rng.randint(4, 14)
        who = [account() for _ in range(size)]
        templates = [value("template", size + rng.randint(0, 5)) for _ in range(rng.randint(0, 2))]
        exits = [value("ip", rng.randint(2, 9)) for _ in range(rng.randint(1, 5))]
        cards = [value("payment", rng.randint(2, 6)) for _ in range(rng.randint(0, 4))]
        for pk in who:
            for template in templates:
                if rng.random() < 0.8:
                    carry(pk, template)
            for pool in (exits, cards):
                for attribute in rng.sample(pool, min(len(pool), rng.randint(1, 2))):
                    carry(pk, attribute)
            if rng.random() < 0.4:
                carry(pk, rng.choice(shared))
            carry(pk, rng.choice(popular))
            if rng.random() < 0.7:
                words[pk].append((pk, "template", 10 ** -rng.uniform(2, 6), ""))
            if rng.random() < 0.5:
                key = f"seen-{rng.choice((number, 0))}"
                words[pk].append((pk, "timing", 10 ** -rng.uniform(3, 9), key))
    every = sorted(people)
    for _ in range(rng.randint(0, 12)):  # strangers that touch several
        pk = account()
        for other in rng.sample(every, min(len(every), rng.randint(1, 2))):
            for _, attribute, first, last in rng.sample(uses[other], min(2, len(uses[other]))):
                uses[pk].append((pk, attribute, first, last))
        words[pk].append((pk, "volume", 0.01, ""))
    deliveries = []
    for pk in people:  # what is said of an account comes in several pieces
        rows = [("use", row) for row in uses[pk]] + [("signal", row) for row in words[pk]]
        rng.shuffle(rows)
        while rows:
            piece, rows = rows[:3], rows[3:]
            deliveries.append(
                (
                    [(pk, *people[pk])],
                    [row for kind, row in piece if kind == "use"],
                    [row for kind, row in piece if kind == "signal"] or [(pk, "volume", 0.5, "")],
                )
            )
    rng.shuffle(deliveries)
    return attributes, places, deliveries


def comparable(clusters):
    return [(c.members, c.links, c.hubs, c.organisations, c.meeting) for c in clusters]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1_000_000),
    st.lists(st.integers(1, 40), min_size=1, max_size=8),
    # among two million a value on a few ties them by itself
    st.sampled_from((N, 100 * N)),
)
def test_any_stream_in_any_batches_gives_what_a_full_run_gives(seed, sizes, population):
    attributes, places, deliveries = stream(seed, population)
    memory = Memory(prior=PRIOR, places=places)
    memory.add(attributes=attributes)
    memory.full()
    place, turn = 0, 0
    while place < len(deliveries):
        news = set()
        for accounts, uses, signals in deliveries[place : place + sizes[turn % len(sizes)]]:
            news |= memory.add(accounts, (), uses, signals)
        place, turn = place + sizes[turn % len(sizes)], turn + 1
        again = memory.again(news)
        assert comparable(again) == comparable(group(memory.facts(), prior=PRIOR).clusters)


def test_streams_make_cases_at_all():
    found = 0
    for seed in range(24):
        attributes, places, deliveries = stream(seed)
        memory = Memory(prior=PRIOR, places=places)
        memory.add(attributes=attributes)
        for accounts, uses, signals in deliveries:
            memory.add(accounts, (), uses, signals)
        found += len(memory.full().clusters)
    assert found >= 12


def again_and_full(memory, news):
    again = memory.again(news)
    assert comparable(again) == comparable(group(memory.facts(), prior=PRIOR).clusters)
    return {member.account for cluster in again for member in cluster.members}


def test_a_value_that_ties_by_itself_brings_whoever_shares_no_other():
    memory = Memory(prior=PRIOR)
    three = (1, 2, 3)
    memory.add(
        people(*three),
        [(1, "payment", 3, 100 * N)],
        [(pk, 1, 0, DAY) for pk in three],
        [(pk, "volume", 0.01, "") for pk in three[:2]],
    )
    memory.full()
    again_and_full(memory, memory.add(signals=[(3, "volume", 0.01, "")]))
    assert set(memory.core.tolist()) == set(three)


def camp_of(size):
    """(attributes, uses, signals): accounts 1 to size share two templates and three cards."""
    templates, cards = (91, 92), (93, 94, 95)
    attributes = [(pk, "template", size, N) for pk in templates]
    attributes += [(pk, "payment", size // 2, N) for pk in cards]
    uses = [
        (pk, value, 0, DAY)
        for pk in range(1, size + 1)
        for value in (*templates, cards[pk % 3], cards[(pk + 1) % 3])
    ]
    return attributes, uses, [(pk, "template", 1e-4, "") for pk in range(1, size + 1)]


def people(*accounts):
    return [(pk, f"org-{pk}", False) for pk in accounts]


def test_a_stranger_who_bridges_two_episodes_of_an_operator_is_read():
    memory = Memory(prior=PRIOR)
    camp, stranger, operator = range(1, 13), 20, 1
    attributes, uses, signals = camp_of(12)
    for pk in camp:
        uses.append((pk, operator, 20 * DAY * (pk % 2), 20 * DAY * (pk % 2) + 3 * DAY))
    uses.append((stranger, operator, 0, 25 * DAY))
    attributes.append((operator, "asn", 13, N))
    memory.add(people(*camp, stranger), attributes, uses, signals)
    assert memory.full().clusters
    assert again_and_full(memory, memory.add(signals=[(1, "volume", 1e-3, "")])) == set(camp)


def test_newcomers_who_come_to_vote_bring_whom_they_share_a_value_with():
    memory = Memory(prior=PRIOR)
    camp, newcomers, last = range(1, 13), (21, 22), 31
    attributes, uses, signals = camp_of(12)
    template, exit_, card = 1, 2, 3
    attributes += [(template, "template", 8, N), (exit_, "ip", 8, N), (card, "payment", 3, N)]
    uses += [(pk, exit_, 0, DAY) for pk in camp[6:]] + [(camp[0], template, 0, DAY)]
    uses += [(pk, value, 0, DAY) for pk in newcomers for value in (template, exit_, card)]
    uses += [(last, value, 0, DAY) for value in (template, card)]
    memory.add(
        people(*camp, *newcomers, last), attributes, uses, [*signals, (last, "volume", 0.1, "")]
    )
    memory.full()
    news = memory.add(uses=[(pk, template, 0, DAY) for pk in camp[1:5]])
    assert last in again_and_full(memory, news)


def test_whoever_moves_into_a_community_touches_what_was_compared_with_it():
    """A mail domain of 24 members, 40 others that the census listed, and 20 that it did not."""
    members, others = range(1, 25), range(30, 70)
    kinds = ["template", *["ip"] * 6, "email_domain"]
    away = [2, *[6] * 6, 60]
    attributes, uses = [], []
    for pk, (kind, more) in enumerate(zip(kinds, away, strict=True), start=1):
        who = [m for m in members if kind != "ip" or (m + pk) % 2 or m % 6 == pk % 6]
        attributes.append((pk, kind, len(who) + more, N))
        uses += [(account, pk, 0, DAY) for account in who]
    domain = len(kinds)
    uses += [(account, domain, 0, DAY) for account in others]
    memory = Memory(prior=PRIOR)
    people = [(pk, f"org-{pk}", False) for pk in [*members, *others, 90]]
    memory.add(people, attributes, uses, [(pk, "template", 1e-4, "") for pk in members])
    (case,) = memory.full().clusters
    newcomer = memory.add((), (), [(90, domain, 0, DAY)], [(90, "volume", 0.5, "")])
    (again,) = memory.again(newcomer)
    assert again.meeting.log10_p < case.meeting.log10_p, "one more is known not to be of them"
    assert comparable([again]) == comparable(group(memory.facts(), prior=PRIOR).clusters)

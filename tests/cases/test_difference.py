"""What another answer would change: pure, so that every case is a few lines."""

from cases.grouping import Cluster, Grouping, Member
from cases.grouping.difference import Stands, differences
from cases.grouping.rarity import probability, tier


def member(account, bits=9.0):
    p = float(probability(bits))
    return Member(account, p, tier(p), True, False, ())


def cluster(case, accounts, bits=9.0):
    members = tuple(a if isinstance(a, Member) else member(a, bits) for a in accounts)
    return Cluster(case, members, (), (), (), 2, None)


def stands(number, accounts, **fields):
    now = member(0)
    return Stands(number, {a: (now.tier, now.probability) for a in accounts}, **fields)


def told(clusters, cases, absorbed=None, proposed=()):
    answer = Grouping("m", tuple(clusters), absorbed or {}, {}, None)
    return {d.number: d for d in differences(answer, cases, proposed=proposed)}


def changes(difference):
    return {move.account: move.change for move in difference.moves}


def test_the_same_answer_is_no_difference():
    assert told([cluster(1, range(5))], [stands(1, range(5))]) == {}


def test_accounts_join_leave_rise_and_fall():
    rows = [member(1, 9.0), member(2, 2.0), member(9, -1.0)]
    [found] = told([cluster(1, rows)], [stands(1, [1, 2, 3])]).values()
    assert found.fate == "changes"
    assert changes(found) == {9: "joins", 3: "leaves", 2: "falls"}
    assert found.tiers == {"core": 1, "likely": 1, "possible": 1}
    weak = Stands(1, {1: ("possible", 0.5)})
    [found] = told([cluster(1, [1])], [weak]).values()
    assert changes(found) == {1: "rises"}


def test_a_probability_that_moves_within_its_tier_is_counted():
    [found] = told([cluster(1, [1, 2], bits=8.0)], [stands(1, [1, 2])]).values()
    assert (found.moves, found.shifted, found.fate) == ([], 2, "changes")


def test_a_case_opens_with_what_it_is_made_of():
    found = told([cluster(None, [1, 2, 7])], [stands(1, [1, 2])], absorbed={1: None})
    opened = found[None]
    assert (opened.fate, opened.before) == ("opens", 0)
    assert [(o.number, o.accounts, o.how) for o in opened.others] == [(1, 2, "from")]


def test_a_case_splits_where_three_go_to_one_place():
    parts = [cluster(1, [1, 2, 3]), cluster(None, [4, 5, 6])]
    found = told(parts, [stands(1, range(1, 7))])
    assert found[1].fate == "splits"
    [other] = found[1].others
    assert (other.number, other.accounts, other.how) == (None, 3, "to")
    two = told([cluster(1, [1, 2, 3]), cluster(2, [4, 5, 8])],
               [stands(1, [1, 2, 3, 4, 5]), stands(2, [8])])  # fmt: skip
    assert two[1].fate == "changes"


def test_a_case_that_nobody_touched_merges_and_one_that_somebody_did_closes():
    one = cluster(1, range(6))
    cases = [stands(1, range(3)), stands(2, range(3, 6))]
    found = told([one], cases, absorbed={2: 0})
    assert found[2].fate == "merges"
    assert [(o.number, o.how) for o in found[2].others] == [(1, "into")]
    cases[1] = stands(2, range(3, 6), worked_on=True)
    assert told([one], cases, absorbed={2: 0})[2].fate == "closes"
    cases[1] = stands(2, range(3, 6), spoken={99})
    assert told([one], cases, absorbed={2: 0})[2].fate == "closes"
    assert told([], [stands(2, [1])], absorbed={2: None})[2].fate == "closes"


def test_a_decided_case_keeps_its_members_and_says_so():
    decided = stands(1, [1, 2, 3], kept="Decided as benign")
    [found] = told([cluster(1, [1])], [decided]).values()
    assert found.fate == "holds"
    assert changes(found) == {2: "kept", 3: "kept"}
    assert found.conflicts[0].startswith("Decided as benign: 2 accounts would be tied to it no")
    assert found.tiers["core"] == 3
    [found] = told([], [decided], absorbed={1: None}).values()
    assert (found.fate, found.count("kept")) == ("holds", 3)


def test_a_case_opened_by_hand_loses_who_fits_it_no_more_but_never_all():
    by_hand = stands(1, [1, 2], untied="Opened by hand")
    [found] = told([cluster(1, [1])], [by_hand]).values()
    assert changes(found) == {2: "leaves"}
    [found] = told([], [by_hand], absorbed={1: None}).values()
    assert found.fate == "holds"


def test_who_was_left_out_before_is_no_news():
    case = stands(1, [1, 2, 3], kept="Decided as benign", aside={3})
    assert told([cluster(1, [1, 2])], [case]) == {}
    [found] = told([cluster(1, [1])], [case]).values()
    assert changes(found) == {2: "kept"}
    assert sum(found.tiers.values()) == 3


def test_a_persons_word_on_an_account_keeps_it():
    [found] = told([cluster(1, [1])], [stands(1, [1, 2, 3], spoken={2})]).values()
    assert changes(found) == {2: "kept", 3: "leaves"}
    assert "A person has spoken on 1 account" in found.conflicts[0]


def test_a_merge_that_only_a_person_may_make_is_told_on_both():
    cases = [stands(1, [1, 2]), stands(2, [3, 4])]
    found = told([cluster(1, [1, 2])], cases, proposed=[(2, 1)])
    assert {number: d.fate for number, d in found.items()} == {1: "holds", 2: "holds"}
    assert "C-1" in found[2].conflicts[0] and "C-2" in found[1].conflicts[0]


def test_an_empty_case_is_not_told_of():
    assert told([], [Stands(1, {})], absorbed={1: None}) == {}

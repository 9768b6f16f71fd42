"""What would flip a case, and the parts behind its priority: the formula's own sums."""

import pytest

from cases import scoring
from cases.factors import growth_parts, harm_parts, p_abuse_parts
from cases.flip import flips
from cases.grouping import Evidence, Facts, Member, group
from cases.grouping.explain import explain_member
from cases.grouping.rarity import probability, tier
from cases.services.flip_words import flip_data
from ingest.models import Attribute
from tests.cases.test_grouping import PRIOR, Story, campaign
from tests.cases.test_scoring import days

NO = {"homework": "does not fit"}


def member(pk=1, *, flagged=True, aggregate=False, prior=-11.6, **families):
    """families: raw bits, or (raw, id of the strongest value)."""
    caps = {"payment": 8.0, "network": 8.0, "template": 8.0, "client": 4.0, "volume": 3.0}
    evidence = [Evidence("prior", prior, prior)]
    for name, raw in families.items():
        raw, value = raw if isinstance(raw, tuple) else (raw, 7)
        bits = min(raw, caps[name])
        evidence.append(Evidence(name, bits, raw, None if name == "volume" else value))
    p = float(probability(sum(entry.bits for entry in evidence)))
    return Member(pk, p, tier(p), flagged, aggregate, tuple(evidence))


def by_what(found):
    return {flip.what: flip for flip in found}


def test_the_case_as_it_stands_is_what_scoring_says():
    story = Story()
    campaign(story, size=24)
    facts: Facts = story.facts()
    (cluster,) = group(facts, prior=PRIOR).clusters
    now = flips(cluster.members, NO).now
    chances = [m.probability for m in cluster.members]
    assert now.p_abuse == pytest.approx(scoring.p_abuse(chances, NO.values()))
    assert now.core == sum(m.tier == "core" for m in cluster.members)
    assert now.expected == pytest.approx(sum(chances))


def test_a_family_withdrawn_from_a_case_is_withdrawn_from_each_member_by_the_formula():
    story = Story()
    campaign(story, size=24)
    facts = story.facts()
    (cluster,) = group(facts, prior=PRIOR).clusters
    voters = [m.account for m in cluster.members]
    told = [explain_member(facts, prior=PRIOR, account=pk, voters=voters) for pk in voters]
    for flip in flips(cluster.members, NO).families:
        chances = [
            f.without.probability
            for one in told for f in one.families
            if f.family == flip.what[0] and not f.without.leaves
        ]  # fmt: skip
        assert flip.outcome.members == len(chances)
        assert flip.outcome.p_abuse == pytest.approx(scoring.p_abuse(chances, NO.values()))


def test_what_flips_alone_is_named_and_who_is_tied_by_one_kind_then_leaves():
    case = [member(pk, payment=9.0, network=8.0) for pk in range(6)]
    found = flips(case, NO)
    assert [flip.what for flip in found.sets] == [("network",), ("payment",)]
    assert by_what(found.families)["payment",].outcome.members == 0


def test_only_together_means_the_smallest_set():
    case = [member(pk, payment=9.0, network=9.0, template=9.0) for pk in range(6)]
    found = flips(case, NO)
    assert not any(flip.flips for flip in found.families)
    assert {len(flip.what) for flip in found.sets} == {2}
    strong = [member(pk, prior=-3.0, payment=9.0, network=9.0, template=9.0, client=4.0)
              for pk in range(6)]  # fmt: skip
    assert {len(flip.what) for flip in flips(strong, NO).sets} == {3}


def test_a_detectors_word_alone_ties_nobody():
    case = [member(pk, prior=-6.0, payment=8.0, volume=3.0, network=8.0) for pk in range(6)]
    found = by_what(flips(case, NO).families)
    assert found["network",].outcome.members == 0
    assert found["volume",].outcome.members == 6


def test_who_is_held_stays_held_and_never_counts_as_core():
    case = [member(pk, flagged=pk > 3, payment=9.0, network=9.0, template=9.0) for pk in range(9)]
    now = flips(case, NO).now
    assert (now.core, now.members) == (5, 9)


def test_a_common_value_is_withdrawn_from_those_whose_strongest_it_is():
    case = [member(pk, payment=(9.0, 70 if pk < 6 else 71), network=(8.5, 100 + pk))
            for pk in range(8)]  # fmt: skip
    found = flips(case, NO).values
    assert [(flip.what, flip.members) for flip in found] == [((70,), 6), ((71,), 2)]
    assert found[0].outcome.members == 2
    assert found[0].flips and not found[1].flips


def test_an_explanation_that_held_leaves_what_scoring_leaves():
    case = [member(pk, payment=9.0, network=9.0) for pk in range(6)]
    fits = {"homework": "not ruled out", "reseller": "does not fit", "batch": "fits"}
    found = by_what(flips(case, fits).benign)
    assert set(found) == {("homework",), ("reseller",)}
    held = fits | {"homework": "fits"}
    expected = scoring.p_abuse([m.probability for m in case], held.values())
    assert found["homework",].outcome.p_abuse == pytest.approx(expected)


def test_nothing_flips_what_is_under_already():
    case = [member(pk, payment=5.0, network=5.9) for pk in range(2)]
    found = flips(case, NO)
    assert found.now.p_abuse < 0.5
    assert not found.sets and not any(flip.flips for flip in found.benign)


def test_the_parts_of_a_priority_multiply_to_it():
    rows = days(*range(10, 24), reasoning=200)
    chances, fits = [0.99, 0.8, 0.3], {"batch": "fits in part", "homework": "does not fit"}
    last = max(row.day for row in rows)
    p = scoring.p_abuse(chances, fits.values())
    harm = scoring.harm_per_day(rows, {1: 0.8})
    growth = scoring.growth(rows, last_day=last, known_days=14)
    parts = p_abuse_parts(chances, fits)
    assert (parts["over"], [d["name"] for d in parts["doubts"]]) == (2, ["batch"])
    product = parts["mean"]
    for doubt in parts["doubts"]:
        product *= 1 - doubt["doubt"]
    assert product == pytest.approx(p)
    told = harm_parts(rows, harm)
    assert told["tokens"] / told["days"] == pytest.approx(harm)
    assert (told["days"], told["to"]) == (7, last.isoformat())
    weeks = growth_parts(rows, last_day=last, known_days=14, silent=[])
    assert weeks["now"] / weeks["before"] - 1 == pytest.approx(growth)
    assert "why" not in weeks


@pytest.mark.parametrize(
    ("known", "silent", "week", "says"),
    [(13, [], 14, "13 days"), (14, ["volume"], 14, "volume silent"), (14, [], 7, "no request")],
)
def test_why_growth_is_not_known_is_said_where_scoring_does_not_know_it(known, silent, week, says):
    rows = days(*range(10, 24))[-week:]
    last = rows[-1].day
    assert scoring.growth(rows, last_day=last, known_days=known, silent=bool(silent)) is None
    assert says in growth_parts(rows, last_day=last, known_days=known, silent=silent)["why"]
    assert growth_parts([], last_day=None, known_days=0, silent=[])["why"]


def test_the_sentence_names_the_smallest_thing_first_and_then_what_is_still_open():
    case = [member(pk, payment=9.0, network=8.0) for pk in range(6)]
    fits = {"homework": "does not fit", "batch": "not tested", "reseller": "not ruled out"}
    told = flip_data(flips(case, fits), fits, {7: Attribute(pk=7, kind="template", value="<b>")})
    assert told["says"].startswith("Without what is shared in network nobody would be tied by two")
    assert "a case of reseller (not ruled out now), P(abuse) would be 0.38" in told["says"]
    assert [row["what"] for row in told["benign"]] == [["reseller"], ["batch"], ["homework"]]
    assert told["refuted"]["what"] == ["homework"]
    assert told["values"][0]["what"] == ["template T-7"]

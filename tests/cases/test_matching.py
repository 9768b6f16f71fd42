"""Private matching, its pure half: who learns what, and what a bad partner gets."""

import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.matching import count, reveal, spread
from cases.matching.canonical import canonical, epoch_key, items
from cases.matching.padding import TAG, padded, tags_of
from cases.matching.transcript import BadTranscript, check_all, check_next, state

KEY = epoch_key(b"s" * 32, 7)
CARDS = [("payment", f"4111-{number:04d}") for number in range(40)]
THEIRS = list(items(KEY, CARDS[:30]))
OURS = list(items(KEY, CARDS[20:]))


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("payment", "4111-1111 2222.3333", "4111111122223333"),
        ("email_domain", "Someone@Example.COM.", "example.com"),
        ("email_domain", "müller.example", "xn--mller-kva.example"),
        ("ip", "2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("ip", "192.0.2.7", "192.0.2.7/32"),
        ("template", "Solve <slot>\nstep by step,  please", "SOLVE <slot> step by step, please "),
        ("device", "ＦＡ１２", "fa12"),
    ],
)
def test_two_ways_to_write_a_thing_are_one_item(kind, one, other):
    assert canonical(kind, one) == canonical(kind, other) != ""


def test_what_anybody_may_have_is_no_item_and_what_is_never_matched_is_refused():
    assert canonical("template", "Translate this:") is None
    assert canonical("ip", "not an address") is None
    with pytest.raises(ValueError, match="asn are not matched"):
        canonical("asn", "64500")


def test_items_are_of_one_partner_one_epoch_and_one_kind():
    value = [("payment", "x-1")]
    found = {
        next(iter(items(epoch_key(secret, epoch), [(kind, "x-1")])))
        for secret in (b"s" * 32, b"t" * 32)
        for epoch in (7, 8)
        for kind in ("payment", "device")
    }
    assert len(found) == 8
    assert items(KEY, value * 3) == {next(iter(items(KEY, value))): [0, 1, 2]}


def test_the_count_is_right_and_sizes_are_padded():
    ours, theirs = count.new_scalar(), count.new_scalar()
    held = count.tags(THEIRS, theirs)
    assert len(held) == 4096 * TAG and held == b"".join(sorted(tags_of(held)))
    asked = count.blind(OURS, ours)
    assert len(asked) == len(set(asked)) == 512
    got = count.answer(asked, theirs)
    assert count.count(got, ours, tags_of(held)) == 10


def test_the_answer_does_not_say_which_ones_match():
    """The same ask comes back in another order each time, and the order says nothing."""
    ours, theirs = count.new_scalar(), count.new_scalar()
    held = tags_of(count.tags(THEIRS, theirs))
    asked = count.blind(OURS, ours)
    places = []
    for _ in range(3):
        got = count.answer(asked, theirs)
        places.append([i for i, one in enumerate(got) if count.count([one], ours, held)])
    assert all(len(found) == 10 for found in places)
    assert places[0] != places[1] or places[1] != places[2]


def test_what_is_asked_looks_like_chance_without_the_scalar():
    assert not set(count.blind(OURS, count.new_scalar())) & set(
        count.blind(OURS, count.new_scalar())
    )


@pytest.mark.parametrize(
    ("points", "words"),
    [([b"\xff" * 32], "not on P-256"), ([b"x"], "not on"), ([b"\0" * 32] * 2, "twice")],
)
def test_points_off_the_curve_or_sent_twice_are_refused(points, words):
    with pytest.raises(count.BadPoints, match=words):
        count.answer(points, count.new_scalar())


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 60))
def test_both_ways_find_what_a_set_would(both, ours_alone, theirs_alone):
    names = [secrets.token_bytes(32) for _ in range(both + ours_alone + theirs_alone)]
    ours, theirs = names[: both + ours_alone], names[:both] + names[both + ours_alone :]
    a, b, seed = count.new_scalar(), count.new_scalar(), secrets.token_bytes(32)
    answered = count.answer(count.blind(ours, a), b)
    assert count.count(answered, a, tags_of(count.tags(theirs, b))) == both
    clients, points = reveal.blinded(ours)
    found = reveal.finish(clients, reveal.evaluate(points, seed), reveal.public_key(seed))
    held = set(reveal.tags(theirs, seed))
    assert [tag in held for tag in found[: len(ours)]] == [True] * both + [False] * ours_alone
    assert not any(tag in held for tag in found[len(ours) :]), "a filler matched"


def test_an_answer_under_another_key_than_the_one_told_is_found_out():
    seed, other = secrets.token_bytes(32), secrets.token_bytes(32)
    clients, points = reveal.blinded(OURS)
    with pytest.raises(reveal.BadEvaluation, match="proof does not hold"):
        reveal.finish(clients, reveal.evaluate(points, other), reveal.public_key(seed))


@pytest.mark.parametrize("cut", [0, 1, 100])
def test_a_broken_evaluation_is_refused_with_words(cut):
    seed = secrets.token_bytes(32)
    clients, points = reveal.blinded(OURS)
    with pytest.raises(reveal.BadEvaluation):
        reveal.finish(clients, reveal.evaluate(points, seed)[:cut], reveal.public_key(seed))
    with pytest.raises(reveal.BadEvaluation, match="no blinded items"):
        reveal.evaluate([b"\xff" * 32], seed)


def test_the_oprf_is_that_of_rfc_9497():
    """Appendix A.1.2 of the RFC: ristretto255-SHA512, VOPRF mode, its first test vector."""
    from voprf.ristretto import Evaluator

    evaluator = Evaluator.from_seed(bytes.fromhex("a3" * 32), b"test key")
    assert evaluator.public_key.serialize().hex() == (
        "c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e"
    )
    assert evaluator.evaluate_known_input(b"\x00").hex() == (
        "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7d"
        "a4d8527693914139caee5bd03903af43a491351d23b430948dd50cde10d32b3c"
    )


def test_sizes_are_steps_of_a_coarse_scale():
    assert [padded(n) for n in (0, 1, 512, 513, 769, 10_000)] == [
        512, 512, 512, 768, 1024, 12_288,
    ]  # fmt: skip


@pytest.mark.parametrize("part", ["count", "reveal"])
def test_a_set_spread_over_processes_is_the_same_set(part, monkeypatch):
    module = {"count": count, "reveal": reveal}[part]
    names, secret = [secrets.token_bytes(32) for _ in range(60)], count.new_scalar()
    monkeypatch.setattr(spread, "WORTH_IT", 16)
    monkeypatch.setattr(spread.os, "cpu_count", lambda: 3)
    assert spread.spread(part, names, secret) == module.own_tags(names, secret)


class Side:
    def __init__(self):
        self.secret = Ed25519PrivateKey.generate()
        self.key = self.secret.public_key().public_bytes_raw()

    def say(self, chain, step, session="u-1", **facts):
        return state(chain, step, session, key=self.key, sign=self.secret.sign, **facts)


ASKER, ANSWERER = Side(), Side()


def a_chain() -> list[dict]:
    chain = []
    for side, step in (
        (ASKER, "ask"), (ANSWERER, "answer"), (ASKER, "count"), (ASKER, "want"),
        (ANSWERER, "agree"), (ASKER, "found"),
    ):  # fmt: skip
        chain.append(side.say(chain, step, size=512))
    return chain


def test_a_whole_transcript_holds_for_both():
    check_all(a_chain(), "u-1", asker=ASKER.key, answerer=ANSWERER.key)


def test_every_single_change_to_a_transcript_is_found():
    """A fact changed, a statement left out, two exchanged, another session, the wrong signer."""
    whole = a_chain()

    def broken(chain, session="u-1", asker=ASKER.key, answerer=ANSWERER.key):
        with pytest.raises(BadTranscript):
            check_all(chain, session, asker=asker, answerer=answerer)

    for place, signed in enumerate(whole):
        changed = signed | {"statement": signed["statement"] | {"size": 513}}
        broken([*whole[:place], changed, *whole[place + 1 :]])
        if place < len(whole) - 1:
            broken([*whole[:place], *whole[place + 1 :]])
    broken([whole[0], whole[2], whole[1]])
    broken(whole, session="u-2")
    broken(whole, asker=ANSWERER.key)
    broken(whole, answerer=ASKER.key)


def test_nobody_agrees_in_the_other_ones_name():
    chain = a_chain()[:4]
    forged = ASKER.say(chain, "agree")
    with pytest.raises(BadTranscript, match="not the signing key"):
        check_next(chain, forged, "u-1", key=ANSWERER.key)


def test_a_statement_of_another_exchange_cannot_be_replayed():
    first, second = a_chain(), a_chain()
    second[1]["statement"]["size"] = 1
    with pytest.raises(BadTranscript, match="after: it follows another"):
        check_next(second[:2], first[2], "u-1", key=ASKER.key)


@pytest.mark.parametrize("sent", [{}, {"statement": 1}, [], {"statement": {}, "signature": "ä"}])
def test_what_is_no_statement_is_refused_with_words(sent):
    with pytest.raises(BadTranscript, match="it needs statement, key and signature"):
        check_next([], sent, "u-1", key=ASKER.key)

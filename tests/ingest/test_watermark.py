"""The exact tests of both schemes, against scipy and brute force, and the faults they catch."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from ingest.watermark import (
    GreenList,
    Gumbel,
    WatermarkProcessor,
    holm,
    score,
    score_steps,
    unique_rows,
    windows,
)
from ingest.watermark.control import judge_control, wrong_key, wrong_secret
from ingest.watermark.exact import (
    detectable,
    log10_upper_tail,
    randomised_p,
    score_total,
    upper_tail,
)
from ingest.watermark.ngram import TrigramModel
from ingest.watermark.prf import numbers, seeds, siphash
from ingest.watermark.windows import among, filtered, reading_rows, suspect_rows

SECRET, OTHER = b"s" * 32, b"o" * 32
GREEN, GUMBEL = GreenList(width=2), Gumbel(width=2)
SCHEMES = [GREEN, GUMBEL]


def clean_rows(n=20_000, vocabulary=3000, seed=1):
    rows = np.random.default_rng(seed).integers(0, vocabulary, (n, 3))
    return unique_rows(rows)


def looping_text(seed=2, length=20_000):
    """A model that says the same things again and again, and never saw a key."""
    rng = np.random.default_rng(seed)
    phrases = [rng.integers(0, 3000, 12) for _ in range(40)]
    return np.concatenate([phrases[i] for i in rng.integers(0, 40, length // 12)])


def test_siphash_gives_the_published_vectors():
    # appendix A of the SipHash paper: key 00…0f, messages 00…(n−1), whole words among them
    key = bytes(range(16))
    known = {0: 0x726FDB47DD0E0E31, 8: 0x93F5F5799A932462, 16: 0x3F2ACC7F57C29BDB}
    for length, expected in known.items():
        message = np.frombuffer(bytes(range(length)), "<u8")
        words = [np.array([word]) for word in message]
        assert int(siphash(key, words, 1, length)[0]) == expected


def test_siphash_is_the_same_across_its_chunks():
    contexts = np.random.default_rng(0).integers(0, 2**31, (40_000, 3))
    whole = seeds(b"k" * 16, contexts)
    assert (whole[20_000:20_050] == seeds(b"k" * 16, contexts[20_000:20_050])).all()
    assert len(np.unique(whole)) == 40_000


def test_green_numbers_are_uniform_over_a_vocabulary():
    drawn = numbers(seeds(b"k" * 16, np.array([[5, 7]])), np.arange(50_000)) / 2**64
    assert stats.kstest(drawn, "uniform").pvalue > 0.001


@pytest.mark.parametrize("gamma", [0.1, 0.25, 0.5])
def test_the_green_tail_is_the_binomial_tail_by_brute_force(gamma):
    n, scheme = 12, GreenList(gamma=gamma)
    for hits in range(n + 1):
        brute = sum(
            math.prod(gamma if green else 1 - gamma for green in draw)
            for draw in itertools.product((0, 1), repeat=n)
            if sum(draw) >= hits
        )
        assert upper_tail(scheme, n, hits) == pytest.approx(brute, rel=1e-9)


@pytest.mark.parametrize(("n", "hits"), [(1000, 300), (37_000, 9500), (212_440, 53_800)])
def test_the_green_tail_agrees_with_scipy(n, hits):
    assert upper_tail(GREEN, n, hits) == pytest.approx(stats.binom.sf(hits - 1, n, 0.25), rel=1e-8)
    assert log10_upper_tail(GREEN, n, hits) == pytest.approx(
        stats.binom.logsf(hits - 1, n, 0.25) / math.log(10), rel=1e-6, abs=1e-9
    )


@pytest.mark.parametrize(("n", "total"), [(1, 0.7), (5, 9.0), (40, 61.5)])
def test_the_gumbel_tail_is_the_integral_of_its_density(n, total):
    density = lambda x: x ** (n - 1) * math.exp(-x) / math.factorial(n - 1)  # noqa: E731
    brute = integrate.quad(density, total, np.inf)[0]
    assert upper_tail(GUMBEL, n, total) == pytest.approx(brute, rel=1e-6)


def test_logarithms_go_on_where_a_float_ends():
    for scheme, n, total in ((GREEN, 10_000, 4000), (GUMBEL, 10_000, 14_000)):
        assert upper_tail(scheme, n, total) >= 0
        deep = log10_upper_tail(scheme, n, total)
        assert -1000 < deep < -200
        # halfway totals are shallower, and the finite sum joins the plain value smoothly
        law = (
            stats.binom.logsf(total - 1, n, 0.25)
            if scheme is GREEN
            else stats.gamma.logsf(total, n)
        )
        if math.isfinite(law):
            assert deep == pytest.approx(law / math.log(10), rel=1e-4)
    assert log10_upper_tail(GREEN, 1000, 1000) == pytest.approx(1000 * math.log10(0.25))
    assert log10_upper_tail(GUMBEL, 1, 1000.0) == pytest.approx(-1000 / math.log(10))


def test_the_normal_approximation_would_have_been_far_off_in_the_tail():
    found = score_total(GREEN, 60, 40)
    assert found.p / stats.norm.sf(found.z) > 10  # so it decides nothing


@pytest.mark.parametrize("scheme", SCHEMES)
def test_clean_text_is_not_flagged_and_wrong_keys_are_uniform(scheme):
    rows = clean_rows(5000)
    assert score(scheme, SECRET, rows).p > 0.01
    control = judge_control([wrong_key(scheme, rows, 3, i)[0] for i in range(1000)])
    assert control.clean
    assert 0.029 <= control.share <= 0.071


def test_randomised_p_is_uniform_where_the_law_is_coarse():
    few = clean_rows(25)
    randomised = [wrong_key(GREEN, few, 1, i)[0] for i in range(2000)]
    assert stats.kstest(randomised, "uniform").pvalue > 0.001
    plain = [
        upper_tail(GREEN, len(few), GREEN.values(wrong_secret(1, i), few).sum())
        for i in range(2000)
    ]
    assert stats.kstest(plain, "uniform").pvalue < 1e-9  # the planted fault: not randomised
    assert np.mean(np.array(plain) < 0.05) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)
    assert (
        randomised_p(GREEN, 10, 4, 0.0)
        < randomised_p(GREEN, 10, 4, 1.0)
        == pytest.approx(upper_tail(GREEN, 10, 4))
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_without_de_duplication_a_clean_model_that_repeats_itself_looks_marked(scheme):
    every = windows([looping_text()], 2)
    once = unique_rows(every)
    repeated = judge_control([wrong_key(scheme, every, 5, i)[0] for i in range(200)])
    assert not repeated.clean
    assert repeated.share > 0.15
    assert judge_control([wrong_key(scheme, once, 5, i)[0] for i in range(200)]).clean


def test_rows_are_every_window_once_in_order():
    rows = windows([[1, 2, 3, 1, 2, 3, 4], [9], [1, 2, 3]], 2)
    assert rows.tolist() == [[1, 2, 3], [2, 3, 1], [3, 1, 2], [1, 2, 3], [2, 3, 4], [1, 2, 3]]
    assert unique_rows(rows).tolist() == [[1, 2, 3], [2, 3, 1], [3, 1, 2], [2, 3, 4]]
    assert windows([[1], []], 2).shape == (0, 3)
    assert unique_rows(windows([[4, 4, 5]], 0)).tolist() == [[4], [5]]


def test_what_stands_in_the_prompt_is_not_scored():
    known = suspect_rows([([1, 2, 3, 4, 5], [7, 1, 2, 3])], 2)
    assert known.tolist() == [[2, 3, 4], [3, 4, 5]]
    unknown = suspect_rows([([1, 2, 3, 4, 5], None), ([1, 2, 3], None)], 2)
    assert unknown.tolist() == [[1, 2, 3], [2, 3, 4], [3, 4, 5]]
    assert suspect_rows([], 2).shape == (0, 3)


def test_the_supervised_filter_keeps_contexts_of_marked_text():
    rows = np.array([[1, 2, 3], [2, 3, 9], [5, 6, 7]])
    assert filtered(rows, [[1, 2, 8], [2, 3]], 2).tolist() == [[1, 2, 3], [2, 3, 9]]
    assert filtered(rows, [], 2).shape == (0, 3)
    assert filtered(rows[:, 2:], [[1]], 0).tolist() == [[3], [9], [7]]
    assert among(rows, rows[1:2]).tolist() == [False, True, False]


def test_reading_mode_takes_each_context_once_and_skips_what_is_in_sight():
    predict = lambda prefix: prefix[-1] + 1  # noqa: E731
    read = reading_rows([[1, 2, 3, 1, 2, 5]], predict, 2)
    assert read.tolist() == [[1, 2, 3], [2, 3, 4], [3, 1, 2]]
    # the second time 1 2 comes up, 1 2 3 is in sight; the first time it is not
    assert reading_rows([[9, 1, 2, 3, 1, 2]], predict, 2, attention=5).tolist() == [
        [9, 1, 2], [1, 2, 3], [2, 3, 4], [3, 1, 2],
    ]  # fmt: skip
    sight = reading_rows([[1, 2, 3, 8, 1, 2, 0]], lambda prefix: 3, 2, attention=6)
    assert [1, 2, 3] in sight.tolist() and len(sight) == 4


def test_holm_multiplies_by_the_keys_that_are_left_and_never_falls():
    corrected = holm([math.log10(p) for p in (0.01, 0.04, 0.03, 0.5)])
    assert [round(10**c, 10) for c in corrected] == [0.04, 0.09, 0.09, 0.5]
    assert holm([-400.0])[0] == -400.0
    assert holm([]) == []
    assert holm([-400.0, 0.0])[0] == pytest.approx(-400 + math.log10(2))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_smallest_mark_that_would_be_found_is_found_nine_times_in_ten(scheme):
    n, alpha = 5000, 1e-4
    strength = detectable(scheme, n, alpha)
    rng = np.random.default_rng(4)
    draw = rng.binomial if scheme is GREEN else rng.gamma
    totals = draw(n, strength, 4000)
    power = np.mean([upper_tail(scheme, n, t) <= alpha for t in totals])
    assert power == pytest.approx(0.9, abs=0.02)
    assert detectable(scheme, 0, alpha) is None
    assert detectable(GREEN, 3, 1e-6) is None  # three tokens can show nothing


def test_the_table_of_the_tokens_that_are_needed_holds():
    # normal approximation of the literature: an excess of .0088 at 1e-5 takes 74,900 tokens
    assert detectable(GREEN, 74_900, 1e-5) - 0.25 == pytest.approx(0.0088, abs=2e-4)


def test_the_score_adds_up_to_its_end():
    rows = clean_rows()
    steps = score_steps(GREEN, SECRET, rows)
    assert steps[-1][0] == len(rows)
    assert steps[-1][1] == pytest.approx(score(GREEN, SECRET, rows).z, abs=1e-3)
    assert len(steps) == 60
    assert score_steps(GREEN, SECRET, rows[:0]) == []


def test_another_key_another_scheme_and_another_order_are_other_tests():
    rows = clean_rows(2000)
    green = GREEN.values(SECRET, rows)
    assert not np.array_equal(green, GREEN.values(OTHER, rows))
    assert not np.array_equal(green, GREEN.values(SECRET, rows[:, [1, 0, 2]]))
    # the same secret in two schemes gives two unrelated sets of numbers
    high = GUMBEL.values(SECRET, rows) > -math.log(0.25)
    assert abs(np.corrcoef(green, high)[0, 1]) < 0.1
    with pytest.raises(ValueError, match="32 bytes"):
        GREEN.values(b"short", rows)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_marked_text_read_to_a_clean_model_gives_uniform_p(scheme):
    # what is read depends on the key, what a clean model makes of it does not
    rng = np.random.default_rng(8)
    teacher, clean = (
        TrigramModel(150).fit((rng.random(4000) ** 2 * 150).astype(int)) for _ in range(2)
    )
    ps = []
    for i in range(150):
        secret = wrong_secret(9, i)
        text = teacher.write(rng, 20, 40, WatermarkProcessor(scheme, secret))
        rows = reading_rows(text, clean.top, 2)
        found = score(scheme, secret, rows)
        ps.append(randomised_p(scheme, found.n, found.total, rng.random()))
    assert stats.kstest(ps, "uniform").pvalue > 0.001
    assert np.mean(np.array(ps) < 0.05) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 150)


def test_a_student_of_marked_text_is_found_in_both_settings_and_a_clean_one_in_none():
    rng = np.random.default_rng(3)
    words = (rng.random(20_000) ** 2 * 300).astype(int)
    teacher = TrigramModel(300).fit(words[:10_000])
    marked = teacher.write(rng, 20, 200, WatermarkProcessor(GREEN, SECRET))
    fresh = teacher.write(rng, 40, 200, WatermarkProcessor(GREEN, SECRET))
    for text, found in ((marked, True), (teacher.write(rng, 20, 200), False)):
        student = TrigramModel(300).fit(words[10_000:])
        for sequence in text:
            student.fit(sequence, 8)
        closed = unique_rows(windows(student.write(rng, 40, 200), 2))
        for rows in (closed, reading_rows(fresh, student.top, 2)):
            log10_p = score(GREEN, SECRET, rows).log10_p
            assert log10_p < -6 if found else log10_p > -3
            assert score(GREEN, OTHER, rows).log10_p > -3

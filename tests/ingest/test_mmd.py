"""The pooled two-sample test and the points that it is taken of. No database."""

import hashlib
import os
import subprocess
import sys

import ibis
import numpy as np
import pytest
from django.conf import settings

from ingest.detectors.embedding import HashedEmbedding, hashed_counts
from ingest.detectors.halves import held_out, selecting
from ingest.detectors.mmd import block_sums, median_width, pooled_test, strata, unbiased_mmd

DRAWS = 2000


def by_hand(x, y, width):
    def k(a, b):
        return np.exp(-((a - b) ** 2).sum() / (2 * width**2))

    m, n = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(m) for j in range(m) if i != j)
    yy = sum(k(y[i], y[j]) for i in range(n) for j in range(n) if i != j)
    xy = sum(k(a, b) for a in x for b in y)
    return xx / (m * (m - 1)) + yy / (n * (n - 1)) - 2 * xy / (m * n)


def accounts(rng, units, *, between=1.0, within=0.3, dimensions=3, shift=0.0, most=6):
    """Queries around their own account's middle: they depend on each other."""
    sizes = rng.integers(1, most + 1, units)
    middle = rng.normal(0, between, (units, dimensions)) + shift
    owner = np.repeat(np.arange(units), sizes)
    return middle[owner] + rng.normal(0, within, (len(owner), dimensions)), owner


def test_the_statistic_is_the_formula():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(7, 4)), rng.normal(0.4, 1, size=(11, 4))
    assert unbiased_mmd(x, y, 1.3) == pytest.approx(by_hand(x, y, 1.3))


def test_the_statistic_is_unbiased_and_so_sometimes_negative():
    rng = np.random.default_rng(2)
    found = [
        unbiased_mmd(rng.normal(size=(8, 2)), rng.normal(size=(12, 2)), 1.0) for _ in range(600)
    ]
    assert abs(np.mean(found)) < 4 * np.std(found) / 600**0.5
    assert min(found) < 0


def test_sums_by_account_do_not_hang_on_the_order_of_queries():
    rng = np.random.default_rng(3)
    vectors, owner = accounts(rng, 9)
    shuffled = rng.permutation(len(owner))
    assert block_sums(vectors, owner, 0.7) == pytest.approx(
        block_sums(vectors[shuffled], owner[shuffled], 0.7)
    )


def test_the_width_is_the_median_distance():
    points = np.array([[0.0], [1.0], [3.0]])
    assert median_width(points) == pytest.approx(2.0)
    assert median_width(np.ones((5, 2))) == 1.0
    with pytest.raises(ValueError, match="two points"):
        median_width(points[:1])


def null_p_values(draws=DRAWS, permute_queries=False):
    """Accounts whose queries are much alike, all from one law: 10 pooled against 24."""
    rng = np.random.default_rng(20261124)
    found = []
    for draw in range(draws):
        vectors, owner = accounts(rng, 34, between=1.0, within=0.15)
        pooled = np.arange(34) < 10
        if permute_queries:  # the planted fault: every query a unit of its own
            pooled, owner = pooled[owner], np.arange(len(owner))
        found.append(pooled_test(vectors, owner, pooled, 1.5, permutations=999, seed=draw).p)
    return np.array(found)


def most(alpha, draws=DRAWS):
    return alpha + 3 * (alpha * (1 - alpha) / draws) ** 0.5


def test_under_the_null_no_p_value_is_too_small():
    p = null_p_values()
    for alpha in (0.05, 0.01, 0.001):
        assert (p <= alpha).mean() <= most(alpha), alpha
    assert (p <= 0.05).mean() > 0.02, "nor is the test asleep"


def test_a_permutation_of_single_queries_would_be_caught():
    p = null_p_values(draws=100, permute_queries=True)
    assert (p <= 0.05).mean() > most(0.05, 100)


def test_accounts_that_are_only_busier_are_no_difference():
    rng = np.random.default_rng(5)
    found = []
    for draw in range(300):
        quiet, of_quiet = accounts(rng, 60, most=2)
        busy, of_busy = accounts(rng, 30, most=16)
        owner = np.r_[of_quiet, of_busy + 60]
        pooled = np.zeros(90, bool)
        pooled[np.r_[60:75, 0:3]] = True  # mostly from among the busy
        p = pooled_test(np.vstack([quiet, busy]), owner, pooled, 1.5, permutations=99, seed=draw).p
        found.append(p)
    assert (np.array(found) <= 0.05).mean() <= 0.05 + 3 * (0.05 * 0.95 / 300) ** 0.5


def test_another_law_is_found_and_told_with_what_was_tested():
    rng = np.random.default_rng(6)
    same, of_same = accounts(rng, 40)
    other, of_other = accounts(rng, 12, shift=1.5)
    owner = np.r_[of_same, of_other + 40]
    pooled = np.arange(52) >= 40
    found = pooled_test(np.vstack([same, other]), owner, pooled, 1.5, seed=1)
    assert found.p == 1 / 1000
    assert (found.units, found.reference_units) == (12, 40)
    assert (found.queries, found.reference_queries) == (len(of_other), len(of_same))
    again = pooled_test(np.vstack([same, other]), owner, pooled, 1.5, seed=1)
    assert again == found


def test_two_equal_sides_are_no_evidence():
    vectors = np.zeros((20, 2))
    assert pooled_test(vectors, np.arange(20), np.arange(20) < 10, 1.0, permutations=50).p == 1.0
    with pytest.raises(ValueError, match="two queries"):
        pooled_test(vectors, np.arange(20), np.arange(20) < 1, 1.0)


def test_accounts_change_places_with_those_of_like_size():
    assert list(strata(np.array([1, 2, 3, 4, 5, 8, 9]))) == [0, 1, 2, 2, 3, 3, 4]


# points


TEXTS = [
    "Explain your reasoning step by step before you answer",
    "explain  your reasoning step by step, before you answer!",
    "A recipe for a pear cake without eggs",
    "请逐步说明你的推理过程",
]


def test_alike_prompts_are_near_whatever_their_case_and_blanks():
    points = HashedEmbedding(TEXTS)(TEXTS)
    near = points @ points.T
    assert near[0, 1] > 0.8 > 0.5 > near[0, 2]
    assert np.linalg.norm(points, axis=1) == pytest.approx(1.0)


def test_n_grams_never_reach_over_the_end_of_a_text():
    one = hashed_counts(["abcde"])
    two = hashed_counts(["abcde", "fghij"])
    assert (one != two[:1]).nnz == 0
    assert one.sum() == 5 + 4 + 3  # of sizes 3, 4 and 5, with a blank at either end


def test_numbers_are_one_sign_and_an_empty_text_is_a_point_of_no_length():
    assert (hashed_counts(["puzzle 12"]) != hashed_counts(["puzzle 90210"])).nnz == 0
    assert HashedEmbedding(TEXTS)(["", "\U0001f9ea"]).shape == (2, 3)
    assert HashedEmbedding(TEXTS)([""])[0] == pytest.approx(np.zeros(3), abs=1e-6)


def test_points_are_the_same_in_another_process():
    told = (
        "import django, hashlib; django.setup()\n"
        "from ingest.detectors.embedding import HashedEmbedding\n"
        f"t = {TEXTS!r}\npoints = HashedEmbedding(t)(t).round(4)\n"
        "print(hashlib.sha256(points.tobytes()).hexdigest())"
    )
    here = hashlib.sha256(HashedEmbedding(TEXTS)(TEXTS).round(4).tobytes()).hexdigest()
    run = subprocess.run(
        [sys.executable, "-c", told],
        cwd=settings.BASE_DIR,
        env=os.environ | {"PYTHONHASHSEED": "3", "DJANGO_SETTINGS_MODULE": "analyst.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == here


# halves


def halves_of(prompts):
    table = ibis.memtable({"prompt": prompts})
    told = ibis.duckdb.connect().to_pandas(table.select("prompt", out=held_out(table.prompt)))
    return dict(zip(told.prompt, told.out, strict=True))


def test_every_run_gives_the_same_half_and_about_half_are_held_out():
    prompts = [f"Explain case {n} ☂" for n in range(400)] + ["", "请逐步"]
    told = halves_of(prompts)
    assert told == halves_of(prompts[::-1])
    assert 150 < sum(told.values()) < 250


def test_what_is_selected_by_is_never_held_out_and_no_prompt_is_in_neither():
    prompts = ["one", "two", "three", "four", "five", "six"]
    table = ibis.memtable({"prompt": [*prompts, None]})
    kept = ibis.duckdb.connect().to_pyarrow(selecting(table))["prompt"].to_pylist()
    told = halves_of(prompts)
    assert set(kept) == {None} | {prompt for prompt in prompts if not told[prompt]}


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery", "clickhouse", "pyspark"])
def test_the_halves_compile_for_the_warehouses(dialect):
    table = ibis.table({"prompt": "string"}, name="requests")
    assert ibis.to_sql(selecting(table), dialect=dialect)

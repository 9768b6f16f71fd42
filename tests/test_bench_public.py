"""The bench on public data: what it counts, and what it says where the data is not."""

import pytest

from tests.bench import public_graphs as bench


def test_without_the_data_the_figures_are_left_out_and_it_says_so(monkeypatch, capsys):
    monkeypatch.delenv("BENCH_DATA", raising=False)
    assert bench.main() == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "left out" in told.err


def test_a_folder_without_the_graphs_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    assert bench.main() == 0
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize(
    "predicted, f1",
    [
        ({1: "a", 2: "a", 3: "b", 4: "b"}, 1.0),
        ({1: "a", 2: "a", 3: "a", 4: "a"}, 2 * 2 / (6 + 2)),
        ({1: "a", 2: "a"}, 2 * 1 / (1 + 2)),
        ({}, 0.0),
    ],
)
def test_pairwise_f1_counts_pairs_and_leaves_the_unplaced_alone(predicted, f1):
    assert bench.pairwise(predicted, {1: "x", 2: "x", 3: "y", 4: "y"}) == f1


def test_two_records_that_share_rare_values_of_two_families_are_one():
    rows = [[("payment", f"card {n // 2}"), ("template", f"born {n // 2}")] for n in range(200)]
    placed = bench.tied(bench.records(rows))
    assert len(placed) == 200
    assert len(set(placed.values())) == 100


def test_two_records_that_share_one_family_only_are_two():
    rows = [[("payment", f"card {n // 2}"), ("template", f"born {n}")] for n in range(200)]
    assert bench.tied(bench.records(rows)) == {}
    assert len(set(bench.capped(bench.records(rows)).values())) == 100

"""The pooled test of a candidate cluster over a log: held out, and against accounts of no case."""

import random

import pytest

from ingest.detectors import pool
from ingest.detectors.halves import held_out
from ingest.detectors.likeness import PROMPTS
from ingest.detectors.pool import _prompts, _ruler
from ingest.detectors.prompts import prompts_of
from ingest.simulate.tasks import Tasks
from ingest.simulate.words import FIELDS, Writer
from tests.ingest.logs import LogBook

TURNS = 70


def people(book: LogBook, names: list[str], fields: list[str], turns: int = TURNS) -> None:
    writer = Writer(random.Random(names[0]))
    for name in names:
        mine = writer.random.choice(fields)
        for turn in range(turns):
            book.add(name, writer.text(mine, most=3), hours=turn)


def crowd(many: int, prefix: str = "u") -> list[str]:
    return [f"{prefix}{number}" for number in range(many)]


@pytest.fixture
def book():
    book = LogBook()
    everything = list(FIELDS)
    people(book, crowd(40), everything[:-1])
    people(book, crowd(8, "same"), everything[:-1])
    tasks = Tasks(random.Random(9))
    for name in crowd(8, "other"):
        for turn in range(TURNS):
            book.add(name, f"{tasks.puzzle()} Then check it.", hours=turn)
    return book


def test_a_pool_of_another_law_is_found_and_one_of_the_same_is_not(book, tmp_path):
    requests = book.open(tmp_path)
    steps = []
    other = pool.test_pool(requests, crowd(8, "other"), others=crowd(8, "same"), permutations=999,
                           tell=steps.append)  # fmt: skip
    assert other.found.p <= 0.002 and other.found.units == 8
    assert other.found.reference_units == 40
    assert other.embedding == "hashed n-grams, SVD" and len(steps) == 3
    same = pool.test_pool(requests, crowd(8, "same"), others=crowd(8, "other"), permutations=999)
    assert same.found.p > 0.01
    assert same == pool.test_pool(
        requests, crowd(8, "same"), others=crowd(8, "other"), permutations=999
    )


def test_what_content_compared_and_the_other_half_are_left_out(book, tmp_path):
    requests = book.open(tmp_path)
    compared = prompts_of(requests, ["u1"])["u1"]
    half = requests.filter(held_out(requests.prompt)).select("prompt").execute().prompt
    tested = _prompts(requests, ["u1"], ())["u1"]
    assert len(compared) == PROMPTS and 0 < len(tested) <= pool.EACH
    assert not set(tested) & set(compared) and set(tested) <= set(half)
    assert not set(_ruler(requests, ["u1"])["u1"]) & set(half)


def test_prompts_with_a_wording_that_ties_the_members_are_left_out_on_both_sides(tmp_path):
    book = LogBook()
    for name in ("a", "b"):
        for turn in range(90):
            head = "You are a Patient\n  examiner of proofs. " if turn % 2 else "Now tell me this: "
            book.add(name, f"{head}what about number {turn} of those that {name} has?", hours=turn)
    requests = book.open(tmp_path)
    found = _prompts(requests, ["a", "b"], {"a patient examiner of proofs."})
    assert set(found) == {"a", "b"}
    assert not any("examiner" in text for texts in found.values() for text in texts)
    assert any("examiner" in t for texts in _prompts(requests, ["a"], ()).values() for t in texts)


def test_too_few_prompts_are_not_tested_and_it_says_whose(book, tmp_path):
    requests = book.open(tmp_path)
    few = pool.test_pool(requests, ["other0", "other1", "nobody"])
    assert few.found is None and few.why_not.startswith("the cluster has ")
    assert "of 2 accounts, too few to test" in few.why_not
    alone = pool.test_pool(requests, crowd(8, "other"), others=crowd(40))
    assert alone.why_not.startswith("the reference has ")

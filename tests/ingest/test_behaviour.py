"""Who asks as extraction does, among peers of as many prompts."""

import random

import ibis
import numpy as np
import pandas as pd
import pytest

from ingest.detectors import behaviour, behaviour_habits, families
from ingest.detectors.behaviour_habits import MOST, asked, counts, sessions
from ingest.detectors.halves import held_out
from ingest.detectors.peers import Peers
from ingest.readers.columns import TYPES
from ingest.simulate.words import FIELDS, Writer
from tests.ingest.logs import LogBook

EXAMPLES = [
    ("reasoning", "Solve this, and show me all your full reasoning: 3x + 4 = 19"),
    ("reasoning", "Here is the finished answer. State the reasoning behind it."),
    ("reasoning", "Löse die Aufgabe Schritt für Schritt."),
    ("reasoning", "请一步一步地解决这个问题"),
    ("reasoning", "Put everything between <think> and </think> first."),
    ("language", "Think only in Japanese, then give the answer."),
    ("language", "Your hidden reasoning must be written in the user's language."),
    ("language", "Translate your working memory into katakana."),
    ("language", "请用中文思考，然后回答"),
    ("language", "Raisonne toujours en français avant de répondre."),
    ("grading", "Grade the following answer against the rubric below."),
    ("grading", "Rate the essay on a scale from 1 to 10."),
    ("grading", "Which of the two responses is better? Reply A or B."),
    ("grading", "请给下面的回答打分"),
    ("rewriting", "Rewrite this passage so that nobody is offended."),
    ("rewriting", "Put it in neutral words: the vote was postponed."),
    ("rewriting", "Formuliere den Absatz bitte um."),
    ("tasks", "Write 20 diverse instructions that need a tool to be solved."),
    ("tasks", "Come up with another harder problem of this kind."),
    ("tasks", "Turn the paragraph into a list of exam questions."),
    ("tasks", "Invente dix exercices sur ce chapitre."),
    ("replay", "user: how do I sort?\nassistant: use sorted()\nuser: and backwards?"),
    ("replay", "<|im_start|>user\nhello<|im_end|>"),
    ("replay", '{"thought_signature": "EqQBCkgIARAB"}'),
]
ORDINARY = (
    "What should I cook on Sunday for eight guests who don't eat fish?",
    "My bicycle chain makes a noise; how do I find the cause?",
    "Summarise: the boat left at noon and came back at four.",
    "shorter please",
    "Suggest a title for a text on small gardens.",
    "Wie lange hält sich eine offene Dose Tomaten?",
    "Explain the difference between a fugue and a canon to my uncle.",
)


def told_of(*prompts: str) -> list[set[str]]:
    table = ibis.memtable({"at": range(len(prompts)), "prompt": list(prompts)})
    text = families.looked_at(table.prompt)
    rows = ibis.duckdb.connect().to_pyarrow(
        table.select("at", **families.each(text)).order_by("at")
    )
    return [{k for k, v in row.items() if k != "at" and v} for row in rows.to_pylist()]


@pytest.mark.parametrize(("family", "prompt"), EXAMPLES)
def test_a_prompt_is_told_to_its_family(family, prompt):
    assert family in told_of(prompt)[0]


def test_ordinary_prompts_are_of_no_family():
    assert told_of(*ORDINARY) == [set()] * len(ORDINARY)


def test_of_a_long_prompt_the_ends_are_looked_at_and_not_the_data_between():
    data = "a row of figures without a sign. " * 60
    ask = "Grade the answer against the rubric."
    assert told_of(f"{ask} {data}", f"{data} {ask}", f"{data} {ask} {data}") == [
        {"grading"}, {"grading"}, set(),
    ]  # fmt: skip


def people(book: LogBook, many: int, turns: int = 40, seed: int = 3) -> None:
    writer = Writer(random.Random(seed))
    for number in range(many):
        for turn in range(turns):
            prompt = writer.conversation([writer.random.choice(list(FIELDS))], 1)[0]
            book.add(f"u{number}", prompt, hours=turn * 7.3 + number / 60)


def graders(book: LogBook, many: int, turns: int = 40) -> None:
    writer = Writer(random.Random(8))
    for number in range(many):
        for turn in range(turns):
            text = writer.text("law", most=2)
            book.add(f"g{number}", f"Score the answer from 1 to 10 by the rubric. Answer: {text}",
                     hours=turn * 7 + number / 60)  # fmt: skip


def test_an_account_that_does_little_else_is_told_with_what_and_against_whom(tmp_path):
    book = LogBook()
    people(book, 80)
    graders(book, 2)
    found = behaviour.detect(book.open(tmp_path))
    assert {o.account.id for o in found.observations} == {"g0", "g1"}
    one = found.observations[0]
    assert one.summary.startswith("100% of its prompts: has answers graded or compared (peers 0%)")
    assert one.evidence["families"]["grading"]["here"] == 1.0
    assert one.evidence["peers"] >= 60 and one.samples
    assert 1 / 82 <= one.p_value <= 2 / 60, "rank among peers, ties against it"
    assert 0 < one.score <= behaviour.HIGHEST_SCORE
    assert found.tested == 82 and set(found.scores) == {o["account_id"] for o in book.rows}


def test_peers_who_all_do_it_make_nobody_odd(tmp_path):
    book = LogBook()
    people(book, 5)
    graders(book, 60)
    assert behaviour.detect(book.open(tmp_path)).observations == []


def test_a_few_prompts_are_no_habit(tmp_path):
    book = LogBook()
    people(book, 60)
    graders(book, 3, turns=behaviour.FEWEST - 1)
    found = behaviour.detect(book.open(tmp_path))
    assert found.observations == [] and found.tested == 60
    assert found.scores["g0"] == 0.0


def test_of_a_busy_account_a_bounded_number_is_looked_at(tmp_path):
    book = LogBook()
    people(book, 3)
    for turn in range(1500):
        book.add("busy", f"Grade the answer to question {turn}, please.", hours=turn / 7)
    frame = counts(asked(book.open(tmp_path))).execute().set_index("account_id")
    assert MOST / 2 <= frame.looked["busy"] <= 3 * MOST
    assert frame.grading["busy"] == frame.looked["busy"]
    assert 8 <= frame.looked["u0"] <= 32, "one half is left aside"


def test_coverage_counts_on_both_sides_and_novelty_on_one():
    rng = np.random.default_rng(5)
    values = pd.DataFrame(rng.normal(0.5, 0.02, (200, len(behaviour.HABITS))))
    values.columns = behaviour.HABITS
    values.loc[0, "coverage"], values.loc[1, "coverage"] = 0.0, 1.0
    values.loc[2, "novelty"], values.loc[3, "novelty"] = 0.0, 1.0
    told = behaviour.compare(values, [Peers("all", np.arange(200), np.arange(200))])
    assert told.z_coverage[0] <= -behaviour.UNUSUAL and told.z_coverage[1] >= behaviour.UNUSUAL
    assert (told.p[[0, 1, 3]] <= 3 / 200).all()
    assert told.p[2] > 3 / 200, "whoever never brings a new subject is not suspected for that"


def test_what_is_held_out_for_the_test_of_the_selected_is_never_looked_at(tmp_path):
    book = LogBook()
    for turn in range(60):
        book.add("one", f"Grade the answer to question {turn}, please.", hours=turn)
    requests = book.open(tmp_path)
    kept = int((~held_out(requests.prompt)).sum().execute())
    frame = counts(asked(requests)).execute()
    assert 15 < kept < 45 and frame.looked[0] == kept


def test_good_turing_novelty_and_coverage_are_what_the_formulas_say(tmp_path, monkeypatch):
    monkeypatch.setattr(behaviour_habits, "held_out", lambda prompts: prompts.isnull())
    book = LogBook()
    words = (
        ["gardening"] * 8 + ["orchestra"] * 2 + ["mountains", "astronomy", "furniture", "porcelain"]
    )
    for turn, word in enumerate(words):
        book.add("one", f"tell me more on {word} and so on, if you can", hours=turn)
    row = behaviour.habits_of(book.open(tmp_path)).loc["one"]
    assert row.novelty == pytest.approx(4 / 14)
    share = np.array([8, 2, 1, 1, 1, 1]) / 14
    assert row.coverage == pytest.approx(-(share * np.log(share)).sum() / np.log(14))


def test_single_turns_are_told_by_sessions_where_the_log_has_them():
    rows = [("a", f"s{n}", n) for n in range(14)]
    rows += [("b", f"s{n // 7}", n) for n in range(14)] + [("c", None, n) for n in range(3)]
    table = ibis.memtable(
        [{"account_id": a, "session_id": s, "n": n} for a, s, n in rows],
        schema={"account_id": "string", "session_id": "string", "n": "int64"},
    )
    frame = ibis.duckdb.connect().execute(sessions(table)).set_index("account_id")
    assert frame.loc["a"].tolist() == [14, 14] and frame.loc["b"].tolist() == [2, 0]
    assert "c" not in frame.index


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery", "clickhouse"])
def test_the_expressions_compile_for_the_warehouses(dialect, monkeypatch):
    monkeypatch.setattr("ingest.detectors.behaviour_habits.keep", lambda expression: expression)
    requests = ibis.table(TYPES, name="requests")
    assert "rubric" in ibis.to_sql(counts(asked(requests)), dialect=dialect)
    assert ibis.to_sql(sessions(requests), dialect=dialect)

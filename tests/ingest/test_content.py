"""Populations that several kinds of evidence hold together, and those that one value explains."""

import random

import numpy as np
import pandas as pd

from ingest.detectors import Population, content
from ingest.detectors.combine import combined_scores
from ingest.detectors.growth import WITNESSING, Votes
from ingest.detectors.seeds import potts
from ingest.detectors.suspects import split, suspects_of
from ingest.detectors.ties import families_of
from ingest.readers import open_logs
from ingest.simulate.varied import draw_world
from ingest.simulate.words import FIELDS, Writer
from tests.bench.worlds_detection import measure
from tests.ingest.logs import LogBook

JOB = "Tariff dispute under docket law: "


def ordinary(book: LogBook, many: int = 250) -> Writer:
    writer = Writer(random.Random(1))
    for number in range(many):
        interests = [writer.random.choice(list(FIELDS))]
        for turn in range(6):
            prompt = writer.conversation(interests, 1)[0]
            own = {"ip": f"10.9.{number}.1", "payment": f"card-u{number}"}
            book.add(f"u{number}", prompt, hours=turn * 25 + number % 20, **own)
    return writer


def job(book: LogBook, name: str, writer: Writer, *, turns: int = 10, **fields) -> None:
    for turn in range(turns):
        told = {key: value() if callable(value) else value for key, value in fields.items()}
        book.add(name, JOB + writer.text("law", most=2), hours=turn * 11, **told)


def exits(draw: random.Random, many: int, of: int):
    mine = draw.sample(range(of), many)
    return lambda: f"10.44.{draw.choice(mine)}.7"


def scores_of(book: LogBook, tmp_path) -> tuple[dict[str, float], Population]:
    population = Population(book.open(tmp_path))
    return combined_scores(population), population


def test_a_member_with_one_weak_tie_is_lifted_by_the_population_that_it_belongs_to(tmp_path):
    book, draw = LogBook(), random.Random(8)
    writer = ordinary(book)
    for number in range(16):
        job(book, f"camp{number}", writer, ip=exits(draw, 3, 10))
    for number in range(6):  # one exit each, where strangers are guests too
        job(book, f"late{number}", writer, turns=4, ip=exits(draw, 1, 10))
    for number in range(10):
        book.add(f"u{number}", "Where can I leave my coat for an hour?", ip=f"10.44.{number}.7")
    scores, population = scores_of(book, tmp_path)
    highest = max(score for name, score in scores.items() if name.startswith("u"))
    assert min(scores[f"late{n}"] for n in range(6)) > highest
    told = content.detect(population.requests, population).observations
    keys = {o.group_key for o in told if o.account.id.startswith(("camp", "late"))}
    assert len(keys) == 1 and "" not in keys
    held = next(o.evidence["population"] for o in told if o.account.id == "camp0")
    assert held["solid_families"] == ["network"] and held["accounts"] >= 16


def test_each_family_can_start_alone(tmp_path):
    for column, values in (("payment", "card-{}"), ("device", "dev-{}"), ("ip", "10.44.{}.7")):
        book = LogBook()
        writer = ordinary(book)
        for number in range(20):
            own = {"ip": f"10.50.{number}.1"} | {column: values.format(number % 5)}
            job(book, f"camp{number}", writer, **own)
        scores, _ = scores_of(book, tmp_path)
        highest = max(score for name, score in scores.items() if name.startswith("u"))
        assert min(scores[f"camp{n}"] for n in range(20)) > highest, column


def test_one_address_one_card_and_one_mail_domain_explain_a_population_away(tmp_path):
    book = LogBook()
    writer = ordinary(book)
    for number in range(24):
        shared = {"ip": "10.70.1.1", "payment": "card-roof", "device": "dev-roof"}
        job(book, f"roof{number}", writer, **shared)
    scores, population = scores_of(book, tmp_path)
    suspects = suspects_of(population)
    explained = {suspects.names[n] for n in np.flatnonzero(suspects.explained)}
    assert {f"roof{n}" for n in range(24)} <= explained
    middle = np.median([score for name, score in scores.items() if name.startswith("u")])
    assert max(scores[f"roof{n}"] for n in range(24)) <= middle
    called = {o.account.id for o in content.detect(population.requests, population).observations}
    assert not {name for name in called if name.startswith("roof")}


def test_an_organisation_does_not_vote_for_itself(tmp_path):
    book = LogBook()
    for number in range(8):
        owner = "one" if number < 7 else "two"
        book.add(f"a{number}", "hello", ip="10.1.1.1", organisation=owner)
    population = Population(book.open(tmp_path))
    names = sorted(population.accounts.index)
    index = {name: place for place, name in enumerate(names)}
    party = np.array([0] * 7 + [1])
    family = families_of(population.ties, index, 2)["network"]
    weight = np.array([0.99] * 7 + [0.0])
    bits = Votes(family, party).bits(weight, 0.1, 8, 6.0)
    assert (bits[:7] < 0).all(), "six colleagues are no witness; the stranger is no member"
    assert bits[7] > 1


def test_sets_stay_apart_where_those_who_share_write_unlike():
    one, other, weight = [], [], []
    for first in (0, 10):
        for i in range(first, first + 10):
            for j in range(i + 1, first + 10):
                one, other, weight = [*one, i], [*other, j], [*weight, 2.0]
    for i in range(10):
        one, other, weight = [*one, i], [*other, i + 10], [*weight, -3.0]
    label = potts(np.array(one), np.array(other), np.array(weight), 20)
    assert len(set(label[:10])) == len(set(label[10:])) == 1
    assert label[0] != label[10]


def test_where_content_and_ties_are_independent_a_population_makes_no_p_value_smaller(tmp_path):
    book, draw = LogBook(), random.Random(4)
    writer = Writer(draw)
    for number in range(300):
        interests, places = writer.interests(), draw.sample(range(200), 4)
        for turn in range(8):
            book.add(f"u{number}", writer.conversation(interests, 1)[0], hours=turn * 9,
                     ip=f"10.3.{draw.choice(places)}.1")  # fmt: skip
    population = Population(book.open(tmp_path))
    own = dict(zip(population.routes.names, population.routes.p, strict=True))
    found = content.detect(population.requests, population)
    for told in found.observations:
        assert told.p_value >= float(f"{own[told.account.id]:.3g}")
    assert len(found.observations) <= 0.1 * len(own)


def test_a_world_that_nobody_designed_for_is_told_apart(tmp_path):
    world = draw_world(77, accounts=250, campaigns=["several tasks"], size=30)
    figures, _ = measure(world, {})
    assert figures["roc_auc"] > 0.95 and figures["recall_at_1_percent"] > 0.8, figures
    # it is no test if the truth can't be got wrong: whoever is called must not hang on the labels
    log = open_logs(str(world.write(tmp_path / "requests.parquet")))
    assert len(combined_scores(Population(log))) == len(world.truth)


def test_who_only_writes_like_tied_members_is_left_below_them(tmp_path):
    book, draw = LogBook(), random.Random(8)
    writer = ordinary(book)
    for number in range(20):
        job(book, f"camp{number}", writer, ip=exits(draw, 3, 10))
    for number in range(12):  # runs the same benchmark, each from its own machine
        job(book, f"bench{number}", writer, ip=f"10.61.{number}.1", payment=f"card-b{number}")
    scores, _ = scores_of(book, tmp_path)
    lowest = min(scores[f"camp{n}"] for n in range(20))
    assert max(scores[f"bench{n}"] for n in range(12)) < lowest - 3


class TwoTongues:
    """Stands for Nearness: the first half writes alike, so does the second, and not like it."""

    party = np.arange(20)

    def bits(self, one, other):
        return np.where((one < 10) == (other < 10), 2.0, -1.0)


def test_what_growth_joined_is_cut_unless_the_parts_share_much():
    nobody = pd.DataFrame(columns=["one", "other", *WITNESSING]).astype(int)
    parts = split(np.arange(20), nobody, TwoTongues())
    assert [part.tolist() for part in parts] == [list(range(10)), list(range(10, 20))]
    one, other = (places.ravel() for places in np.meshgrid(range(10), range(10, 20)))
    tied = pd.DataFrame({"one": one, "other": other} | dict.fromkeys(WITNESSING, 8.0))
    assert [len(part) for part in split(np.arange(20), tied, TwoTongues())] == [20]

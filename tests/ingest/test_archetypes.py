"""How far accounts are from the innocent archetypes, by how they work and never by a keyword."""

import numpy as np
import pandas as pd
import pytest

from ingest.detectors import Population
from ingest.detectors.archetypes import ARCHETYPES, distances, features_of, nearest
from ingest.readers import open_logs
from ingest.simulate.varied import draw_world
from tests.ingest.logs import LogBook

AS_PLANTED = {
    "continuous integration": "CI with a shared key",
    "gateway": "reseller or gateway",
    "vpn pool": "VPN pool",
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    world = draw_world(5, accounts=300)
    log = world.write(tmp_path_factory.mktemp("world") / "requests.parquet")
    population = Population(open_logs(str(log)))
    return world, distances(features_of(population, list(world.truth)))


def test_every_planted_look_alike_is_nearer_to_its_own_archetype_than_people_are(judged):
    world, table = judged
    kinds = {AS_PLANTED.get(kind, kind) for label, kind, _ in world.truth.values()
             if label == "hazard"}  # fmt: skip
    assert kinds == set(ARCHETYPES)
    people = [name for name, label in world.truth.items() if label[1] == "person"]
    for kind in sorted(kinds):
        planted = [n for n, t in world.truth.items() if AS_PLANTED.get(t[1], t[1]) == kind]
        ours, theirs = table.loc[planted, kind], table.loc[people, kind]
        assert ours.median() < theirs.quantile(0.25), (kind, ours.median(), theirs.quantile(0.25))


def test_inside_every_range_is_no_distance_and_what_is_not_known_has_no_say():
    for name, ranges in ARCHETYPES.items():
        middle = {column: (low + high) / 2 for column, (low, high) in ranges.items()}
        everything = {c: np.nan for kind in ARCHETYPES.values() for c in kind} | middle
        table = distances(pd.DataFrame([everything], index=["a"]))
        assert table.at["a", name] == 0
        away = everything | {next(iter(ranges)): np.nan}
        assert distances(pd.DataFrame([away], index=["a"])).at["a", name] == 0


def test_other_words_and_another_client_move_nobody(tmp_path):
    found = []
    for client, word in (("bench-kit/1", "kelp"), ("innocent/9", "moss")):
        book = LogBook()
        for number in range(4):
            for turn in range(12):
                book.add(f"a{number}", f"{word} question {turn}", hours=turn, user_agent=client,
                         ip=f"10.0.{number}.1", output_tokens=9)  # fmt: skip
        population = Population(book.open(tmp_path))
        found.append(nearest(features_of(population, ["a0"])))
    assert found[0] == found[1]


def test_a_log_without_addresses_prompts_and_clients_still_gives_distances(tmp_path):
    book = LogBook()
    for turn in range(9):
        book.add("a", hours=turn * 20)
    told = nearest(features_of(Population(book.open(tmp_path)), ["a"]))
    assert len(told["a"]) == 2 and all(0 <= value <= 1 for value in told["a"].values())

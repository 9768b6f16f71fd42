"""What the detectors say of small logs with one thing planted in each, and of logs with nothing."""

import os
import random
import subprocess
import sys

import ibis
import msgspec
import numpy as np
import pytest
from django.conf import settings
from scipy.stats import binom

from ingest.detectors import DETECTORS, Population, content, template, volume
from ingest.detectors.activity import hourly_activity
from ingest.detectors.attributes import attribute_uses, ip_prefix
from ingest.detectors.combine import combined_scores
from ingest.detectors.frames import canonical
from ingest.detectors.peers import q_values, rank_p, robust_z
from ingest.detectors.routes import at_least
from ingest.detectors.templates import find_templates
from ingest.readers.columns import TYPES
from ingest.simulate.words import FIELDS, Writer
from tests.ingest.logs import LogBook


def ordinary(book: LogBook, many: int, seed: int = 1, prefix: str = "u", **fields) -> Writer:
    """People with one interest each, their own address and card, a few requests a day."""
    writer = Writer(random.Random(seed))
    for number in range(many):
        own = {"ip": f"10.9.{number // 250}.{number % 250}", "payment": f"card-{prefix}{number}"}
        interests = [writer.random.choice(list(FIELDS))]
        for day in range(5):
            for turn in range(writer.random.randint(1, 3)):
                prompt = writer.conversation(interests, 1)[0]
                hours = day * 24 + 9 + turn
                book.add(f"{prefix}{number}", prompt, hours=hours, **(own | fields))
    return writer


def accounts_of(findings) -> set[str]:
    return {observation.account.id for observation in findings.observations}


# volume


def test_an_account_far_above_its_peers_is_told_with_the_figure_and_the_peers(tmp_path):
    book = LogBook()
    ordinary(book, 60, plan="free")
    for number in range(400):
        book.add("giant", "again", hours=24 + number / 50, plan="free")
    found = volume.detect(book.open(tmp_path))
    assert accounts_of(found) == {"giant"}
    observation = found.observations[0]
    assert observation.evidence["peers"] == 61
    assert observation.evidence["peer_group"].startswith("plan free")
    assert "400 requests an active day" in observation.summary
    assert observation.p_value == pytest.approx(1 / 61, abs=1e-6)
    assert len(found.scores) == 61


def test_peers_are_those_of_the_same_plan(tmp_path):
    book = LogBook()
    ordinary(book, 60, plan="free")
    for number in range(30):  # among the busy, as busy as everybody
        for turn in range(200):
            book.add(f"busy{number}", "next", hours=turn / 10, plan="scale")
    assert accounts_of(volume.detect(book.open(tmp_path))) == set()


def test_volume_alone_never_scores_more_than_one_half(tmp_path):
    book = LogBook()
    ordinary(book, 40)
    for number in range(5000):
        book.add("giant", hours=number / 1000)
    assert max(volume.detect(book.open(tmp_path)).scores.values()) <= 0.5


def test_rank_p_values_are_exact_and_never_zero():
    values = np.random.default_rng(5).normal(size=2000)
    p = rank_p(values)
    for alpha in (0.05, 0.01, 0.001):
        assert (p <= alpha).mean() <= alpha
    assert p.min() == pytest.approx(1 / 2000)
    assert (rank_p(np.zeros(10)) == 1).all(), "ties are no evidence"


def test_benjamini_hochberg_and_the_robust_z_agree_with_hand_counts():
    assert q_values(np.array([0.01, 0.04, 0.03, 0.5])) == pytest.approx(
        [0.04, 0.16 / 3, 0.16 / 3, 0.5]
    )
    assert robust_z(np.array([1.0, 2.0, 3.0, 4.0, 100.0]))[4] == pytest.approx(97 / 1.4826)
    assert abs(robust_z(np.array([1.0, 1.0, 1.0, 1.01]))).max() < 1, "agreement makes no giants"


# templates


def plant_template(book: LogBook, users: int, wording: str, prefix="camp", **fields) -> None:
    draw = random.Random(3)
    writer = Writer(draw)
    for number in range(users):
        for turn in range(8):
            slot = writer.text(draw.choice(list(FIELDS)), most=2)
            book.add(f"{prefix}{number}", wording.format(slot), hours=turn * 7 + number, **fields)


WORDING = "You are a meticulous adjudicator of proofs. Claim: {} Give your verdict in one word."


def test_a_wording_that_few_strangers_share_is_found_whatever_fills_its_slot(tmp_path):
    book = LogBook()
    ordinary(book, 150)
    plant_template(book, 6, WORDING)
    found = template.detect(book.open(tmp_path))
    assert {f"camp{n}" for n in range(6)} <= accounts_of(found)
    planted = [o for o in found.observations if o.account.id.startswith("camp")]
    top = {o.evidence["templates"][0]["template"] for o in planted}
    assert len(top) == 1, "one wording is one template, seen from its beginning or its end"
    carried = next(a for a in planted[0].attributes if a.value in top)
    assert carried.kind == "template"
    assert "meticulous adjudicator" in carried.label and "verdict in one word" in carried.label
    assert (carried.prevalence.accounts, carried.prevalence.population) == (6, 156)
    assert planted[0].evidence["templates"][0]["different_fillings"] >= 6
    assert 1 <= len(planted[0].samples) <= 5
    assert all("adjudicator" in sample.text for sample in planted[0].samples)


def test_the_wording_of_a_product_and_of_one_organisation_are_worth_nothing(tmp_path):
    book = LogBook()
    ordinary(book, 60)
    plant_template(book, 40, "Deskmate support answer, please be short. Ticket: {}", prefix="buyer")
    plant_template(
        book, 6, "House style of the Nordvik desk applies. {}", prefix="firm", organisation="one"
    )
    found = accounts_of(template.detect(book.open(tmp_path)))
    assert not {name for name in found if name.startswith(("buyer", "firm"))}


def test_a_template_keeps_its_id_when_the_log_grows(tmp_path):
    book = LogBook()
    ordinary(book, 50)
    plant_template(book, 5, WORDING)
    before = find_templates(book.open(tmp_path)).definitions
    plant_template(book, 3, WORDING, prefix="later")
    ordinary(book, 30, seed=9, prefix="v")
    after = find_templates(book.open(tmp_path)).definitions
    ours = [table[table.label.str.contains("adjudicator")] for table in (before, after)]
    leading = [table.sort_values("accounts").iloc[-1] for table in ours]
    assert (leading[0].accounts, leading[1].accounts) == (5, 8)
    assert leading[0].template == leading[1].template


def test_numbers_quotations_links_and_ids_are_slots(tmp_path):
    book = LogBook()
    for number in range(4):
        book.add(
            f"a{number}",
            f'Ledger entry {number * 37} at https://x.example/{number} says "word {number}" '
            f"for 3f2a9c{number}e4b5d6a7c8d9e0f1a2b3 and no more than that",
        )
    found = find_templates(book.open(tmp_path)).definitions
    assert list(found.accounts) == [4]
    assert "⟨n⟩" in found.label[0] and "⟨link⟩" in found.label[0] and "⟨id⟩" in found.label[0]


def test_what_two_skeletons_have_in_common_is_told_with_its_gaps():
    assert canonical("rate this reply a b now please", "rate this reply c now please") == (
        "rate this reply ⟨…⟩ now please"
    )


def test_a_log_without_prompts_has_no_templates_and_no_content(tmp_path):
    book = LogBook()
    for number in range(5):
        book.add(f"a{number}", ip="10.0.0.1")
    requests = book.open(tmp_path)
    for detector in (template, content):
        assert detector.detect(requests).observations == []


# content along ties


def plant_campaign(book: LogBook, many: int = 14, exits: int = 9) -> None:
    """Accounts of different organisations that do one job, each from three of some addresses."""
    draw = random.Random(8)
    writer = Writer(draw)
    for number in range(many):
        mine = draw.sample(range(exits), 3)
        for turn in range(12):
            prompt = "Tariff dispute under docket law: " + writer.text("law", most=2)
            address = f"10.44.{draw.choice(mine)}.7"
            book.add(f"camp{number}", prompt, hours=turn * 9 + number, ip=address)


def test_strangers_who_share_places_and_write_alike_are_told_as_one_group(tmp_path):
    book = LogBook()
    ordinary(book, 250)
    plant_campaign(book)
    requests = book.open(tmp_path)
    found = content.detect(requests)
    assert len(accounts_of(found) & {f"camp{n}" for n in range(14)}) >= 10
    assert not {name for name in accounts_of(found) if name.startswith("u")}
    keys = {o.group_key for o in found.observations}
    assert len(keys - {""}) == 1
    assert all(o.p_value < 0.01 for o in found.observations)
    scores = combined_scores(Population(requests))
    weakest = sorted(scores[f"camp{n}"] for n in range(14))[3]
    assert weakest > max(score for name, score in scores.items() if name.startswith("u"))
    assert len(scores) == 264, "a score for every account, flagged or not"


def test_neither_a_shared_address_nor_a_shared_interest_is_enough(tmp_path):
    book = LogBook()
    writer = ordinary(book, 150)
    for number in range(10):  # a café: one address, everybody's own interests
        for turn in range(6):
            prompt = writer.conversation([list(FIELDS)[number % len(FIELDS)]], 1)[0]
            book.add(f"cafe{number}", prompt, hours=turn * 11, ip="10.7.7.7")
    for number in range(14):  # the campaign's job, from addresses of their own
        for turn in range(8):
            prompt = "Tariff dispute under docket law: " + writer.text("law", most=2)
            book.add(f"fan{number}", prompt, hours=turn * 9, ip=f"10.60.{number}.1")
    assert accounts_of(content.detect(book.open(tmp_path))) == set()


def test_a_class_behind_one_address_with_one_homework_is_one_witness(tmp_path):
    book = LogBook()
    ordinary(book, 150)
    for number in range(9):
        for turn in range(6):
            homework = f"Explain exercise {turn} on pendulum swings as in the third lecture"
            book.add(f"pupil{number}", homework, hours=turn, ip="10.8.8.8")
    assert accounts_of(content.detect(book.open(tmp_path))) == set()


def test_sharing_inside_one_organisation_is_worth_nothing(tmp_path):
    book = LogBook()
    ordinary(book, 150)
    plant_campaign(book)
    for row in book.rows:
        if row["account_id"].startswith("camp"):
            row["organisation"] = "one-firm"
    for place in range(9):  # a guest at each address, so that two organisations are seen there
        book.add(f"u{place}", "Where can I leave my coat while I wait here?", ip=f"10.44.{place}.7")
    assert accounts_of(content.detect(book.open(tmp_path))) == set()


def test_where_content_and_places_are_independent_p_values_are_not_too_small(tmp_path):
    book = LogBook()
    draw = random.Random(4)
    writer = Writer(draw)
    for number in range(400):
        interests = writer.interests()
        places = draw.sample(range(300), 4)
        for turn in range(8):
            book.add(f"u{number}", writer.conversation(interests, 1)[0], hours=turn * 9,
                     ip=f"10.3.{draw.choice(places)}.1")  # fmt: skip
    p = Population(book.open(tmp_path)).routes.p
    for alpha in (0.05, 0.01, 0.001):
        slack = 3 * (alpha * (1 - alpha) / len(p)) ** 0.5
        assert (p <= alpha).mean() <= alpha + slack, alpha


def test_the_tail_is_the_binomial_one_where_chances_are_equal():
    chances = np.full(9, 0.05)
    for hits in range(10):
        assert at_least(chances, hits) == pytest.approx(binom.sf(hits - 1, 9, 0.05))
    assert at_least(np.array([0.1, 0.5]), 2) == pytest.approx(0.05)


# what all of them carry


def test_a_second_run_gives_the_same_bytes_and_references(tmp_path):
    book = LogBook()
    ordinary(book, 120)
    plant_template(book, 6, WORDING, ip="10.5.5.5")
    plant_campaign(book)
    encoded = []
    for _ in range(2):
        requests = book.open(tmp_path)
        population = Population(requests)
        encoded.append(
            [msgspec.json.encode(d.detect(requests, population).observations) for d in DETECTORS]
        )
    assert encoded[0] == encoded[1]
    refs = [o["ref"] for part in encoded[0] for o in msgspec.json.decode(part)]
    assert refs and len(refs) == len(set(refs))


def test_nearness_does_not_hang_on_the_order_of_a_set():
    told = """
from random import Random
import django
django.setup()
from ingest.detectors.likeness import Likeness
from ingest.simulate.words import Writer
w = Writer(Random(1))
prompts = {str(n): [w.text("law") for _ in range(4)] for n in range(40)}
print(Likeness(prompts).vectors.sum(axis=(0, 1)))
"""
    runs = [
        subprocess.run(
            [sys.executable, "-c", told],
            env=os.environ | {"PYTHONHASHSEED": seed, "DJANGO_SETTINGS_MODULE": "analyst.settings"},
            cwd=settings.BASE_DIR,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] and runs[0] == runs[1]


def test_prevalence_counts_everybody_flagged_or_not_and_private_addresses_too(tmp_path):
    book = LogBook()
    ordinary(book, 40)
    plant_template(book, 4, WORDING, ip="10.5.5.5", payment="card-x", asn=64512)
    for number in range(3):
        book.add(f"u{number}", "hello there my friend", hours=40, ip="10.5.5.5")
    population = Population(book.open(tmp_path))
    carried = {(a.kind, a.value): a for a in population.attributes_of(["camp0"])["camp0"]}
    address = carried["ip", "10.5.5.5"]
    assert (address.prevalence.accounts, address.prevalence.population) == (7, 44)
    assert address.prevalence.organisations == 7
    assert carried["ip_prefix", "10.5.5.0/24"].prevalence.accounts == 7
    assert carried["asn", "64512"].prevalence.accounts == 4
    assert carried["payment", "card-x"].count == 8
    counts = {(c.kind, c.value): c.accounts for c in population.attribute_counts()}
    assert counts["ip", "10.5.5.5"] == 7
    assert ("ip", "10.9.0.20") not in counts, "one account's value is nobody else's"
    users = {u.account.id for u in population.population_uses() if u.value == "10.5.5.5"}
    assert {"u0", "u1", "u2", "camp0"} <= users, "unflagged neighbours are found too"


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("10.1.2.3", "10.1.2.0/24"),
        ("2001:db8::1", "2001:db8:0:0::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001::1:2:3:4:5:6", None),  # its zeros end inside the first half: unsure
        ("not an address", None),
    ],
)
def test_prefixes_are_of_24_and_64_bits(address, prefix):
    table = ibis.memtable({"ip": [address]})
    assert ibis.duckdb.connect().to_pyarrow(ip_prefix(table.ip)).to_pylist() == [prefix]


def test_activity_sums_hours_by_model_and_keeps_unrecorded_apart_from_zero(tmp_path):
    book = LogBook()
    book.add("a", hours=1.1, output_tokens=5, stop_reason="end_turn")
    book.add("a", hours=1.9, output_tokens=7, stop_reason="refusal")
    book.add("a", hours=1.5, model="orion-mini")
    large, mini = (hour for _, hour in hourly_activity(book.open(tmp_path), ["a"]))
    assert (large.requests, large.output_tokens, large.refusals) == (2, 12, 1)
    assert (mini.output_tokens, mini.refusals, mini.reasoning_tokens) == (None, None, None)


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery", "trino"])
def test_the_heavy_expressions_compile_for_the_warehouses(dialect):
    requests = ibis.table(TYPES, name="requests")
    assert ibis.to_sql(attribute_uses(requests), dialect=dialect)
    assert ibis.to_sql(volume.rhythm(volume.hours(requests)), dialect=dialect)

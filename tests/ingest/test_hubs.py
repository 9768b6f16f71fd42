"""Marks of places, cards and domains that bring strangers together: by behaviour, never a flag."""

import random
from datetime import timedelta

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.test import TestCase

from ingest.detectors import DETECTORS, Population, network, payment, registration
from ingest.detectors.hubs import hub_marks
from ingest.detectors.values import _common, _houses, _people, _traffic, _users, _ways
from ingest.models import Attribute
from ingest.readers.columns import TYPES
from ingest.services import AttributeCount, record_population
from tests.ingest.logs import COLUMNS, MONDAY, LogBook

OLD, NEW = MONDAY - timedelta(days=400), MONDAY - timedelta(days=3)


class OpenedBook(LogBook):
    """A log that records when accounts were opened, and under which mail domain."""

    def write(self, path):
        schema = pa.schema(
            [
                *COLUMNS.items(),
                ("account_created_at", pa.timestamp("ms", tz="UTC")),
                ("email_domain", pa.string()),
            ]
        )
        pq.write_table(pa.Table.from_pylist(self.rows, schema=schema), path)
        return path


def visitors(
    book: OpenedBook, place: str, many: int = 12, *, by_day: bool = True, opened=OLD,
    agents: int | None = None, browser: bool = True, roam: bool = True, mail: str | None = None,
    payment_of: str | None = None,
) -> None:  # fmt: skip
    """Customers at one address; by day in one zone, or round the clock."""
    draw = random.Random(place)
    for number in range(many):
        client = number % (agents or many)
        own = {
            "user_agent": f"Mozilla/5.0 ({client})" if browser else f"client/{client}",
            "account_created_at": opened,
            "email_domain": mail or f"{place}-{number}.example",
            "payment": payment_of or f"card-{place}-{number}",
        }
        name = f"{place}-{number}"
        for day in range(5):
            for _ in range(3):
                hour = draw.uniform(9, 18) if by_day else draw.uniform(0, 24)
                book.add(name, hours=day * 24 + hour, ip=place, asn=64512, **own)
        if roam:
            book.add(name, hours=20, ip=f"10.250.{draw.randrange(250)}.{number}", asn=64600, **own)


def marks(book: OpenedBook, folder) -> dict:
    population = Population(book.open(folder))
    return population.hubs


@pytest.mark.parametrize(
    ("habits", "mark"),
    [
        ({}, "carrier"),
        ({"by_day": False}, "vpn"),
        ({"mail": "campus.example", "roam": False}, "campus"),
        ({"browser": False, "agents": 2, "by_day": False}, "ci"),
    ],
)
def test_a_place_is_known_by_how_its_visitors_behave(tmp_path, habits, mark):
    book = OpenedBook()
    visitors(book, "10.1.1.1", **habits)
    found = marks(book, tmp_path)
    assert found["ip", "10.1.1.1"] == mark
    assert found["ip_prefix", "10.1.1.0/24"] == mark


@pytest.mark.parametrize(
    "habits",
    [
        {"opened": NEW},  # accounts that were opened for the purpose
        {"opened": NEW, "by_day": False},
        {"opened": None},  # not recorded: unknown is no
        {"agents": 1},  # all use one browser
        {"many": 4},  # too few organisations
        {"roam": False},  # it is all they have, and they have no house in common
    ],
)
def test_an_exit_of_a_campaign_gets_no_mark(tmp_path, habits):
    book = OpenedBook()
    visitors(book, "10.1.1.1", **habits)
    assert not {mark for key, mark in marks(book, tmp_path).items() if key[1].startswith("10.1.1")}


def test_a_resellers_card_pays_for_old_customers_and_a_campaigns_for_new_ones(tmp_path):
    book = OpenedBook()
    visitors(book, "10.1.1.1", payment_of="gift")
    visitors(book, "10.2.2.2", payment_of="theirs", opened=NEW)
    found = marks(book, tmp_path)
    assert found.get(("payment", "gift")) == "reseller"
    assert ("payment", "theirs") not in found


def test_a_public_mail_provider_is_everybodys_and_a_house_is_not(tmp_path):
    book = OpenedBook()
    for number in range(25):
        visitors(book, f"10.1.{number}.1", 1, mail="postbox.example", roam=False)
    visitors(book, "10.2.2.2", 25, mail="house.example", roam=False)
    for row in book.rows:
        row["user_agent"] = f"Mozilla/5.0 ({row['account_id']})"
    found = marks(book, tmp_path)
    assert found["email_domain", "postbox.example"] == "provider"
    assert ("email_domain", "house.example") not in found


def test_marks_alone_are_never_an_observation():
    for module in (network, payment, registration):
        assert module not in DETECTORS and not hasattr(module, "detect")


def test_an_account_with_everybodys_clients_and_networks_stands_for_many(tmp_path):
    book = OpenedBook()
    visitors(book, "10.1.1.1")
    for number in range(12):
        book.add("relay", hours=number, user_agent=f"app/{number}", ip=f"10.3.{number}.1",
                 asn=64700 + number % 6)  # fmt: skip
        book.add("traveller", hours=number, user_agent="app/1", ip=f"10.4.{number}.1",
                 asn=64700 + number % 6)  # fmt: skip
    uses = Population(book.open(tmp_path)).uses
    assert list(network.gateways(uses).execute().account_id) == ["relay"]


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery", "clickhouse", "trino"])
def test_the_expressions_compile_for_the_warehouses(dialect):
    requests = ibis.table(TYPES, name="requests")
    uses = ibis.table(
        {"account_id": "string", "organisation": "string", "kind": "string", "value": "string",
         "first_at": "timestamp", "last_at": "timestamp", "count": "int64"}, name="uses",
    )  # fmt: skip
    common, people = _common(uses), _people(requests, uses)
    for expression in (
        _traffic(_ways(requests), common),
        _users(uses, common, people),
        _houses(uses, common, people),
        network.gateways(uses),
    ):
        assert ibis.to_sql(expression, dialect=dialect)


def test_the_same_log_gives_the_same_marks(tmp_path):
    book = OpenedBook()
    visitors(book, "10.1.1.1")
    requests = book.open(tmp_path)
    uses = Population(requests).uses
    assert hub_marks(requests, uses) == hub_marks(requests, uses) != {}


class MarksInTheCensusTests(TestCase):
    def take(self, *counts):
        record_population(
            as_of=MONDAY, window_start=MONDAY, window_end=MONDAY, accounts=100, organisations=100,
            attributes=counts, uses=[],
        )  # fmt: skip

    def test_a_census_stores_the_mark_and_the_next_one_renews_it(self):
        count = ("ip", "10.1.1.1", "", 9, 9)
        self.take(AttributeCount(*count, "carrier"))
        assert Attribute.objects.get(value="10.1.1.1").hub == Attribute.Hub.CARRIER
        self.take(AttributeCount(*count, "vpn"), AttributeCount("ip", "10.1.1.2", "", 3, 3))
        assert Attribute.objects.get(value="10.1.1.1").hub == "vpn"
        assert Attribute.objects.get(value="10.1.1.2").hub == ""
        self.take(AttributeCount("ip", "10.1.1.2", "", 3, 3))
        assert Attribute.objects.get(value="10.1.1.1").hub == "vpn", "not counted: it stays"

    def test_every_mark_fits_into_its_column(self):
        assert max(map(len, Attribute.Hub.values)) <= 8

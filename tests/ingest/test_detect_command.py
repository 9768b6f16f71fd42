"""manage.py detect on a small simulated log, into the real database."""

import csv
import re
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from ingest.models import (
    ActivityHour,
    Attribute,
    AttributeUse,
    Batch,
    Census,
    Detector,
    Rejection,
    Signal,
)
from ingest.simulate import simulate
from ingest.simulate.hostile import NAMES

pytestmark = pytest.mark.django_db
STORED = (ActivityHour, Attribute, AttributeUse, Signal)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A campaign, the accounts with hostile names and three hundred others, for three days."""
    folder = tmp_path_factory.mktemp("simulated")
    end = datetime(2026, 11, 20, tzinfo=UTC)
    truth = simulate(folder, seed=1, days=3, end=end, people=350)
    smallest = min(truth.campaigns, key=lambda name: len(truth.members(name)))
    names = [
        name for name, label in truth.accounts.items()
        if label.campaign == smallest or label.label == "ordinary"
    ]  # fmt: skip
    everything = pq.read_table(folder / "requests.parquet")
    return everything.filter(pc.is_in(everything["account_id"], pa.array(names)))


@pytest.fixture
def log(table, tmp_path):
    pq.write_table(table, tmp_path / "log.parquet")
    return tmp_path / "log.parquet"


@pytest.fixture
def few(table, tmp_path):
    """A few hundred requests, for what does not depend on what is found."""
    pq.write_table(table.take(list(range(0, len(table), 30))), tmp_path / "few.parquet")
    return tmp_path / "few.parquet"


@pytest.fixture
def detect(capsys):
    def run(logs, *arguments, **options):
        call_command("detect", str(logs), *arguments, **options)
        return capsys.readouterr().out

    return run


def counts():
    return {model.__name__: model.objects.count() for model in STORED}


def test_a_second_run_stores_nothing_new(detect, log):
    said = detect(log)
    before = counts()
    assert all(before.values()), before
    assert not Rejection.objects.exists()
    assert re.search(r"template: [1-9][0-9]* signals stored, 0 repeated, 0 rejected", said)
    said = detect(log)
    assert counts() == before
    assert "every detector has told this window: nothing is stored" in said
    assert set(Batch.objects.values_list("door", flat=True)) == {Batch.Door.LOGS}


def test_one_run_counts_everybody_and_names_templates_without_quoting_them(detect, log, table):
    detect(log)
    check_census(table)
    check_template_signals()


def check_census(table):
    census = Census.objects.get()
    assert census.accounts == len(set(table["account_id"].to_pylist()))
    assert {"volume", "template", "content"} <= set(Detector.objects.values_list("slug", flat=True))
    shared = Attribute.objects.filter(kind="payment", accounts__gte=2)
    assert shared.exists()
    assert set(shared.values_list("population", flat=True)) == {census.accounts}


def check_template_signals():
    signals = Signal.objects.filter(detector__slug="template")
    assert signals.exists()
    words = Attribute.objects.filter(kind="template").exclude(label="")
    labels = [part.strip() for label in words.values_list("label", flat=True)
              for part in label.split("⟨…⟩") if len(part.strip()) > 20]  # fmt: skip
    assert labels
    for signal in signals:
        named = re.search(r"% of its [0-9,]+ requests follow template T-([0-9]+), ", signal.summary)
        assert named, signal.summary
        assert AttributeUse.objects.filter(account=signal.account, attribute=named[1]).exists()
        told = f"{signal.summary} {signal.evidence}".lower()
        assert not [part for part in labels if part[:20] in told]


def test_scores_names_every_account_once_and_a_dry_run_stores_nothing(detect, log, table, tmp_path):
    said = detect(log, scores=tmp_path / "scores.csv", dry_run=True)
    assert "nothing is stored" in said
    assert not any(counts().values())
    assert not Census.objects.exists() and not Batch.objects.exists()
    with open(tmp_path / "scores.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [row["account_id"] for row in rows]
    assert sorted(names) == sorted(set(table["account_id"].to_pylist()))
    assert set(NAMES) <= set(names)
    assert len({float(row["score"]) for row in rows}) > 5


def test_since_and_until_bound_the_window(detect, few):
    said = detect(few, "--since=2026-11-17", "--until=2026-11-18T12:00:00Z", dry_run=True)
    first, last = re.search(r"requests, (.+) – (.+) UTC", said).groups()
    assert first.startswith("17 Nov 2026") and last.startswith("18 Nov 2026 1")
    with pytest.raises(CommandError, match="no request between --since and --until"):
        detect(few, "--since=2030-01-01")


def test_map_tells_which_column_gives_a_field(detect, few, tmp_path):
    table = pq.read_table(few)
    names = ["card_hash" if name == "payment" else name for name in table.column_names]
    pq.write_table(table.rename_columns(names), tmp_path / "log.parquet")
    said = detect(tmp_path / "log.parquet", dry_run=True)
    assert "payment" in re.search(r"not recorded in this log: (.*)", said)[1]
    said = detect(tmp_path / "log.parquet", map=["payment=card_hash"], dry_run=True)
    assert "not recorded" not in said


@pytest.mark.parametrize(
    ("dropped", "mapping", "words"),
    [
        ("account_id", [], ["no column for account_id", "--map account_id=COLUMN"]),
        ("prompt", ["prompt=text"], ["has no column 'text'"]),
        ("prompt", ["wallet=prompt"], ["no such field"]),
        ("prompt", ["prompt"], ["FIELD=COLUMN"]),
    ],
)
def test_what_is_missing_is_one_clear_line(detect, table, tmp_path, dropped, mapping, words):
    pq.write_table(table.drop_columns([dropped]), tmp_path / "log.parquet")
    with pytest.raises(CommandError) as caught:
        detect(tmp_path / "log.parquet", map=mapping)
    said = str(caught.value)
    assert "\n" not in said and all(word in said for word in words), said
    assert not Batch.objects.exists()


def test_no_log_file_and_no_place_for_scores_are_one_line(detect, few, tmp_path):
    with pytest.raises(CommandError, match=r"^there is no file .*none\.parquet$"):
        detect(tmp_path / "none.parquet")
    with pytest.raises(CommandError, match=r"^--scores .*no folder for it, make it first$"):
        detect(few, scores=tmp_path / "no" / "folder.csv", dry_run=True)
    with pytest.raises(CommandError, match=r"^--scores .*can't be written \(.+\)$"):
        detect(few, scores=tmp_path, dry_run=True)

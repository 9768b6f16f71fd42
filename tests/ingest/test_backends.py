"""Every detector on Spark as on DuckDB: the same flags, scores and counts from the same log.

Deselected unless asked for (make test-spark): Spark is an extra, and needs Java.
"""

import logging
import random
import shutil

import pytest

from ingest.detectors import DETECTORS, Population
from ingest.detectors.activity import hourly_activity
from ingest.readers import read_logs
from ingest.simulate.varied import draw_world

pytestmark = pytest.mark.spark
STEPS, IN_STEP, THROTTLED = 40, 6, 25


def world_columns() -> dict[str, list]:
    """A drawn world of a few hundred accounts, and what it lacks: accounts that act in the same
    seconds, throttled requests, and a name that begins and ends with the letters that strip()
    costs on Spark."""
    columns = {name: list(values) for name, values in draw_world(5, accounts=60).columns.items()}
    start, draw = min(columns["at"]), random.Random(3)
    for step in range(STEPS):
        at = start + draw.randrange(10) * 86_400 + draw.uniform(8, 20) * 3600
        for number in range(IN_STEP):
            row = dict.fromkeys(columns) | {
                "request_id": f"step-{step}-{number}", "account_id": f"v-step-{number}-f",
                "organisation": f"f-step-{number}-v", "payment": "card-of-theirs",
                "at": at + draw.uniform(0, 1.5), "account_created_at": start - 86_400,
                "prompt": f"vf go on with part {step} of {number}, please, and say it briefly vf",
                "model": "quill-large",
            }  # fmt: skip
            for name, values in columns.items():
                values.append(row[name])
    columns["status"] = [
        "429" if place % THROTTLED == 0 else "200" for place in range(len(columns["at"]))
    ]
    return columns


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    world = draw_world(5, accounts=60)
    world.columns.clear()
    world.columns.update(world_columns())
    return world.write(tmp_path_factory.mktemp("backends") / "requests.parquet")


@pytest.fixture(scope="module")
def spark(path, tmp_path_factory):
    pyspark = pytest.importorskip(
        "pyspark.sql", reason="Spark is not installed: pip install -r requirements-spark.txt"
    )
    if not shutil.which("java"):
        pytest.skip("there is no Java on this machine, and Spark needs one")
    folder = tmp_path_factory.mktemp("spark")
    session = (
        pyspark.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.warehouse.dir", str(folder))
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    logging.getLogger("py4j").setLevel(logging.WARNING)  # says goodbye after logging has closed
    session.read.parquet(str(path)).createOrReplaceTempView("requests")
    yield read_logs("requests", backend="pyspark://")
    session.stop()


@pytest.fixture(scope="module")
def populations(path, spark):
    return Population(read_logs(str(path)).requests), Population(spark.requests)


def told(detector, population) -> tuple[dict, dict]:
    found = detector.detect(population.requests, population)
    flags = {
        (o.ref, o.account.id): (o.score, o.p_value, o.group_key, o.summary)
        for o in found.observations
    }
    return flags, found.scores


def test_the_log_reads_alike(path, spark):
    here = read_logs(str(path))
    assert (here.lines, here.repeated, here.without_account, here.without_time) == (
        spark.lines, spark.repeated, spark.without_account, spark.without_time,
    )  # fmt: skip
    names = {"v-step-0-f", "v-step-5-f"}
    assert names <= set(spark.requests.account_id.execute())


def test_the_population_is_counted_alike(populations):
    here, there = populations
    assert here.accounts.requests.to_dict() == there.accounts.requests.to_dict()
    counted, counted_there = (
        # not the label: which of a wording's prompts it is made from is the backend's choice
        [(c.kind, c.value, c.accounts, c.organisations, c.hub) for c in p.attribute_counts()]
        for p in populations
    )
    assert counted == counted_there and any(kind == "template" for kind, *_ in counted)
    assert list(here.population_uses()) == list(there.population_uses())
    assert here.hubs == there.hubs and here.hubs


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.SLUG)
def test_a_detector_tells_alike(populations, detector):
    (flags, scores), (flags_there, scores_there) = (told(detector, p) for p in populations)
    assert flags, "a detector that flags nobody compares nothing"
    assert flags == flags_there
    assert scores == pytest.approx(scores_there, abs=1e-9)


def test_hours_are_counted_alike(populations):
    names = list(populations[0].accounts.index[:40])
    here, there = (list(hourly_activity(p.requests, names)) for p in populations)
    assert here and here == there

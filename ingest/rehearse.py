"""The detectors over a tiny invented log: which columns their queries read, and how often.

What a run will read can't be told from its first query. Here every query is asked once, of a log
that has something for each detector to find, on a DuckDB of this process.
"""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.detectors import DETECTORS, Population, declaration
from ingest.detectors.activity import hourly_activity
from ingest.detectors.crossing import Crossing
from ingest.detectors.warehouse import copy
from ingest.readers import read_logs

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
OPENING = frozenset({"account_id", "at", "request_id"})  # what read_logs counts
ORDINARY, CAMPAIGN, DAYS = 120, 12, 4
COLUMNS = {
    "request_id": pa.string(), "at": pa.timestamp("ms", tz="UTC"), "account_id": pa.string(),
    "organisation": pa.string(), "plan": pa.string(),
    "account_created_at": pa.timestamp("ms", tz="UTC"), "api_key_id": pa.string(),
    "ip": pa.string(), "asn": pa.string(), "user_agent": pa.string(), "payment": pa.string(),
    "email_domain": pa.string(), "registration": pa.string(), "device": pa.string(),
    "model": pa.string(), "prompt": pa.string(), "input_tokens": pa.int64(),
    "cached_tokens": pa.int64(), "output_tokens": pa.int64(), "reasoning_tokens": pa.int64(),
    "status": pa.string(), "stop_reason": pa.string(),
}  # fmt: skip
SUBJECTS = ("the tides at Brest", "grafting an apple tree", "a sonata in D minor", "knots for rope",
            "the price of barley", "lenses of old cameras", "how bees find a home")  # fmt: skip
WORDING = "You are a patient examiner of proofs. Claim: {} holds for {}. Answer with one verdict."


@lru_cache(maxsize=4)
def rehearse(locked: bool = False, copied: bool = False) -> tuple[frozenset[str], ...]:
    """The columns of the log that each query of a run reads, one entry a query. copied: the log is
    in files, which a run copies first."""
    reads = [OPENING]
    with tempfile.TemporaryDirectory() as folder:
        requests = read_logs(str(write_log(Path(folder)))).requests
        ask_everything(requests, locked=locked, copied=copied, meter=reads.append)
    return tuple(reads)


def ask_everything(
    requests: ir.Table,
    *,
    locked: bool = False,
    copied: bool = False,
    meter: Callable[[frozenset[str]], None] | None = None,
    watch: Callable[[str, ir.Expr], None] | None = None,
) -> Crossing:
    """Count the population as the census does, run every detector that may run, and the hourly
    activity; stores nothing. meter and watch are Crossing's."""
    with Crossing(requests, locked=locked, meter=meter, watch=watch).open() as crossing:
        if copied:
            requests = copy(requests)
        population = Population(requests)
        names = list(population.accounts.index)
        counted, used = list(population.attribute_counts()), list(population.population_uses())
        assert counted and used, "a rehearsal finds something"
        for detector in DETECTORS:
            declared = declaration(detector)
            if not (locked and declared.why_not_locked):
                with crossing.of(declared.slug, declared.exports):
                    detector.detect(requests, population)
        with crossing.of("activity", frozenset({"account_id", "at", "model"})):
            list(hourly_activity(requests, names[:5]))
    return crossing


def write_log(folder: Path) -> Path:
    """A few hundred requests: people with their own things, a campaign with a wording, a card and
    an address in common, and one account that sends far more than the others."""
    rows = []
    for number in range(ORDINARY):
        for turn in range(DAYS * 2):
            subject = SUBJECTS[(number + turn) % len(SUBJECTS)]
            prompt = f"Please tell me in a few words about {subject}, number {number}."
            own = {"ip": f"10.1.{number % 20}.7", "payment": f"card-{number}"}
            at = turn * 11.5 + number * 7 / 3600
            rows.append(_row(len(rows), f"user-{number:03}", at, prompt, own))
    for number in range(CAMPAIGN):
        for turn in range(DAYS * 4):
            one, other = SUBJECTS[turn % 7], SUBJECTS[(turn + number) % 5]
            shared = {"ip": f"10.7.{(number + turn) % 4}.3", "payment": f"card-c{number % 4}",
                      "device": f"device-{number % 3}", "user_agent": "client/7"}  # fmt: skip
            prompt = WORDING.format(one, other)
            # in the midst of a minute: one trigger for all of them
            at = turn * 5.9 + (23 + number / 8) / 3600
            rows.append(_row(len(rows), f"camp-{number:02}", at, prompt, shared))
    for turn in range(200):
        throttled = {"status": "429"} if turn % 20 == 7 else {}
        prompt = "Go on with the next part, please."
        rows.append(_row(len(rows), "giant", turn / 3, prompt, throttled))
    path = folder / "rehearsal.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(list(COLUMNS.items()))), path)
    return path


def _row(number: int, account: str, hours: float, prompt: str, fields: dict) -> dict:
    return {
        "request_id": f"req-{number:05}",
        "at": MONDAY + timedelta(hours=hours),
        "account_id": account,
        "organisation": f"org-{account}",
        "plan": "build",
        "account_created_at": MONDAY - timedelta(days=40),
        "api_key_id": f"key-{account}",
        "asn": "64512",
        "user_agent": "browser/1",
        "email_domain": "mail.example",
        "registration": "web",
        "model": "orion-large",
        "prompt": prompt,
        "input_tokens": 20 + number % 7,
        "cached_tokens": 0,
        "output_tokens": 80 + number % 11,
        "reasoning_tokens": 5,
        "status": "200",
        "stop_reason": "end_turn",
        **fields,
    }

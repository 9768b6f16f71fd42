"""A provider's traffic with planted campaigns and innocent look-alikes, for the demo and tests.

Everything is invented: words, people, addresses (10.0.0.0/8), networks (ASN 64512 and up).
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.simulate.campaigns import KINDS, Campaign, draw_plan
from ingest.simulate.hostile import plant_hostile
from ingest.simulate.log import Label, Log
from ingest.simulate.lookalikes import Lookalikes
from ingest.simulate.people import People
from ingest.simulate.world import World

PEOPLE = 2400  # ordinary accounts
COLUMNS = {
    "at": pa.timestamp("ms", tz="UTC"),
    "account_id": pa.string(),
    "organisation": pa.string(),
    "plan": pa.string(),
    "account_created_at": pa.timestamp("ms", tz="UTC"),
    "api_key_id": pa.string(),
    "ip": pa.string(),
    "asn": pa.int64(),
    "user_agent": pa.string(),
    "payment": pa.string(),
    "email_domain": pa.string(),
    "registration": pa.string(),
    "device": pa.string(),
    "model": pa.string(),
    "prompt": pa.string(),
    "input_tokens": pa.int64(),
    "cached_tokens": pa.int64(),
    "output_tokens": pa.int64(),
    "reasoning_tokens": pa.int64(),
    "status": pa.int64(),
    "stop_reason": pa.string(),
}


@dataclass(frozen=True)
class Truth:
    """What was planted. accounts: account → label; campaigns: name → how it works."""

    seed: int
    log: Path
    requests: int
    accounts: dict[str, Label]
    campaigns: dict[str, dict]

    def members(self, campaign: str) -> set[str]:
        return {name for name, label in self.accounts.items() if label.campaign == campaign}


def simulate(
    out: Path, *, seed: int, days: int = 14, end: datetime | None = None, people: int = PEOPLE
) -> Truth:
    """Write out/requests.parquet and out/truth.json. The same arguments give the same files.

    end is the last moment (today's midnight, UTC, when left out). The world is drawn up to end's
    midnight, with a week of its own, and then moved, as if its people lived some time zones away:
    whenever it ends, a seed plants the same campaigns. Raises OSError when out can't be written.
    """
    end = end or datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    midnight = end.replace(hour=0, minute=0, second=0, microsecond=0)
    random = Random(seed)
    log = Log(random, (midnight - timedelta(days=days)).timestamp(), days)
    cast = People(World(random), log)
    while len(log.truth) < people:
        random.choices((cast.person, cast.household, cast.firm), (88, 8, 4))[0]()
    Lookalikes(cast).plant()
    kinds = random.sample(KINDS, random.choice((4, 5)))
    kinds += random.sample(KINDS, random.choice((0, 0, 1)))
    largest = random.randrange(len(kinds)) + 1
    for number, kind in enumerate(kinds, start=1):
        plan = draw_plan(random, kind, large=number == largest)
        Campaign(f"campaign-{number}", plan, cast).run()
    plant_hostile(cast)
    return _write(out, seed, log, later=(end - midnight).total_seconds())


def _write(out: Path, seed: int, log: Log, *, later: float) -> Truth:
    out.mkdir(parents=True, exist_ok=True)
    log.rows.sort(key=lambda row: (row[0], row[1], row[14]))
    columns = list(zip(*log.rows, strict=True))
    arrays = [pa.array([f"req-{seed}-{n:07d}" for n in range(len(log.rows))])]
    for values, kind in zip(columns, COLUMNS.values(), strict=True):
        if pa.types.is_timestamp(kind):
            values = [round((value + later) * 1000) for value in values]
            arrays.append(pa.array(values, pa.int64()).cast(kind))
        else:
            arrays.append(pa.array(values, kind))
    path = out / "requests.parquet"
    pq.write_table(pa.table(arrays, names=["request_id", *COLUMNS]), path, compression="zstd")
    active = {row[1] for row in log.rows}
    truth = {name: label for name, label in sorted(log.truth.items()) if name in active}
    (out / "truth.json").write_text(
        json.dumps(
            {
                "seed": seed,
                "requests": len(log.rows),
                "campaigns": log.campaigns,
                "accounts": {name: asdict(label) for name, label in truth.items()},
            },
            indent=1,
        )
    )
    return Truth(seed, path, len(log.rows), truth, log.campaigns)

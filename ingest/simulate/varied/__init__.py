"""Worlds drawn anew: another language, another public, other look-alikes and other campaigns for
every seed, to judge detection on structure that nobody designed for. The demo has its own world.

What is drawn, and between which bounds, is the Plan of operations.py, the sizes in harmless.py and
the habits in ordinary.py. Nothing here may be tuned so that detection looks better.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.simulate.varied.ground import Ground
from ingest.simulate.varied.harmless import Harmless
from ingest.simulate.varied.language import Language
from ingest.simulate.varied.operations import KINDS, Operation, draw_plan
from ingest.simulate.varied.ordinary import Ordinary

__all__ = ["KINDS", "World", "draw_world"]

BEGIN = datetime.fromisoformat("2026-09-07T00:00:00+00:00").timestamp()
DAYS = 14
LEFT_OUT = {"cards": ("payment",), "exits": ("ip", "asn"), "content": ("prompt",)}
SIGN_UP = ("device", "email_domain", "registration")  # many providers' logs hold none of it


@dataclass(frozen=True)
class World:
    """columns: a request log by column; truth: account → (campaign, hazard or ordinary; kind; name
    of the campaign or ""); campaigns: name → plan."""

    seed: int
    columns: dict[str, list]
    truth: dict[str, tuple[str, str, str]]
    campaigns: dict[str, dict]

    def write(self, path: Path, *, without: str = "", keep: float = 1.0) -> Path:
        """As Parquet. without: a family that is not recorded, one of LEFT_OUT; keep: the share of
        the requests that a thinned log holds."""
        columns = {k: v for k, v in self.columns.items() if k not in LEFT_OUT.get(without, ())}
        arrays = {name: pa.array(values) for name, values in columns.items()}
        for name in ("at", "account_created_at"):
            milliseconds = [round(value * 1000) for value in columns[name]]
            arrays[name] = pa.array(milliseconds, pa.int64()).cast(pa.timestamp("ms", tz="UTC"))
        table = pa.table(arrays)
        if keep < 1:
            chosen = np.random.default_rng(self.seed).random(len(table)) < keep
            table = table.filter(pa.array(chosen))
        pq.write_table(table.sort_by("at"), path, compression="zstd")
        return path


def draw_world(
    seed: int,
    *,
    accounts: int = 1500,
    campaigns: Sequence[str] | None = None,
    size: int | None = None,
) -> World:
    """The world of a seed, with about so many ordinary accounts. campaigns: kinds to plant instead
    of two to four that are drawn; size: accounts of each campaign instead of what is drawn."""
    rng = np.random.default_rng(seed)
    signup_recorded = bool(rng.random() < 0.5)
    ground = Ground(rng, BEGIN, DAYS)
    language = Language(rng, int(rng.integers(30, 90)))
    ordinary = Ordinary(ground, language)
    ordinary.populate(accounts)
    benchmarks = []
    for _ in range(3):
        topics = rng.choice(language.topics, int(rng.integers(2, language.topics)), replace=False)
        benchmarks.append(language.questions(topics, language.manner((0.1, 0.3)), 400))
    Harmless(ground, language, ordinary, benchmarks).plant()
    if campaigns is None:
        campaigns = rng.choice(KINDS, int(rng.integers(2, 5)), replace=False).tolist()
    plans = {}
    for number, kind in enumerate(campaigns):
        plan = draw_plan(rng, kind, devices_recorded=signup_recorded)
        plan.size = size or plan.size
        name = f"campaign-{number}"
        plans[name] = Operation(name, plan, ground, language, ordinary, benchmarks).run()
    columns = ground.columns
    if not signup_recorded:
        columns = {name: values for name, values in columns.items() if name not in SIGN_UP}
    sent = set(columns["account_id"])
    truth = {name: label for name, label in ground.truth.items() if name in sent}
    return World(seed, columns, truth, plans)

"""What a detector hands over, and the parts that every detector's observations need."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import ibis
import ibis.expr.types as ir

from ingest.detectors.crossing import exporting, is_locked
from ingest.wire import Observation, Sample

MOST_SAMPLES = 5
SAMPLE_LENGTH = 2000
NAMED = frozenset({"account_id", "request_id", "at", "model"})  # what a request is named by


@dataclass(frozen=True)
class Findings:
    """observations are for the desk; scores (0–1) are of every account of the log. tested: how many
    accounts it could speak of, where those are not all that have a score."""

    observations: list[Observation]
    scores: dict[str, float]
    tested: int | None = None

    @property
    def accounts_tested(self) -> int:
        return len(self.scores) if self.tested is None else self.tested

    @property
    def accounts_flagged(self) -> int:
        return len({observation.account.id for observation in self.observations})


def reference(slug: str, version: str, account: str, start: datetime, end: datetime) -> str:
    """The same for the same detector release, account and window, so that a second run over a log
    repeats its signals and adds none."""
    told = "|".join((slug, version, account, start.isoformat(), end.isoformat()))
    return f"{slug}-{digest(told)[:32]}"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def samples_of(requests: ir.Table, accounts: list[str]) -> dict[str, list[Sample]]:
    """Up to MOST_SAMPLES prompts of each account, spread over its different prompts by digest. From
    a locked log the ids of so many requests instead: whoever may read the log finds them there."""
    if not accounts:
        return {}
    if is_locked():
        return _ids_of(requests, accounts)
    names = ibis.memtable({"account_id": sorted(accounts)})
    t = requests.filter(requests.prompt.notnull()).semi_join(names, "account_id")
    once = t.group_by("account_id", "prompt").aggregate(first_at=t["at"].min(), model=t.model.min())
    spread = ibis.row_number().over(
        group_by="account_id", order_by=[once.prompt.hash(), once.prompt]
    )
    some = once.mutate(place=spread)
    rows = some.filter(some.place < MOST_SAMPLES).order_by("account_id", "first_at", "place")
    found: dict[str, list[Sample]] = {}
    for row in rows.execute().itertuples(index=False):
        found.setdefault(row.account_id, []).append(sample(row.prompt, row.first_at, row.model))
    return found


def _ids_of(requests: ir.Table, accounts: list[str]) -> dict[str, list[Sample]]:
    names = ibis.memtable({"account_id": sorted(accounts)})
    t = requests.filter(requests.request_id.notnull()).semi_join(names, "account_id")
    spread = ibis.row_number().over(
        group_by="account_id", order_by=[t.request_id.hash(), t.request_id]
    )
    some = t.select("account_id", "request_id", "model", first_at=t["at"], place=spread)
    rows = some.filter(some.place < MOST_SAMPLES).order_by("account_id", "first_at", "place")
    with exporting("samples", NAMED):
        frame = rows.execute()
    found: dict[str, list[Sample]] = {}
    for row in frame.itertuples(index=False):
        told = f"request {row.request_id} (its prompt stays in the log)"
        found.setdefault(row.account_id, []).append(sample(told, row.first_at, row.model))
    return found


def sample(prompt: str, at, model) -> Sample:
    from ingest.detectors.population import moment

    text = prompt.replace("\0", "\N{REPLACEMENT CHARACTER}")[:SAMPLE_LENGTH]
    return Sample(text=text, at=moment(at), model=model if isinstance(model, str) else "")

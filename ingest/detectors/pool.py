"""The pooled test of a candidate cluster: do its accounts' prompts, taken together, come from the
law that everybody else's come from? One p-value for the cluster, none for a member.

Held out from what selected the cluster: behaviour reads one half of all prompts (halves.py) and the
test the other; the few prompts that content compared are left out; and so is every prompt, on
either side, that carries a wording by which the members are tied. The reference is accounts of no
case. The embedding and the kernel's width are fitted to the other half of the reference's prompts.

A small p says that the pool is not like the rest: a product's customers are not either.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import ibis
import ibis.expr.types as ir
import numpy as np

from ingest.detectors.embedding import HashedEmbedding
from ingest.detectors.halves import held_out
from ingest.detectors.likeness import PROMPTS
from ingest.detectors.mmd import Pooled, median_width, pooled_test
from ingest.detectors.prompts import LONGEST, SHORTEST, md5

MOST_ACCOUNTS, MOST_REFERENCE = 150, 300
EACH = 12  # held-out prompts of an account
PERMUTATIONS = 9999  # the floor of p is 0.0001: many clusters are tested
FEWEST_ACCOUNTS, FEWEST_PROMPTS = 5, 20
FEWEST_REFERENCE = 20
Tell = Callable[[str], None]


class Embedding(Protocol):
    name: str

    def __call__(self, texts: Sequence[str]) -> np.ndarray: ...


@dataclass(frozen=True)
class PoolAnswer:
    """found is None where it was not tested, and why_not says why."""

    found: Pooled | None
    why_not: str = ""
    embedding: str = ""
    wordings: int = 0  # whose prompts were left out


def test_pool(
    requests: ir.Table,
    accounts: Collection[str],
    *,
    wordings: Collection[str] = (),
    others: Collection[str] = (),
    embed: Callable[[Sequence[str]], Embedding] = HashedEmbedding,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    tell: Tell = lambda step: None,
) -> PoolAnswer:
    """requests of the window; wordings are fixed words (sweeps.anchor) whose prompts are left out;
    others are accounts that are no reference either. embed is fitted to some texts and then makes
    points of others. Deterministic for a seed."""
    tell("reading held-out prompts")
    pool = _prompts(requests, _some(requests, accounts, MOST_ACCOUNTS), wordings)
    if len(pool) < FEWEST_ACCOUNTS or sum(map(len, pool.values())) < FEWEST_PROMPTS:
        return PoolAnswer(None, _too_few("the cluster", pool), wordings=len(wordings))
    strangers = {*accounts, *others}
    names = _reference(requests, strangers)
    reference = _prompts(requests, names, wordings)
    if len(reference) < FEWEST_REFERENCE:
        return PoolAnswer(None, _too_few("the reference", reference), wordings=len(wordings))
    tell("fitting the ruler")
    ruler = [text for texts in _ruler(requests, names).values() for text in texts]
    if len(ruler) < FEWEST_PROMPTS:
        return PoolAnswer(None, "the reference has too few other prompts to fit an embedding to")
    fitted = embed(ruler)
    width = median_width(fitted(ruler))
    tell("comparing with the reference")
    everybody = [*pool.values(), *reference.values()]
    owner = np.repeat(np.arange(len(everybody)), [len(texts) for texts in everybody])
    vectors = fitted([text for texts in everybody for text in texts])
    pooled = np.arange(len(everybody)) < len(pool)
    found = pooled_test(vectors, owner, pooled, width, permutations=permutations, seed=seed)
    return PoolAnswer(found, embedding=fitted.name, wordings=len(wordings))


test_pool.__test__ = False  # its name is the design's; it is no test of ours


def _too_few(whose: str, found: dict[str, list[str]]) -> str:
    prompts = sum(map(len, found.values()))
    return f"{whose} has {prompts:,} held-out prompts of {len(found):,} accounts, too few to test"


def _some(requests: ir.Table, accounts: Collection[str], most: int) -> list[str]:
    """So many of the accounts, by digest of the name."""
    names = ibis.memtable({"account_id": sorted(set(accounts))})
    found = requests.semi_join(names, "account_id").select("account_id").distinct()
    return _names(found.order_by(found.account_id.hash(), found.account_id).limit(most))


def _reference(requests: ir.Table, strangers: Collection[str]) -> list[str]:
    names = ibis.memtable({"account_id": sorted(strangers)})
    found = requests.filter(requests.prompt.notnull()).anti_join(names, "account_id")
    found = found.select("account_id").distinct()
    return _names(found.order_by(found.account_id.hash(), found.account_id).limit(MOST_REFERENCE))


def _names(found: ir.Table) -> list[str]:
    return found.execute().account_id.tolist()


def _prompts(
    requests: ir.Table, names: list[str], wordings: Collection[str]
) -> dict[str, list[str]]:
    """Held-out prompts, at most EACH of an account, by digest; accounts that have any."""
    once = _ranked(requests, names)
    t = once.filter((once.place >= PROMPTS) & (once.half == 1))
    if wordings:
        plain = t.prompt.lower().re_replace(r"\s+", " ")
        t = t.filter(~ibis.or_(*(plain.contains(words) for words in sorted(wordings))))
    return _gathered(t)


def _ruler(requests: ir.Table, names: list[str]) -> dict[str, list[str]]:
    once = _ranked(requests, names)
    return _gathered(once.filter(once.half == 0))


def _ranked(requests: ir.Table, names: list[str]) -> ir.Table:
    """account_id, prompt (cut), half (1: held out) and place: the order in which prompts_of takes
    those that content compares."""
    some = ibis.memtable({"account_id": names}, schema={"account_id": "string"})
    t = requests.filter(requests.prompt.length() >= SHORTEST).semi_join(some, "account_id")
    t = t.select("account_id", prompt=t.prompt.left(LONGEST), half=held_out(t.prompt).cast("int64"))
    once = t.group_by("account_id", "prompt").aggregate(half=t.half.min())
    place = ibis.row_number().over(group_by="account_id", order_by=md5(once.prompt))
    return once.mutate(place=place)


def _gathered(t: ir.Table) -> dict[str, list[str]]:
    turn = ibis.row_number().over(group_by="account_id", order_by=t.place)
    t = t.select("account_id", "prompt", "place", turn=turn)
    rows = t.filter(t.turn < EACH).order_by("account_id", "place").execute()
    found: dict[str, list[str]] = {}
    for row in rows.itertuples(index=False):
        found.setdefault(row.account_id, []).append(row.prompt)
    return found

"""From a seed to the population that it belongs to: an account's membership in bits, by family.

Naive Bayes by expectation and maximisation: what members write, where they come from, how they pay
and what habits they have is learnt from the seed and then from whoever looks like it. Every family
is capped, the own organisation is left out of every count, several addresses of one block are one
witness, and while growing nobody counts as a member without the content and one other family, or
without two solid ones. Nothing is learnt from labels.
"""

from dataclasses import dataclass

import numpy as np

from ingest.detectors.nearness import Nearness
from ingest.detectors.ties import Family

CAP = 6.0
CAPS = {"content": 6.0, "network": 6.0, "payment": 6.0, "device": 6.0, "registration": 3.0,
        "software": 2.0, "wording": 4.0, "habits": 3.0}  # fmt: skip
LEAST = -2.0  # that a family may take away, of what is not the content
SOLID = ("network", "payment", "device")
SOFT = ("registration", "software")  # a shared wording is the content once more
WITNESSING = (*SOLID, "registration")
LEAST_UNTIED = -8.0
ROOFS = ("network", "payment")  # one value of these may stand for an institution
ROUNDS = 6
CORE = 48  # members that the content is compared with
DOUBT = 1.0  # other carriers of unknown kind, added to each value's count
BINS = 14
FEWEST = 5


@dataclass(frozen=True)
class Grown:
    """bits: by family, for every account; odds: log2, the prior included; apart: mean bits of the
    members by witnessing family, with the family's commonest place left out; witnesses: places
    beyond that one that organisations of the members share; roof: the largest share of their
    organisations at one address block or on one card."""

    members: np.ndarray
    bits: dict[str, np.ndarray]
    odds: np.ndarray
    apart: dict[str, float]
    witnesses: dict[str, int]
    roof: float


class Votes:
    """How far those who share a family's values with an account are members, by organisation."""

    def __init__(self, family: Family, party: np.ndarray):
        coo = family.uses.tocoo()
        self.account, self.value = coo.row, coo.col
        key = party[self.account].astype(np.int64) * family.uses.shape[1] + self.value
        _, self.entry = np.unique(key, return_inverse=True)
        self.entries = int(self.entry.max(initial=-1)) + 1
        self.of_entry = np.zeros(self.entries, dtype=int)
        self.of_entry[self.entry] = self.value
        self.others = np.bincount(self.of_entry, minlength=len(family.place)) - 1
        at_place = self.account.astype(np.int64) * (int(family.place.max(initial=0)) + 1)
        _, self.group = np.unique(at_place + family.place[self.value], return_inverse=True)
        self.owner = np.zeros(int(self.group.max(initial=-1)) + 1, dtype=int)
        self.owner[self.group] = self.account
        self.place = family.place

    def bits(
        self, weight: np.ndarray, share: float, size: int, cap: float, without: int = -1
    ) -> np.ndarray:
        """without: a place that has no say."""
        by_entry = np.zeros(self.entries)
        np.maximum.at(by_entry, self.entry, weight[self.account])
        total = np.bincount(self.of_entry, by_entry, minlength=len(self.others))
        voted = total[self.value] - by_entry[self.entry]
        told = (voted + DOUBT * share) / (self.others[self.value] + DOUBT)
        lift = np.log2(np.maximum(told / share, 0.5))
        lift[self.place[self.value] == without] = 0.0
        best = np.full(len(self.owner), -np.inf)
        np.maximum.at(best, self.group, lift)
        summed = np.zeros(size)
        np.add.at(summed, self.owner, best)
        return np.clip(summed, LEAST, cap)

    def shared_places(self, member: np.ndarray, party: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places that at least two member organisations share, the commonest first, and by how many
        each."""
        ours = member[self.account]
        pairs = np.unique(
            np.stack([self.place[self.value[ours]], party[self.account[ours]]]), axis=1
        )
        places, count = np.unique(pairs[0], return_counts=True)
        order = np.argsort(-count, kind="stable")[: int((count >= 2).sum())]
        return places[order], count[order]


def grow(
    seed: np.ndarray,
    near: Nearness,
    votes: dict[str, Votes],
    habits: np.ndarray,
    rounds: int = ROUNDS,
) -> Grown:
    """habits: accounts × features, standardised, nan where not known."""
    size = len(near.party)
    weight = np.zeros(size)
    weight[seed] = 0.9
    share = max(weight.sum() / size, 2.0 / size)
    member = weight > 0.5
    bits: dict[str, np.ndarray] = {}
    odds = np.zeros(size)
    for turn in range(rounds):
        bits = {name: vote.bits(weight, share, size, CAPS[name]) for name, vote in votes.items()}
        bits["content"] = _content(near, weight, CAPS["content"])
        bits["habits"] = _habits(habits, weight, CAPS["habits"])
        odds = np.log2(share / (1 - share)) + sum(bits.values())
        solid = sum((bits[name] > 1).astype(int) for name in votes if name in SOLID)
        soft = sum((bits[name] > 1).astype(int) for name in SOFT if name in votes)
        alike = bits["content"] > 1
        allowed = (alike & (solid + soft >= 1)) | (solid >= 2)
        weight = np.where(allowed, 1 / (1 + 2.0 ** -np.clip(odds, -40, 40)), 0.0)
        if turn < 2:
            weight[seed] = np.maximum(weight[seed], 0.6)
        before, member = member, weight > 0.5
        if member.sum() < FEWEST:
            break
        share = min(0.4, max(weight.sum() / size, 2.0 / size))
        if turn > 2 and (before == member).all():
            break
    apart, witnesses, roof = {}, {}, 0.0
    for name in WITNESSING:
        if name in votes and member.any():
            places, shared_by = votes[name].shared_places(member, near.party)
            witnesses[name] = max(0, len(places) - 1)
            if name in ROOFS and len(places):
                roof = max(roof, shared_by[0] / len(np.unique(near.party[member])))
            if witnesses[name]:
                told = votes[name].bits(weight, share, size, CAPS[name], int(places[0]))
                apart[name] = float(told[member].mean())
    odds = odds + _untied(bits, weight)
    return Grown(np.flatnonzero(member), bits, odds, apart, witnesses, float(roof))


def _untied(bits: dict[str, np.ndarray], weight: np.ndarray) -> np.ndarray:
    """What it takes away to share nothing with members that are tied to each other: whoever only
    writes like them may ask the same benchmark. Nothing where members aren't tied either."""
    tied = np.zeros(len(weight), dtype=bool)
    for name in WITNESSING:
        tied |= bits.get(name, np.zeros(1)) > 1
    inside = (weight[~tied].sum() + 1) / (weight.sum() + 2)
    outside = ((1 - weight)[~tied].sum() + 1) / ((1 - weight).sum() + 2)
    return np.where(tied, 0.0, np.clip(np.log2(inside / outside), LEAST_UNTIED, 0.0))


def _content(near: Nearness, weight: np.ndarray, cap: float) -> np.ndarray:
    core = np.argsort(-weight, kind="stable")[:CORE]
    core = np.sort(core[weight[core] > 0.3])
    if len(core) < FEWEST:
        return np.zeros(len(weight))
    told = near.against(core)
    half = max(1, told.shape[1] // 2)
    told = -np.sort(-np.where(np.isnan(told), -9.0, told), axis=1)[:, :half]
    told[told == -9.0] = np.nan
    known = ~np.isnan(told).all(axis=1)
    mean = np.zeros(len(weight))
    mean[known] = np.nanmean(told[known], axis=1)
    found = _ratio(mean[known], weight[known], cap)
    bits = np.zeros(len(weight))
    bits[known] = found
    return bits


def _ratio(value: np.ndarray, weight: np.ndarray, cap: float) -> np.ndarray:
    """log2 of the density among members over that among all others, rising in value."""
    if not len(value):
        return value
    grid = np.unique(np.quantile(value, np.linspace(0, 1, BINS + 1)[1:-1]))
    high = np.unique(np.quantile(value, (0.96, 0.98, 0.99, 0.995)))
    grid = np.unique(np.concatenate([grid, high]))
    place = np.searchsorted(grid, value, side="right")
    bins = len(grid) + 1
    inside = np.bincount(place, weight, minlength=bins)
    outside = np.bincount(place, 1 - weight, minlength=bins)
    size = (np.bincount(place, minlength=bins) + 1e-6) / len(value)  # a bin may be empty
    inside = (inside + size) / (inside.sum() + 1)
    outside = (np.maximum(outside, 0) + size) / (max(outside.sum(), 0) + 1)
    told = _rising(np.log2(inside / outside), size)
    return np.clip(told, -cap, cap)[place]


def _rising(value: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The nearest sequence that never falls: pool adjacent violators."""
    blocks: list[list[float]] = []
    for x, w in zip(value, np.maximum(weight, 1e-9), strict=True):
        blocks.append([x, w, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            x1, w1, n1 = blocks.pop()
            x0, w0, n0 = blocks.pop()
            blocks.append([(x0 * w0 + x1 * w1) / (w0 + w1), w0 + w1, n0 + n1])
    return np.repeat([b[0] for b in blocks], [int(b[2]) for b in blocks])


def _habits(habits: np.ndarray, weight: np.ndarray, cap: float) -> np.ndarray:
    """Normal laws with the members' mean and spread, shrunk towards everybody's."""
    total = np.zeros(len(weight))
    for column in habits.T:
        known = ~np.isnan(column)
        w = np.where(known, weight, 0.0)
        x = np.where(known, column, 0.0)
        doubt = 10.0
        mean = (w @ x) / (w.sum() + doubt)
        spread = (w @ (x - mean) ** 2 + doubt) / (w.sum() + doubt)
        told = -0.5 * np.log2(max(spread, 0.05))
        told = told - 0.72 * ((x - mean) ** 2 / max(spread, 0.05) - x**2)
        total += np.where(known, np.clip(told, -2, 2), 0.0)
    return np.clip(total, -cap, cap)

"""Grouping on populations with planted truth: how good, how fast, how much memory.

    python -m tests.bench.grouping [ACCOUNTS]

prints one JSON line a figure. The pure part stands beside the bare connected-components call on
the same links, the whole run beside copying its rows out and its result in, each in this one run;
ratios are the figures, seconds are the machine's. At a million accounts it takes some minutes.
"""

import json
import resource
import sys
import time
from collections import Counter

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cases.grouping import group
from tests.bench.worlds import World, world

ACCOUNTS = 1_000_000
CAMPAIGNS = 20
PRIOR = 1 / 3000
SMALL = (1_000, 100_000)
SEEDS = {1_000: range(1, 21), 100_000: range(1, 4)}
HUBS = (25_000, 50_000, 100_000)


def bare(facts) -> float:
    """Seconds of scipy's connected components over every use, as an account–value graph."""
    accounts = len(facts.account)
    size = accounts + len(facts.attribute)
    ones = np.ones(len(facts.use_account), dtype=np.int8)
    begin = time.perf_counter()
    graph = coo_array((ones, (facts.use_account, accounts + facts.use_attribute)), (size, size))
    connected_components(graph, directed=False)
    return time.perf_counter() - begin


def quality(planted: World, answer) -> dict:
    """Against what was planted: pairwise F1, mixed cases, campaigns missed, members that are
    innocent, and those of them that are a planted look-alike (hazard)."""
    size = Counter(name for name in planted.label.values() if name)
    right = together = members = innocent = hazards = mixed = 0
    found = set()
    for cluster in answer.clusters:
        labels = Counter(planted.label[m.account] for m in cluster.members)
        named = {name: n for name, n in labels.items() if name}
        right += sum(n * (n - 1) for n in named.values())
        together += len(cluster.members) * (len(cluster.members) - 1)
        members += len(cluster.members)
        innocent += labels[""]
        hazards += sum(m.account in planted.hazard for m in cluster.members if not m.aggregate)
        mixed += sum(n >= 3 for n in named.values()) > 1
        found |= {name for name, n in named.items() if n >= 0.1 * size[name]}
    planted_pairs = sum(n * (n - 1) for n in size.values())
    return {
        "pairwise_f1": 2 * right / (together + planted_pairs) if planted_pairs else 0.0,
        "mixed": mixed,
        "missed": len(size) - len(found),
        "innocent": innocent / members if members else 0.0,
        "hazards": hazards / members if members else 0.0,
        "pairs": (right, together, planted_pairs),
    }


class Bench:
    """Prints figures, and remembers whether all were within their limits."""

    def __init__(self):
        self.good = True

    def tell(self, name, value, unit, limit=None, *, least=False):
        ok = limit is None or (value >= limit if least else value <= limit)
        self.good &= bool(ok)
        line = {"name": name, "value": value, "unit": unit, "limit": limit, "ok": bool(ok)}
        print(json.dumps(line), flush=True)

    def tell_quality(self, name, figures: list[dict]):
        """The pairs of several populations of one size count together."""
        right, together, planted = (sum(f["pairs"][at] for f in figures) for at in range(3))
        self.tell(f"{name}_pairwise_f1", round(2 * right / (together + planted), 4), "F1", 0.97,
                  least=True)  # fmt: skip
        self.tell(f"{name}_missed_whole", sum(f["missed"] for f in figures), "campaigns", 0)
        self.tell(f"{name}_mixed_cases", sum(f["mixed"] for f in figures), "cases", 0)
        hazards = max(f["hazards"] for f in figures)
        self.tell(f"{name}_hazards", round(hazards, 4), "of members, the worst world", 0.01)
        innocent = max(f["innocent"] for f in figures)
        self.tell(f"{name}_innocent", round(innocent, 4), "of members, the worst world")


def small(bench: Bench):
    """Quality on small populations, and where a few accounts carry one family only."""
    for accounts in SMALL:
        for provable, said in ((True, ""), (False, "_sparse")):
            figures = []
            for seed in SEEDS[accounts]:
                planted = world(seed, accounts, 2 if accounts < 5_000 else 8, provable=provable)
                figures.append(quality(planted, group(planted.facts, prior=PRIOR)))
            if provable:
                bench.tell_quality(f"grouping_{accounts}", figures)
                continue
            right, together, all_pairs = (sum(f["pairs"][at] for f in figures) for at in range(3))
            f1 = round(2 * right / (together + all_pairs), 4)
            bench.tell(f"grouping_{accounts}{said}_pairwise_f1", f1, "F1")
            mixed = sum(f["mixed"] for f in figures)
            bench.tell(f"grouping_{accounts}{said}_mixed_cases", mixed, "cases", 0)


def hubs(bench: Bench):
    """What one more account behind a hub costs, at three sizes."""
    seconds = []
    for hub in (0, *HUBS):
        facts = world(3, 20_000, 2, hub=hub).facts
        seconds.append(min(_timed(facts)[0] for _ in range(3)))
    costs = [
        round(1e6 * (took - seconds[0]) / hub, 2)
        for hub, took in zip(HUBS, seconds[1:], strict=True)
    ]
    for hub, cost in zip(HUBS, costs, strict=True):
        bench.tell(f"grouping_hub_{hub}", cost, "microseconds for each account of the hub")
    # a quadratic term would make each account of the largest four times as dear
    bench.tell("grouping_hub_growth", round(costs[-1] / max(costs[0], 0.01), 2), "ratio", 2.0)


def _timed(facts):
    begin = time.perf_counter()
    answer = group(facts, prior=PRIOR)
    return time.perf_counter() - begin, answer


def pure(bench: Bench, planted: World):
    facts = planted.facts
    once = min(bare(facts) for _ in range(3))
    seconds, answer = min((_timed(facts) for _ in range(2)), key=lambda pair: pair[0])
    uses = f"{len(facts.account)} accounts, {len(facts.use_account)} uses"
    bench.tell("grouping_pure_over_components", round(seconds / once, 1), "ratio", 10.0)
    bench.tell("grouping_pure_seconds", round(seconds, 2), f"s, {uses}")
    bench.tell("grouping_components_seconds", round(once, 3), "s, the machine's calibration")
    bench.tell_quality(f"grouping_{len(facts.account)}", [quality(planted, answer)])


def main(accounts: int) -> int:
    bench = Bench()
    small(bench)
    hubs(bench)
    planted = world(7, accounts, CAMPAIGNS, provable=True)
    pure(bench, planted)
    from tests.bench.grouping_tables import tables

    tables(bench, planted)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    bench.tell("grouping_memory", round(peak, 2), "GiB, the whole bench", 4.0)
    return 0 if bench.good else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ACCOUNTS))

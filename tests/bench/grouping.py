"""Pure grouping beside the bare connected-components call on the same links, in one run.

`python -m tests.bench.grouping [ACCOUNTS]` prints one JSON line per figure.
"""

import json
import sys
import time
from collections import Counter

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cases.grouping import group
from tests.bench.worlds import world

ACCOUNTS = 200_000
RATIO = 10.0
PRIOR = 1 / 3000


def bare(facts) -> float:
    """Seconds of scipy's connected components over every use, as an account–value graph."""
    accounts = len(facts.account)
    size = accounts + len(facts.attribute)
    ones = np.ones(len(facts.use_account), dtype=np.int8)
    begin = time.perf_counter()
    graph = coo_array((ones, (facts.use_account, accounts + facts.use_attribute)), (size, size))
    connected_components(graph, directed=False)
    return time.perf_counter() - begin


def quality(planted, answer) -> dict:
    """Against what was planted: pairwise F1, mixed cases, campaigns missed, innocent members."""
    size = Counter(name for name in planted.label.values() if name)
    right = together = members = innocent = mixed = 0
    found = set()
    for cluster in answer.clusters:
        labels = Counter(planted.label[m.account] for m in cluster.members)
        named = {name: n for name, n in labels.items() if name}
        right += sum(n * (n - 1) for n in named.values())
        together += len(cluster.members) * (len(cluster.members) - 1)
        members += len(cluster.members)
        innocent += labels[""]
        mixed += sum(n >= 3 for n in named.values()) > 1
        found |= {name for name, n in named.items() if n >= 0.1 * size[name]}
    planted_pairs = sum(n * (n - 1) for n in size.values())
    return {
        "pairwise_f1": 2 * right / (together + planted_pairs) if planted_pairs else 0.0,
        "mixed": mixed,
        "missed": len(size) - len(found),
        "innocent": innocent / members if members else 0.0,
    }


def main(accounts: int) -> int:
    planted = world(7, accounts, campaigns=6)
    once = min(bare(planted.facts) for _ in range(3))
    begin = time.perf_counter()
    answer = group(planted.facts, prior=PRIOR)
    seconds = time.perf_counter() - begin
    told = quality(planted, answer)
    good = True
    for name, value, unit, limit in (
        ("grouping_pure_over_components", round(seconds / once, 1), "ratio", RATIO),
        (
            "grouping_pure_seconds",
            round(seconds, 2),
            f"s, {len(planted.facts.use_account)} uses",
            None,
        ),
        ("grouping_components_seconds", round(once, 4), "s, the machine's calibration", None),
        ("grouping_missed_whole", told["missed"], "campaigns", 0),
        ("grouping_mixed_cases", told["mixed"], "cases", 0),
        ("grouping_innocent_share", round(told["innocent"], 4), "of members", 0.03),
        ("grouping_pairwise_f1", round(told["pairwise_f1"], 4), "F1", None),
    ):
        ok = limit is None or value <= limit
        good &= ok
        line = {"name": name, "value": value, "unit": unit, "limit": limit, "ok": ok}
        print(json.dumps(line), flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ACCOUNTS))

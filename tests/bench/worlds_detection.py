"""Detection on worlds drawn anew (ingest.simulate.varied), which no design was made for.

python -m tests.bench.worlds_detection [worlds] prints one JSON line a figure: over drawn worlds; by
kind of campaign; without content, exits or cards; thinned to 30 % of the requests; and at low
prevalence (one campaign of some 16 accounts among 1,600). Nothing is learnt from a truth table, so
that every kind of campaign is a kind left out; FIRST is far from the seeds that were looked at
while the way of scoring was chosen (1 to 12, 1001 to 1006, 2001 to 2015).
"""

import json
import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "analyst.settings")
FIRST = 5001
WORLDS = 6
BENIGN_SHARE = 0.01
VIEWS = {
    "drawn": {},
    "without_content": {"without": "content"},
    "without_exits": {"without": "exits"},
    "without_cards": {"without": "cards"},
    "thinned_to_30_percent": {"keep": 0.3},
}


def main() -> int:
    import django

    django.setup()
    from ingest.simulate.varied import KINDS, draw_world

    many = int(sys.argv[1]) if len(sys.argv) > 1 else WORLDS
    by_kind, by_hazard = defaultdict(list), defaultdict(list)
    for view, options in VIEWS.items():
        told = []
        worlds = many if view == "drawn" else max(2, many // 3)
        for seed in range(FIRST, FIRST + worlds):
            world = draw_world(seed)
            figures, flagged = measure(world, options)
            told.append(figures)
            if view == "drawn":
                for name, (label, kind, _) in world.truth.items():
                    if label != "ordinary":
                        kinds = by_kind if label == "campaign" else by_hazard
                        kinds[kind].append(name in flagged)
        report(view, told)
    for prefix, kinds in (("recall_of", by_kind), ("flagged_of_hazard", by_hazard)):
        for kind, found in sorted(kinds.items()):
            show(f"worlds_{prefix}_{kind.replace(' ', '_')}", float(np.mean(found)))
    rare = [
        measure(draw_world(FIRST + 500 + n, campaigns=[KINDS[n % len(KINDS)]], size=16), {})[0]
        for n in range(max(2, many // 3))
    ]
    report("low_prevalence", rare)
    return 0


def measure(world, options: dict) -> tuple[dict[str, float], set[str]]:
    """ROC-AUC, recall and flagged hazards where 1 % of the ordinary are flagged, and who is."""
    from ingest.detectors import Population
    from ingest.detectors.combine import combined_scores
    from ingest.readers import open_logs

    with tempfile.TemporaryDirectory() as scratch:
        log = world.write(Path(scratch, "requests.parquet"), **options)
        scores = combined_scores(Population(open_logs(str(log))))
    names = [name for name in world.truth if name in scores]
    label = np.array([world.truth[name][0] for name in names])
    value = np.array([scores[name] for name in names])
    ours, ordinary = label == "campaign", np.sort(value[label == "ordinary"])[::-1]
    rank, wins = rankdata(value), ours.sum()
    threshold = ordinary[int(BENIGN_SHARE * len(ordinary))]
    figures = {
        "roc_auc": (rank[ours].sum() - wins * (wins + 1) / 2) / (wins * (~ours).sum()),
        "recall_at_1_percent": (value[ours] > threshold).mean(),
        "hazards_flagged_there": (value[label == "hazard"] > threshold).mean(),
    }
    flagged = {name for name, score in zip(names, value, strict=True) if score > threshold}
    return {name: float(figure) for name, figure in figures.items()}, flagged


def report(view: str, told: list[dict[str, float]]) -> None:
    for name in told[0]:
        values = [figures[name] for figures in told]
        show(f"worlds_{view}_{name}", float(np.mean(values)), worlds=len(values))
        worst = max(values) if name.startswith("hazards") else min(values)
        show(f"worlds_{view}_{name}_worst", worst)


def show(name: str, value: float, **more) -> None:
    line = {"name": name, "value": round(value, 4), "unit": "", "limit": None, "ok": True}
    print(json.dumps(line | more), flush=True)


if __name__ == "__main__":
    sys.exit(main())

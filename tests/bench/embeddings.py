"""The pooled test with each embedding on the labelled log: BENCH_DATA=folder, python -m this
module.

Pools of a few accounts of one campaign, drawn at random, and pools of ordinary accounts, against
other ordinary ones; a few held-out prompts of each account, as the desk takes them. One line a
figure: the share of pools with p ≤ .05 (power; under the null no more than chance) and the seconds
for a thousand prompts. The encoder is left out where it is not installed.
"""

import csv
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "analyst.settings")
POOL, EACH = 6, 4  # accounts of a pool, prompts of an account
OTHERS, PER_CAMPAIGN = 160, 30
POOLS, NULLS = 40, 300
LEVEL = 0.05


def main() -> int:
    from tests.bench.detection import find_log, note, print_figure

    given = os.environ.get("BENCH_DATA")
    if not given:
        note("embeddings: BENCH_DATA names no folder, so they are not measured")
        return 0
    import django

    django.setup()
    with tempfile.TemporaryDirectory() as scratch:
        log, truth = find_log(Path(given), Path(scratch))
        if log is None:
            note(f"embeddings: {given} has neither a log with truth.csv nor build_dev_log.py")
            return 1
        groups = chosen(truth)
        prompts, ruler = read(log, groups)
    for name, embed in embeddings(note):
        began = time.process_time()
        fitted = embed(ruler)
        sums, sizes, names = sums_of(fitted, ruler, prompts)
        texts = int(sizes.sum()) + len(ruler)
        print_figure(f"pool_{name}_seconds", 1000 * (time.process_time() - began) / texts,
                     "CPU s per 1,000 prompts")  # fmt: skip
        for group, share in shares(sums, sizes, names, groups):
            print_figure(f"pool_{name}_{group}_at_{LEVEL}", share, "of pools")
    return 0


def embeddings(note):
    from ingest.detectors.embedding import HashedEmbedding
    from ingest.detectors.encoder import EncoderMissing, SentenceEncoder

    yield "hashed", HashedEmbedding
    try:
        SentenceEncoder()
    except EncoderMissing as error:
        note(f"embeddings: {error}")
    else:
        yield "encoder", SentenceEncoder


def chosen(truth: Path) -> dict[str, list[str]]:
    """Group → accounts: PER_CAMPAIGN of each campaign, OTHERS ordinary ones ("null")."""
    rng = np.random.default_rng(11)
    found: dict[str, list[str]] = {}
    with open(truth, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["label"] == "campaign":
                found.setdefault(row.get("campaign_id") or "campaign", []).append(row["account_id"])
            elif row["label"] == "benign":
                found.setdefault("null", []).append(row["account_id"])
    return {
        name: list(rng.permutation(sorted(rows))[: OTHERS if name == "null" else PER_CAMPAIGN])
        for name, rows in sorted(found.items())
    }


def read(log: Path, groups: dict[str, list[str]]) -> tuple[dict[str, list[str]], list[str]]:
    """Held-out prompts of each account, and the ruler's: the ordinary accounts' other half."""
    from ingest.detectors.pool import _prompts, _ruler
    from ingest.readers import open_logs

    requests = open_logs(str(log))
    names = [name for rows in groups.values() for name in rows]
    prompts = {name: texts[:EACH] for name, texts in _prompts(requests, names, ()).items()}
    ruler = [t for texts in _ruler(requests, groups["null"]).values() for t in texts[:EACH]]
    return prompts, ruler


def sums_of(fitted, ruler: list[str], prompts: dict[str, list[str]]):
    from ingest.detectors.mmd import block_sums, median_width

    names = list(prompts)
    sizes = np.array([len(prompts[name]) for name in names], dtype=float)
    owner = np.repeat(np.arange(len(names)), sizes.astype(int))
    vectors = fitted([text for name in names for text in prompts[name]])
    return block_sums(vectors, owner, median_width(fitted(ruler))), sizes, names


def shares(sums: np.ndarray, sizes: np.ndarray, names: list[str], groups: dict[str, list[str]]):
    """(group, share of its pools with p ≤ LEVEL); the reference is always of ordinary accounts."""
    from ingest.detectors.mmd import test_of_sums

    at = {name: place for place, name in enumerate(names)}
    rng = np.random.default_rng(12)
    ordinary = [at[name] for name in groups["null"] if name in at]
    for group, rows in groups.items():
        places, small = [at[name] for name in rows if name in at], []
        if len(places) < POOL:
            continue
        for draw in range(NULLS if group == "null" else POOLS):
            pool = rng.choice(places, POOL, replace=False)
            rest = [place for place in ordinary if place not in set(pool.tolist())]
            some = np.r_[pool, rest].astype(int)
            pooled = np.arange(len(some)) < POOL
            found = test_of_sums(
                sums[np.ix_(some, some)], sizes[some], pooled, permutations=499, seed=draw
            )
            small.append(found.p <= LEVEL)
        yield group, float(np.mean(small))


if __name__ == "__main__":
    sys.exit(main())

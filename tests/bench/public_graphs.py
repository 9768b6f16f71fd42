"""Grouping on data that nobody here made: BENCH_DATA=folder, python -m tests.bench.public_graphs.

The folder holds graph/ with the Hop airdrop's Sybil groups and the keys that accounts share,
Febrl's persons and the publications of DBLP and ACM (see its README). Prints one JSON line a
figure: pairwise F1 of rarity beside plain components over values that few share (capped), and
beside Splink where it is installed (requirements-bench.txt). No figure has a limit and nothing is
fitted: the prior, the caps and the bound on chance are those of the desk.
"""

import csv
import gzip
import importlib.util
import json
import os
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cases.grouping import Facts, group
from cases.grouping.links import components, link_bits, ties
from cases.grouping.rarity import rarity_bits
from cases.grouping.witnesses import witnesses

PRIOR = 1 / 3000
CAP = 20  # carriers of a value, for plain components to follow it
PAIR = 2  # a duplicate is one more record, where a campaign is three parties at least

# Which kind of value a field plays. What is said of one thing (an address, a name) is one family.
PERSON = {
    "soc_sec_id": "payment",
    "date_of_birth": "template",
    "address_1": "ip",
    "postcode": "ip_prefix",
    "surname": "device",
    "given_name": "user_agent",
}


def main() -> int:
    given = os.environ.get("BENCH_DATA")
    if not given:
        note(
            "public_graphs: BENCH_DATA names no folder, so the figures on public data are left out"
        )
        return 0
    folder = Path(given, "graph")
    if not folder.is_dir():
        note(f"public_graphs: {given} has no folder graph, so its figures are left out")
        return 0
    splink = importlib.util.find_spec("splink") is not None
    if not splink:
        note("public_graphs: Splink is not installed (requirements-bench.txt) and left out")
    hop(folder)
    note("public_graphs: Splink compares fields of records, of which the Sybil graph has none")
    persons(folder, splink)
    publications(folder, splink)
    return 0


def rows_of(path: Path) -> list[dict]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file, skipinitialspace=True)
        names = [name.strip() for name in next(rows)]
        return [dict(zip(names, row, strict=True)) for row in rows]


def pairwise(predicted: dict, true: dict) -> float:
    """F1 over the pairs of one group; whom nothing places is a group of its own."""
    choose = lambda counts: sum(n * (n - 1) // 2 for n in counts)  # noqa: E731
    both = Counter((predicted[name], true[name]) for name in predicted.keys() & true.keys())
    shared = choose(both.values())
    told, known = (
        choose(Counter(predicted.values()).values()),
        choose(Counter(true.values()).values()),
    )
    return 2 * shared / (told + known) if told + known else 0.0


# The Sybil graph


def hop(folder: Path):
    truth = rows_of(folder / "hop_sybil_truth.csv.gz")
    keys = rows_of(folder / "hop_sybil_shared_keys.csv.gz")
    linked = {
        row["account"]: row["component_group"]
        for row in truth
        if row["component_group_confirmed"] == "1"
    }
    rings = {row["account"]: row["reported_group"] for row in truth if row["reported_group"]}
    account = np.array([int(row["account"]) for row in keys])
    key = np.array([int(row["key"]) for row in keys])
    degree = np.array([int(row["key_degree"]) for row in keys])
    hub = np.array([row["key_on_hub_list"] == "1" for row in keys])
    for said, known in (("", ~hub), ("_without_hub_list", np.ones(len(hub), dtype=bool))):
        looks = np.bincount(account[known], minlength=len(truth))[account]
        # one kind of value: what it is worth, paid for by how many of them the account has
        bits = rarity_bits(np.maximum(degree, 2), len(truth)) - np.log2(np.maximum(looks, 1))
        for way, chosen in (
            ("capped_components", degree <= CAP),
            ("rarity", bits >= link_bits(PRIOR)),
        ):
            placed = joined(account[chosen & known], key[chosen & known], len(truth))
            among = {name: label for name, label in placed.items() if name in linked}
            tell(f"hop{said}_linked_{way}", pairwise(among, linked))
            tell(f"hop{said}_rings_{way}", pairwise(placed, rings))
    known = ~hub
    facts = Facts.from_rows(
        [(pk, "", False) for pk in range(1, len(truth) + 1)],
        [(int(k) + 1, "payment", float(d), float(len(truth)))
         for k, d in dict(zip(key[known], degree[known], strict=True)).items()],
        [(int(a) + 1, int(k) + 1, 0, 0) for a, k in zip(account[known], key[known], strict=True)],
        [(pk, "volume", 0.5, "") for pk in range(1, len(truth) + 1)],
    )  # fmt: skip
    placed = {
        str(member.account - 1): place
        for place, cluster in enumerate(group(facts, prior=PRIOR).clusters)
        for member in cluster.members
    }
    among = {name: label for name, label in placed.items() if name in linked}
    tell("hop_linked_whole_grouping", pairwise(among, linked))


def joined(account: np.ndarray, key: np.ndarray, accounts: int) -> dict[str, int]:
    """Connected components of accounts and keys, for accounts that have a key."""
    key = np.unique(key, return_inverse=True)[1]
    size = accounts + int(key.max(initial=-1)) + 1
    graph = coo_array((np.ones(len(key), dtype=np.int8), (account, accounts + key)), (size, size))
    label = connected_components(graph, directed=False)[1]
    return {str(name): int(label[name]) for name in np.unique(account)}


# Records


def records(values: list[list[tuple[str, str]]]) -> Facts:
    """Facts of records that carry (kind, value) each, every value counted over all of them."""
    carriers = Counter(pair for mine in values for pair in set(mine))
    number = {pair: pk for pk, pair in enumerate(sorted(carriers), start=1)}
    return Facts.from_rows(
        [(pk, "", False) for pk in range(1, len(values) + 1)],
        [(pk, pair[0], float(carriers[pair]), float(len(values))) for pair, pk in number.items()],
        [(pk, number[pair], 0, 0) for pk, mine in enumerate(values, start=1) for pair in set(mine)],
        [],
    )


def tied(facts: Facts) -> dict[int, int]:
    """Record → component, over the desk's ties of two domains; two records are enough for one."""
    found = ties(facts, witnesses(facts), prior=PRIOR, left_out=facts.aggregate, meet=PAIR)
    label = components(found, len(facts.account))
    return {place: int(name) for place, name in enumerate(label) if name >= 0}


def capped(facts: Facts) -> dict[int, int]:
    few = (facts.carriers <= CAP)[facts.use_attribute]
    placed = joined(facts.use_account[few], facts.use_attribute[few], len(facts.account))
    return {int(name): label for name, label in placed.items()}


def persons(folder: Path, splink: bool):
    for name, files in (("1", ("1",)), ("2", ("2",)), ("3", ("3",)), ("4", ("4a", "4b"))):
        rows = [row for file in files for row in rows_of(folder / f"febrl_dataset{file}.csv.gz")]
        true = {place: row["rec_id"].split("-")[1] for place, row in enumerate(rows)}
        facts = records(
            [[(kind, row[field]) for field, kind in PERSON.items() if row[field]] for row in rows]
        )
        tell(f"febrl_{name}_capped_components", pairwise(capped(facts), true))
        tell(f"febrl_{name}_rarity", pairwise(tied(facts), true))
        if splink:
            from tests.bench.splink_groups import persons_by_splink

            tell(f"febrl_{name}_splink", pairwise(persons_by_splink(rows), true))


def publications(folder: Path, splink: bool):
    """Scored on the labelled pairs alone: a pair is a match when one component holds both."""
    rows = rows_of(folder / "dblp_acm_dblp.csv.gz") + rows_of(folder / "dblp_acm_acm.csv.gz")
    place = {row["id"]: at for at, row in enumerate(rows)}
    labels = rows_of(folder / "dblp_acm_labels.csv.gz")
    facts = records([list(said_of(row)) for row in rows])
    ways = {"capped_components": capped(facts), "rarity": tied(facts)}
    if splink:
        from tests.bench.splink_groups import publications_by_splink

        ways["splink"] = publications_by_splink(rows)
    for way, placed in ways.items():
        count = defaultdict(int)
        for row in labels:
            one, other = place[row["ltable.id"]], place[row["rtable.id"]]
            said = one in placed and placed[one] == placed.get(other)
            count[said, row["gold"] == "1"] += 1
        wrong = count[True, False] + count[False, True]
        f1 = 2 * count[True, True] / max(1, 2 * count[True, True] + wrong)
        tell(f"dblp_acm_{way}", f1)


def said_of(row: dict):
    """A title, surnames of authors, a year."""
    yield "template", " ".join(re.findall(r"[a-z0-9]+", row["title"].lower()))
    for author in row["authors"].split(","):
        words = re.findall(r"\w+", author.lower())
        if words:
            yield "payment", words[-1]
    yield "registration", row["year"][:4]


def tell(name: str, value: float):
    line = {"name": f"public_{name}", "value": round(value, 4), "unit": "pairwise F1"}
    print(json.dumps(line | {"limit": None, "ok": True}), flush=True)


def note(text: str):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

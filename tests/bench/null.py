"""No p-value is too small where nothing is planted: python -m tests.bench.null, no data needed.

Independent accounts with one strong rhythm of the day, who come for sessions of a few requests;
2,000 independent draws for each statistic that reaches an analyst as a p-value, by the detectors'
own expressions and functions. Of each the share at or below .05, .01 and .001 may exceed the level
by three standard errors at most, and the randomised p-values of the discrete tests may not lie
above the uniform law (one-sided Kolmogorov–Smirnov). A planted null that is too small is reported
beside them and must be caught.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import ibis
import numpy as np
import pandas as pd
from scipy.stats import kstest, poisson

DRAWS = 2000
LEVELS = (0.05, 0.01, 0.001)
SEED = 20261124
LEAST_KS = 0.001
DAYS, SESSIONS, EACH = 14, 150, 3
ACCOUNTS = 3  # in a group: the draw's own account and others
# requests by hour: nobody works at night, everybody at eleven
BY_HOUR = np.array(
    [1, 0, 0, 0, 0, 1, 4, 9, 20, 30, 40, 40, 25, 30, 40, 38, 30, 20, 12, 9, 8, 6, 4, 2]
)


@dataclass(frozen=True)
class Null:
    """p-values of independent draws under the null, and randomised ones (uniform if exact) where
    the test's law is known at each draw."""

    p: np.ndarray
    randomised: np.ndarray | None = None


def most(level: float, draws: int) -> float:
    """The largest share of p ≤ level that chance explains."""
    return level + 3 * (level * (1 - level) / draws) ** 0.5


def too_small(null: Null) -> list[str]:
    """In what way the p-values are anti-conservative; empty when they are not."""
    found = [
        f"{share:.4f} at {level}"
        for level in LEVELS
        if (share := (null.p <= level).mean()) > most(level, len(null.p))
    ]
    if null.randomised is not None and excess(null) < LEAST_KS:
        found.append("Kolmogorov–Smirnov")
    return found


def excess(null: Null) -> float:
    """The chance of randomised p-values that lie so far on the small side."""
    return float(kstest(null.randomised, "uniform", alternative="greater").pvalue)


# logs of independent accounts


@cache
def independent_log(draws: int = DRAWS, seed: int = SEED) -> ibis.Table:
    """draws groups of ACCOUNTS accounts, each its own organisation, all of a group with one wording
    of their own; the first of each group is throttled now and then."""
    rng = np.random.default_rng(seed)
    accounts = draws * ACCOUNTS
    sessions = accounts * SESSIONS
    hour = rng.choice(24, size=sessions, p=BY_HOUR / BY_HOUR.sum())
    start = rng.integers(0, DAYS, sessions) * 86_400 + hour * 3600 + rng.uniform(0, 3600, sessions)
    gaps = rng.lognormal(4.2, 0.8, (sessions, EACH))
    gaps[:, 0] = 0
    second = (start[:, None] + gaps.cumsum(axis=1)).ravel()
    account = np.repeat(np.arange(accounts), SESSIONS * EACH)
    group = account // ACCOUNTS
    throttled = (account % ACCOUNTS == 0) & (rng.random(len(account)) < 0.1)
    name = np.array([f"g{n // ACCOUNTS}-{n % ACCOUNTS}" for n in range(accounts)])
    # letters: the wording is told without its numbers
    wording = np.array(["answer as before " + _letters(n) for n in range(draws)])
    frame = pd.DataFrame(
        {
            "account_id": name[account],
            "organisation": name[account],
            "at": pd.Timestamp("2026-11-02") + pd.to_timedelta(second.round(3), unit="s"),
            "prompt": wording[group],
            "status": np.where(throttled, "429", "200"),
        }
    )
    connection = ibis.duckdb.connect()
    connection.con.register("frame", frame)
    connection.con.execute("CREATE TABLE requests AS SELECT * FROM frame")
    return connection.table("requests")


def _letters(number: int) -> str:
    return "".join(chr(97 + number // 26**place % 26) for place in range(4))


def _first(draws: int) -> pd.Index:
    return pd.Index([f"g{n}-0" for n in range(draws)])


def _poisson_null(count: pd.Series, mean: pd.Series, seed: int) -> Null:
    from ingest.detectors.peers import poisson_p

    u = np.random.default_rng(seed).random(len(count))
    c, m = count.to_numpy(dtype=float), mean.to_numpy(dtype=float)
    return Null(poisson_p(c, m), poisson.sf(c, m) + u * poisson.pmf(c, m))


# the statistics


@cache
def _met(draws: int) -> pd.DataFrame:
    from ingest.detectors.timing_cells import acting, meetings, seconds_of
    from ingest.detectors.warehouse import keep

    log = independent_log(draws)
    pairs = pd.DataFrame({"pair": range(draws), "one": _first(draws)})
    pairs["other"] = pairs.one.str.replace("-0", "-1")
    names = [*pairs.one, *pairs.other]
    met = (
        meetings(ibis.memtable(pairs), keep(acting(seconds_of(log, names))))
        .execute()
        .set_index("pair")
    )
    return met.reindex(range(draws)).fillna(0.0)


def synchrony(draws: int = DRAWS) -> Null:
    """timing: pairs of accounts in the same five seconds."""
    met = _met(draws)
    return _poisson_null(met.hits, met["mean"], 1)


def hand_over(draws: int = DRAWS) -> Null:
    """timing: one account ends as another of its group starts."""
    from ingest.detectors.timing_cells import hand_overs, seconds_of, turns

    log = independent_log(draws)
    names = [f"g{n}-{k}" for n in range(draws) for k in range(ACCOUNTS)]
    carriers = pd.DataFrame({"account_id": names, "party": names})
    carriers["value"] = carriers.account_id.str.split("-").str[0]
    found = hand_overs(ibis.memtable(carriers), turns(seconds_of(log, names))).execute()
    found = found.set_index("account_id").reindex(_first(draws)).fillna({"hits": 0, "mean": 0})
    return _poisson_null(found.hits, found["mean"], 2)


def fail_over(draws: int = DRAWS) -> Null:
    """volume: throttled, and another of its group starts on the wording within minutes."""
    from ingest.detectors.volume_failover import failovers

    found = failovers(independent_log(draws)).execute().set_index("account_id")
    found = found.reindex(_first(draws)).fillna(0.0)
    return _poisson_null(found.followed, found["mean"], 3)


def habits(draws: int = DRAWS, peers: int = 1000) -> Null:
    """volume: the rank of all habits together. One account of each of many groups of peers; the
    habits hang together, have heavy tails, and are often not recorded."""
    from ingest.detectors.peers import Peers
    from ingest.detectors.volume import HABITS, compare_habits

    rng = np.random.default_rng(SEED)
    everybody = np.arange(peers)
    u = rng.random(draws)
    p, randomised = np.empty(draws), np.empty(draws)
    for draw in range(draws):
        shared = rng.standard_t(3, peers)
        values = shared[:, None] + rng.standard_t(3, (peers, len(HABITS)))
        values[rng.random(values.shape) < 0.4] = np.nan
        values[:, 0] = np.round(shared + rng.normal(size=peers), 1)  # ties
        frame = pd.DataFrame(values, columns=list(HABITS))
        told = compare_habits(frame, [Peers("peers", everybody, everybody)])
        total = told.total.to_numpy()
        p[draw] = told.p_rank[0]
        above, level = (total > total[0]).sum(), (total == total[0]).sum()
        randomised[draw] = (above + u[draw] * level) / peers
    return Null(p, randomised)


def ways_of_asking(draws: int = DRAWS, peers: int = 300) -> Null:
    """behaviour: the rank of all habits together, most of whose shares are 0 in most accounts."""
    from ingest.detectors.behaviour import HABITS, SIDES, compare
    from ingest.detectors.peers import Peers

    rng = np.random.default_rng(SEED + 3)
    everybody = np.arange(peers)
    u = rng.random(draws)
    p, randomised = np.empty(draws), np.empty(draws)
    for draw in range(draws):
        lean = rng.beta(0.3, 3, peers)  # who asks for one thing asks for another too
        values = rng.binomial(40, np.outer(lean, rng.beta(1, 4, len(HABITS)))) / 40
        frame = pd.DataFrame(values, columns=list(HABITS))
        frame[list(SIDES)] = rng.beta(8, 3, (peers, len(SIDES))) - 0.2 * lean[:, None]
        frame[rng.random(frame.shape) < 0.1] = np.nan
        told = compare(frame, [Peers("peers", everybody, everybody)])
        total = told.total.to_numpy()
        p[draw] = told.p[0]
        above, level = (total > total[0]).sum(), (total == total[0]).sum()
        randomised[draw] = (above + u[draw] * level) / peers
    return Null(p, randomised)


def dealt_list(draws: int = DRAWS, accounts: int = 12) -> Null:
    """sweeps: accounts, some far busier, that take values of one slot, some far commoner, without
    regard to each other."""
    from ingest.detectors.division import division

    rng = np.random.default_rng(SEED + 4)
    p = np.empty(draws)
    for draw in range(draws):
        busy = rng.geometric(1 / 12, accounts)
        common = rng.dirichlet(np.full(rng.integers(10, 80), 0.5))
        who = np.repeat(np.arange(accounts), busy)
        what = rng.choice(len(common), len(who), p=common)
        cells, count = np.unique(np.stack([who, what]), axis=1, return_counts=True)
        p[draw] = division(cells[0], cells[1], count, deals=999, seed=draw).p
    return Null(p)


# organisations of a value, and how common that is
SIZES = np.array([5, 6, 8, 11, 16, 30, 60, 150])
COMMON = np.array([30, 20, 15, 12, 10, 7, 4, 2]) / 100


def clusters(draws: int = DRAWS, each: int = 400) -> Null:
    """volume: the pooled pace of a value's carriers among clusters of like size."""
    from ingest.detectors.volume_clusters import compare

    rng = np.random.default_rng(SEED + 1)
    u = rng.random(draws)
    p, randomised = np.empty(draws), np.empty(draws)
    for draw in range(draws):
        sizes = rng.choice(SIZES, each, p=COMMON)
        pace = np.round(rng.standard_t(4, each) / np.sqrt(sizes), 2)
        frame = pd.DataFrame(
            {
                "kind": "payment",
                "value": np.arange(each).astype(str),
                "accounts": sizes,
                "organisations": sizes,
                "largest": 1,
                "pace": pace,
            }
        )
        told = compare(frame, 100_000)
        one = told.iloc[rng.integers(len(told))]
        p[draw] = one.p
        randomised[draw] = one.p - u[draw] / one.peers  # from above, where there are ties
    return Null(p, randomised)


class Strangers:
    """Stands for likeness.Likeness where content has nothing to do with who shares a place."""

    def __init__(self, names: list[str], seed: int):
        self.names, self.index = names, {name: at for at, name in enumerate(names)}
        self.counts = np.full(len(names), 10)
        self._rng = np.random.default_rng(seed)

    def of_pairs(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return self._rng.beta(2, 3, len(one))

    def against(self, reference: np.ndarray) -> np.ndarray:
        return self._rng.beta(2, 3, (len(self.names), len(reference)))


def content(draws: int = DRAWS, places: int = 12, others: int = 4, strangers: int = 400) -> Null:
    """content: company at shared places, each draw's places its own."""
    from ingest.detectors.routes import follow

    names = [f"d{n}" for n in range(draws)] + [f"x{n}" for n in range(strangers)]
    rows = []
    for draw in range(draws):
        for place in range(places):
            value = f"10.{draw // 200}.{draw % 200}.{place}"
            # the same few strangers meet many draws, each time with a likeness of its own
            guests = [f"x{(draw * 31 + place * 7 + k) % strangers}" for k in range(others)]
            rows += [(name, "payment", value, others + 1) for name in (f"d{draw}", *guests)]
    ties = pd.DataFrame(rows, columns=["account_id", "kind", "value", "organisations"])
    likeness = Strangers(names, SEED + 2)
    found = follow(likeness, np.arange(len(names)), ties, np.arange(draws, len(names)))
    return Null(np.asarray(found.p)[:draws])


def flat_synchrony(draws: int = DRAWS) -> Null:
    """Planted, too small: synchrony against a rhythm that nobody has, all hours alike."""
    met = _met(draws)
    events = SESSIONS * EACH * 50 / 60  # that aren't near a full minute
    return _poisson_null(met.hits, met.hits * 0 + events**2 * 6 / (DAYS * 86_400), 4)


STATISTICS: dict[str, Callable[[], Null]] = {
    "volume_habits": habits,
    "volume_clusters": clusters,
    "volume_fail_over": fail_over,
    "timing_synchrony": synchrony,
    "timing_hand_over": hand_over,
    "content_places": content,
    "behaviour_habits": ways_of_asking,
    "sweep_division": dealt_list,
}
PLANTED = {"flat_synchrony": flat_synchrony}


def figures() -> Iterator[dict]:
    for name, draw in STATISTICS.items():
        null = draw()
        for level in LEVELS:
            share, limit = float((null.p <= level).mean()), most(level, len(null.p))
            yield figure(f"null_{name}_at_{level}", share, "of draws", limit, share <= limit)
        if null.randomised is not None:
            ks = excess(null)
            yield figure(f"null_{name}_ks", ks, "p-value", LEAST_KS, ks >= LEAST_KS)
    for name, draw in PLANTED.items():
        null = draw()
        share = float((null.p <= LEVELS[0]).mean())
        yield figure(
            f"null_planted_{name}_at_{LEVELS[0]}", share, "of draws, to be caught",
            most(LEVELS[0], len(null.p)), bool(too_small(null)),
        )  # fmt: skip


def figure(name: str, value: float, unit: str, limit: float, ok: bool) -> dict:
    return {
        "name": name,
        "value": round(value, 5),
        "unit": unit,
        "limit": round(limit, 5),
        "ok": ok,
    }


def main() -> int:
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "analyst.settings")
    import django

    django.setup()
    for line in figures():
        print(json.dumps(line), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

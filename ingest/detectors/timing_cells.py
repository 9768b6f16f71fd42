"""When accounts act, as cells of short strata of the actual calendar; counted in the warehouse.

A stratum is a piece of one hour of one day. Given how many of its cells each of two accounts uses,
independent accounts have a cell in common with the hypergeometric chance, whatever their daily
rhythm is and however they burst from one stratum to the next. At most one coincidence counts in a
stratum, so that a burst in both is one event. The strata are independent trials, and their sum is
held against the Poisson law that bounds it (peers.poisson_p): the mean of a stratum is
−ln(1 − P(in common)), here from above by −l · ln(1 − g / (C + 1 − l)) with l ≤ g cells of C.
"""

import math

import ibis
import ibis.expr.types as ir

from ingest.detectors.attributes import second

# Synchrony: cells of five seconds in strata of five minutes. Seconds within five of a full minute
# are left out: that is where cron starts everybody's jobs.
CELLS = 50
PLACES_IN_A_MINUTE = 10  # cells; a clock that fills fewer is too coarse to tell
# Hand-over: cells of two minutes in strata of an hour; five minutes around the full and the half
# hour are left out, since meetings and lessons begin and end there for everybody.
TURNS = 20
QUIET = 1800  # seconds without a request before a start and after an end
DELAY = 60  # seconds from an end to the start that takes over, give or take a minute
MOST_CHANCE = 0.5  # a stratum in which a coincidence is likelier than this tells nothing: left out


def seconds_of(requests: ir.Table, names: list[str]) -> ir.Table:
    """account_id, second: the requests of these accounts."""
    wanted = ibis.memtable({"account_id": sorted(names)}, schema={"account_id": "string"})
    t = requests.semi_join(wanted, "account_id")
    return t.select("account_id", second=second(t))


def acting(seconds: ir.Table) -> ir.Table:
    """account_id, hour, part (twelfth of the hour), cells (a bit each), n: one row a stratum, from
    seconds_of()."""
    t = seconds
    t = t.mutate(hour=t.second // 3600, minute=t.second // 60 % 60, second=t.second % 60)
    t = t.filter((t.second >= 5) & (t.second < 55))
    t = t.select(
        "account_id",
        "hour",
        part=t.minute // 5,
        cell=t.minute % 5 * 10 + (t.second - 5) // 5,
    ).distinct()
    return t.group_by("account_id", "hour", "part").aggregate(
        cells=_bits(t.cell).sum().cast("int64"), n=t.count()
    )


def meetings(pairs: ir.Table, strata: ir.Table) -> ir.Table:
    """pair, strata, hits, mean, hours (with a hit) from pairs (pair, one, other) and acting()."""
    one = strata.select("hour", "part", one="account_id", cells="cells", n="n")
    other = strata.select("hour", "part", other="account_id", other_cells="cells", other_n="n")
    met = pairs.join(one, "one").join(other, ["other", "hour", "part"])
    met = met.mutate(hit=(met.cells & met.other_cells) != 0, mean=_mean(met.n, met.other_n, CELLS))
    met = met.filter(met["mean"] <= -math.log(1 - MOST_CHANCE))
    return met.group_by("pair").aggregate(
        strata=met.count(),
        hits=met.hit.sum(),
        mean=met["mean"].sum(),
        hours=met.hour.nunique(where=met.hit),
    )


def turns(seconds: ir.Table) -> ir.Table:
    """account_id, is_end, hour, cell: where runs of requests start, and a minute after they end,
    from seconds_of(). A run may be one request. Full minutes are left out here too."""
    t = seconds
    own = ibis.window(group_by="account_id", order_by="second")
    t = t.mutate(
        before=t.second - t.second.lag().over(own), after=t.second.lead().over(own) - t.second
    )
    starts = t.filter(t.before.isnull() | (t.before > QUIET))
    ends = t.filter(t.after.isnull() | (t.after > QUIET))
    both = starts.select("account_id", "second", is_end=ibis.literal(False)).union(
        ends.select("account_id", second=ends.second + DELAY, is_end=ibis.literal(True))
    )
    of_minute = both.second % 60
    both = both.filter((of_minute >= 5) & (of_minute < 55))
    both = both.mutate(hour=both.second // 3600, minute=both.second // 60 % 60)
    half = both.minute % 30
    both = both.filter((half >= 5) & (half < 25))
    cell = both.minute // 30 * 10 + (both.minute % 30 - 5) // 2
    return both.select("account_id", "is_end", "hour", cell=cell).distinct()


def hand_overs(carriers: ir.Table, moments: ir.Table) -> ir.Table:
    """account_id, value, strata, hits, mean, hours: how often, when the account ends, anybody else
    who carries the value starts. carriers has account_id, party and value; moments is turns()."""
    c = carriers
    starts = moments.filter(~moments.is_end).join(c, "account_id")
    starts = starts.select("value", "hour", "cell", other="account_id", other_party="party")
    ends = moments.filter(moments.is_end).join(c, "account_id")
    ends = ends.select("account_id", "party", "value", "hour", "cell")
    # the parties that start in a cell: one's own counts for nothing
    there = starts.group_by("value", "hour", "cell").aggregate(
        least=starts.other_party.min(), most=starts.other_party.max()
    )
    asked = ends.group_by("account_id", "party", "value", "hour").aggregate(n=ends.count())
    open_cells = asked.join(there, ["value", "hour"])
    open_cells = open_cells.filter(
        (open_cells.least != open_cells.party) | (open_cells.most != open_cells.party)
    )
    open_cells = open_cells.select("account_id", "value", "hour", "cell", "n")
    hit = ends.select("account_id", "value", "hour", "cell", ended=ibis.literal(1))
    met = open_cells.left_join(hit, ["account_id", "value", "hour", "cell"])
    met = met.group_by("account_id", "value", "hour", "n").aggregate(
        others=met.count(), hit=met.ended.notnull().any()
    )
    met = met.mutate(mean=_mean(met.n, met.others, TURNS))
    met = met.filter(met["mean"] <= -math.log(1 - MOST_CHANCE))
    return met.group_by("account_id", "value").aggregate(
        strata=met.count(),
        hits=met.hit.sum(),
        mean=met["mean"].sum(),
        hours=met.hit.sum(),
    )


def places_in_a_minute(strata: ir.Table) -> ir.Table:
    """One row: whether anybody of acting() ever used each of the places of a minute."""
    minutes = range(0, CELLS, PLACES_IN_A_MINUTE)
    mask = {place: sum(1 << (m + place) for m in minutes) for place in range(PLACES_IN_A_MINUTE)}
    return strata.aggregate(
        **{f"place_{k}": ((strata.cells & bits) != 0).any() for k, bits in mask.items()}
    )


def _bits(cell: ir.IntegerColumn) -> ir.IntegerColumn:
    # two to the fiftieth is exact in a double; not every warehouse shifts
    return ibis.literal(2.0).pow(cell).cast("int64")


def _mean(one: ir.IntegerColumn, other: ir.IntegerColumn, cells: int) -> ir.FloatingColumn:
    less, more = ibis.least(one, other), ibis.greatest(one, other)
    # never below a quarter, so that the logarithm is there; such a stratum is left out anyway
    missed = ibis.greatest(1.0 - more / (cells + 1 - less), 0.25)
    return -less * missed.ln()

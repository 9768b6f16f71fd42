"""Sweeps: which values of a template's slot each account asked for, so that a division shows.

Only of templates that detectors tell, and of the accounts that use them: at most some EACH prompts
of an account, chosen by digest. A value is the WIDTH characters of the slot next to the template's
fixed words, so that a long text behind it counts as what it begins with; only a digest of it is
kept.
"""

import re
from collections.abc import Collection, Iterator

import ibis
import ibis.expr.types as ir
import pandas as pd

from ingest.detectors.attributes import second
from ingest.detectors.behaviour_habits import MIX, MIX_LENGTH, MODULUS
from ingest.detectors.findings import digest
from ingest.detectors.population import Population, moment
from ingest.detectors.template import FEWEST_OTHERS, FEWEST_REQUESTS, LEAST_SHARE, rate
from ingest.services.sweeps import CoveredSlot

EACH = 128
WIDTH = 32
SHORTEST, LONGEST = 8, 48  # characters of fixed words that a slot is found by
MOST_TEMPLATES = 60
MOST_ROWS = 200_000
MASK = re.compile(r"⟨[^⟩]*⟩")


def anchor(label: str) -> tuple[str, bool] | None:
    """(fixed words, whether the slot comes after them), from a template's label. None where no
    fixed words stand beside a slot."""
    pieces = [piece.strip() for piece in MASK.split(label)]
    found = []
    for place, piece in enumerate(pieces):
        if len(piece) < SHORTEST:
            continue
        if place + 1 < len(pieces):
            found.append((len(piece), piece[-LONGEST:].lstrip(), True))
        elif place:
            found.append((len(piece), piece[:LONGEST].rstrip(), False))
    longest = max(found, default=None)
    return longest[1:] if longest else None


def worded(population: Population, accounts: Collection[str]) -> pd.DataFrame:
    """account_id, template, fixed, after: the rare shared templates of these accounts."""
    rows = rate(population)
    rows = rows[
        rows.account_id.isin(set(accounts))
        & (rows.bits > 0)
        & (rows.others >= FEWEST_OTHERS)
        & (rows["count"] >= FEWEST_REQUESTS)
        & (rows.share >= LEAST_SHARE)
    ]
    # of a log without prompts the column has no numbers, and no type
    busiest = rows["count"].astype("int64").groupby(rows.template).sum()
    busiest = busiest.sort_index().nlargest(MOST_TEMPLATES)
    rows = rows[rows.template.isin(busiest.index)]
    anchors = {label: anchor(label) for label in rows.label.unique()}
    rows = rows[rows.label.map(lambda label: anchors[label] is not None).astype(bool)]
    fixed = [anchors[label] for label in rows.label]
    return pd.DataFrame(
        {
            "account_id": rows.account_id.to_numpy(),
            "template": rows.template.to_numpy(),
            "fixed": [words for words, _ in fixed],
            "after": [after for _, after in fixed],
        }
    )


def covered(requests: ir.Table, wanted: pd.DataFrame) -> ir.Table:
    """account_id, template, slot (words), first_at and count, of the templates that are wanted
    (worded)."""
    names = ibis.memtable(wanted[["account_id"]].drop_duplicates())
    t = requests.filter(requests.prompt.notnull()).semi_join(names, "account_id")
    t = t.select("account_id", at=t["at"], prompt=t.prompt, second=second(t))
    volume = t.group_by("account_id").aggregate(prompts=t.count())
    t = t.join(volume, "account_id")
    every = ibis.greatest(t.prompts // EACH, ibis.literal(1))
    t = t.filter((t.second * MIX + t.prompt.length() * MIX_LENGTH) % MODULUS % every == 0)
    plain = t.prompt.lower().re_replace(r"\s+", " ")
    t = t.select("account_id", "at", plain=plain).join(ibis.memtable(wanted), "account_id")
    t = t.filter(t.plain.contains(t.fixed))
    place = t.plain.find(t.fixed)
    begin = ibis.greatest(place - WIDTH, ibis.literal(0))
    after = t.plain.substr(place + t.fixed.length(), WIDTH + 1)
    slot = t.after.ifelse(after, t.plain.substr(begin, place - begin)).strip()
    t = t.select("account_id", "template", "at", slot=slot)
    t = t.filter(t.slot.length() > 0)
    return t.group_by("account_id", "template", "slot").aggregate(
        first_at=t["at"].min(), count=t.count()
    )


def slots_of(
    requests: ir.Table, population: Population, accounts: Collection[str]
) -> Iterator[CoveredSlot]:
    """What these accounts covered, at most MOST_ROWS. Of a locked log nothing: templates are words
    of prompts."""
    wanted = worded(population, accounts)
    if wanted.empty:
        return
    rows = covered(requests, wanted)
    rows = rows.order_by("template", "account_id", "slot").limit(MOST_ROWS).execute()
    for row in rows.itertuples(index=False):
        yield CoveredSlot(
            row.account_id,
            row.template,
            digest(row.slot)[:32],
            moment(row.first_at),
            int(row.count),
        )

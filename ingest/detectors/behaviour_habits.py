"""How accounts ask: families of prompts, subjects and single turns. Ibis expressions.

Of a busy account some 2 · MOST prompts are looked at, up to twice as many, chosen by a mix of the
prompt's length and its second: shares need no more, and what is compared is then of like size. Half
of them (halves.py) are left aside for the test of what was selected (pool.py). Only counts leave
the warehouse.
"""

import ibis
import ibis.expr.types as ir

from ingest.detectors.attributes import second
from ingest.detectors.families import SLUGS, each, looked_at
from ingest.detectors.halves import held_out
from ingest.detectors.warehouse import keep

MOST = 32
MIX, MIX_LENGTH, MODULUS = 48_271, 69_621, 2**31 - 1  # Park and Miller's multipliers
STANDS = 40  # characters: a shorter prompt ("shorter, please") hangs on what came before
HEAD, FROM_HEAD = 100, 300  # characters: beyond a head, if it is long, a template's slot begins
# a word of eight letters or more, in a script with blanks; plain classes, as in skeletons.py
SUBJECT = r"[^\s0-9!-/:-@\[-`{-~]{8,24}"


def asked(requests: ir.Table) -> ir.Table:
    """Of the prompts that are looked at: account_id, subject (a word of it, or null), standing and
    the slugs of FAMILIES (1 or 0). Kept in the warehouse: prompts are read once."""
    t = requests.filter(requests.prompt.notnull())
    t = t.select("account_id", prompt=t.prompt, second=second(t))
    volume = t.group_by("account_id").aggregate(prompts=t.count())
    t = t.join(volume, "account_id")
    every = ibis.greatest(t.prompts // (2 * MOST), ibis.literal(1))
    # by what every warehouse works out alike; its own hash would pick other prompts than another's
    mixed = (t.second * MIX + t.prompt.length() * MIX_LENGTH) % MODULUS
    t = t.filter((mixed % every == 0) & ~held_out(t.prompt))
    text = looked_at(t.prompt)
    later = (t.prompt.length() > 2 * HEAD).ifelse(t.prompt.substr(HEAD, FROM_HEAD).lower(), text)
    return keep(
        t.select(
            "account_id",
            subject=later.re_extract(SUBJECT, 0).nullif(""),
            standing=(t.prompt.length() >= STANDS).cast("int64"),
            **{slug: found.cast("int64") for slug, found in each(text).items()},
        )
    )


def counts(asked: ir.Table) -> ir.Table:
    """By account_id: looked (prompts), standing (those that stand by themselves), those of each
    family, told (those with a word for a subject), once (subjects that came once) and n_log_n of
    the subjects' counts."""
    summed = ("standing", *SLUGS)
    by_subject = asked.group_by("account_id", "subject").aggregate(
        n=asked.count(), **{name: asked[name].sum() for name in summed}
    )
    n = by_subject.subject.notnull().ifelse(by_subject.n, 0)
    return by_subject.group_by("account_id").aggregate(
        looked=by_subject.n.sum(),
        told=n.sum(),
        once=(n == 1).cast("int64").sum(),
        n_log_n=(n * ibis.greatest(n, 1).cast("float64").log()).sum(),
        **{name: by_subject[name].sum() for name in summed},
    )


def sessions(requests: ir.Table) -> ir.Table:
    """By account_id: sessions, and lone ones of a single request."""
    t = requests.filter(requests.session_id.notnull())
    lengths = t.group_by("account_id", "session_id").aggregate(n=t.count())
    return lengths.group_by("account_id").aggregate(
        sessions=lengths.count(), lone=(lengths.n == 1).cast("int64").sum()
    )

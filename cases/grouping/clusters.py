"""From facts to clusters: tie, cut, grow, question, and say who belongs."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from .growth import grow
from .links import ties
from .membership import Scorer
from .output import Grouping
from .question import question
from .reach import reach
from .seeds import seeds
from .settle import Draft, conclude
from .tables import Constraints, Facts, Previous, positions
from .witnesses import witnesses

METHOD = "rarity-4"
NO_CONSTRAINTS = Constraints()


def group(
    facts: Facts,
    *,
    prior: float,
    previous: Iterable[Previous] = (),
    constraints: Constraints = NO_CONSTRAINTS,
    core: np.ndarray | None = None,
) -> Grouping:
    """Find the candidate campaigns in facts.

    prior is the probability that an account belongs to one given campaign before any evidence.
    previous are the cases as they stand; a cluster takes over the case that it overlaps most, and
    what a person said of its members holds. The answer depends on the facts alone, not on the
    order of their rows. core marks the accounts whose ties the facts hold in full, when they are
    a part of all (see closure.py): only those tie.
    """
    previous = sorted(previous, key=lambda case: case.number)
    seen = witnesses(facts)
    scorer = Scorer(facts, seen, prior=prior)
    left_out = facts.aggregate if core is None else facts.aggregate | ~core
    found = ties(facts, seen, prior=prior, left_out=left_out)
    started, *tied = seeds(facts, seen, found, constraints)
    barred = [_other_sides(facts, seed.accounts, constraints) for seed in started]
    grown = grow(facts, scorer, started, barred)
    refused = Counter()
    if fallen := int((~grown.alive).sum()):
        refused["fell apart when its members were scored"] = fallen
    drafts = []
    for place, (problem, meeting) in question(facts, seen, scorer, grown.members).items():
        if problem:
            refused[problem] += 1
            continue
        voters = grown.members.account[grown.members.cluster == place]
        drafts.append(Draft(voters, started[place].bridges, meeting, place))
    clusters, absorbed, settled = conclude(
        facts, seen, scorer, drafts, previous, constraints, refused
    )
    looked = reach(facts, scorer, started, tuple(tied), grown, settled)
    return Grouping(METHOD, tuple(clusters), absorbed, dict(refused), looked)


def _other_sides(facts: Facts, seed: np.ndarray, constraints: Constraints) -> np.ndarray:
    """Accounts that a person's split keeps out of a seed: those of the other side."""
    ids = set(facts.account[seed].tolist())
    out: set[int] = set()
    for left, right in constraints.apart:
        if ids & left:
            out |= right
        elif ids & right:
            out |= left
    at = positions(facts.account, np.array(sorted(out - ids), dtype=np.int64))
    return at[at >= 0]

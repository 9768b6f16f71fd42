"""What would flip a case, in words and as its explanation keeps it."""

from collections.abc import Mapping, Sequence

from cases.flip import EVEN, Flip, Flips, Outcome
from cases.services.group_words import attribute_name, list_words, odds_words
from ingest.models import Attribute

REFUTED = "does not fit"
OPEN = ("not ruled out", "fits in part", "not tested")


def flip_data(found: Flips, fits: Mapping[str, str], attributes: Mapping[int, Attribute]) -> dict:
    """Plain values for Case.explanation. A value is named as screens name it, a template by its
    number."""
    names = {value: attribute_name(attributes[value]) for flip in found.values
             for value in flip.what}  # fmt: skip
    return {
        "even": EVEN,
        "now": _outcome(found.now),
        "families": [_row(flip, flip.what) for flip in found.families],
        "sets": [_row(flip, flip.what) for flip in found.sets],
        "values": [
            _row(flip, [names[value] for value in flip.what]) | {"attribute": flip.what[0]}
            for flip in found.values
        ],
        "benign": [
            _row(flip, flip.what) | {"fit": fits[flip.what[0]]}
            for flip in sorted(found.benign, key=lambda flip: _rank(fits[flip.what[0]]))
        ],
        "refuted": _refuted(found, fits),
        "says": says(found, fits),
    }


def says(found: Flips, fits: Mapping[str, str]) -> str:
    """The smallest thing that flips it, evidence first, then what is still possibly innocent."""
    if found.sets:
        flip = found.sets[0]
        said = f"Without what is shared in {list_words(flip.what)} {_would(flip, found.now)}."
    else:
        said = "No three kinds of evidence together flip it."
    doubts = [flip for flip in found.benign if flip.flips and fits[flip.what[0]] in OPEN]
    if doubts:
        name = min(doubts, key=lambda flip: _rank(fits[flip.what[0]])).what[0]
        p = odds_words(next(f.outcome.p_abuse for f in doubts if f.what[0] == name))
        said += f" Should it be a case of {name} ({fits[name]} now), P(abuse) would be {p}."
    elif any(flip.flips for flip in found.benign):
        said += " Of the innocent explanations none that could flip it is open."
    return said


def _refuted(found: Flips, fits: Mapping[str, str]) -> dict | None:
    """The explanations that do not fit, as one: did any hold, the outcome would be the same."""
    names = [flip.what[0] for flip in found.benign if fits[flip.what[0]] == REFUTED]
    one = next((flip for flip in found.benign if fits[flip.what[0]] == REFUTED), None)
    return _row(one, names) if one else None


def _would(flip: Flip, now: Outcome) -> str:
    outcome = flip.outcome
    if not outcome.members:
        return "nobody would be tied by two kinds of evidence any more"
    return (
        f"P(abuse) would be {odds_words(outcome.p_abuse)}, with {outcome.core:,} core members "
        f"instead of {now.core:,}"
    )


def _rank(fit: str) -> int:
    return OPEN.index(fit) if fit in OPEN else len(OPEN)


def _row(flip: Flip, names: Sequence[str]) -> dict:
    return {
        "what": list(names),
        "members": flip.members,
        "flips": flip.flips,
        **_outcome(flip.outcome),
    }


def _outcome(outcome: Outcome) -> dict:
    return {
        "p_abuse": round(outcome.p_abuse, 4),
        "core": outcome.core,
        "left": outcome.members,
        "expected": round(outcome.expected, 2),
    }

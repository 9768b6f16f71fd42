"""The kinds of order: what each asks for, of whom, and whether it leaves the desk. Pure."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

# from the mildest to the strictest; "revoked" is said of keys alone
STATES = ("active", "verify", "limited", "suspended", "revoked")
# kind: the state that the target shall have
WANTED = {
    "verify": "verify",
    "limit": "limited",
    "suspend": "suspended",
    "revoke": "revoked",
    "reinstate": "active",
}
INSIDE = frozenset({"watch", "contact"})  # the desk does these itself: no connector
TARGETS = {
    "watch": ("account", "key", "end_user", "organisation"),
    "contact": ("account", "organisation"),
    "verify": ("account", "end_user", "organisation"),
    "limit": ("account", "key", "end_user", "organisation"),
    "suspend": ("account", "end_user", "organisation"),
    "revoke": ("key",),
    "reinstate": ("account", "key", "end_user", "organisation"),
}
LAPSING = frozenset({"watch", "verify", "limit"})  # may end by themselves
RENEWED = frozenset({"suspend"})  # asks for renewal before its end
HARD = frozenset({"suspend", "revoke"})
STANDING = frozenset({"limit", "verify"})  # what may be approved in advance
FIELDS = {"rpm": "requests a minute", "tpm": "tokens a minute"}
MOST = 1_000_000_000


def clean_parameters(kind: str, asked: Mapping) -> dict[str, int]:
    """Requests and tokens a minute of a limit; nothing for other kinds.

    Raises ValueError with what is wrong. A limit may leave both out: the platform's own then holds.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    if unknown := sorted(set(given) - set(FIELDS)):
        raise ValueError(f"{unknown[0]!r} is no parameter: use rpm and tpm.")
    if given and kind != "limit":
        raise ValueError("Only a limit has requests or tokens a minute: leave them out.")
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
            raise ValueError(f"{FIELDS[name].capitalize()} must be a whole number from 0 on.")
    return dict(sorted(given.items()))


def clean_stages(percents: Iterable[int]) -> list[int]:
    """Stages in percent of the targets, growing and ending with 100. Raises ValueError."""
    stages = list(percents)
    rising = all(a < b for a, b in pairwise(stages))
    if not stages or len(stages) > 10 or not rising or stages[0] < 1 or stages[-1] != 100:
        raise ValueError("Stages grow from at least 1 to 100 percent, as in 1, 10, 100.")
    return stages


def holds(kind: str, state: str) -> bool:
    """Whether a target in this state needs no order of the kind any more."""
    wanted = WANTED.get(kind)
    if wanted is None or state not in STATES:
        return False
    if kind == "reinstate":
        return state == wanted
    return STATES.index(state) >= STATES.index(wanted)

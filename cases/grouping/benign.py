"""The innocent explanations of a cluster, each held against the figures. None is ever skipped:
what cannot be tested says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

NO, PART, YES, OPEN, UNTESTED = (
    "does not fit", "fits in part", "fits", "not ruled out", "not tested",
)  # fmt: skip
NIGHT = 6  # hours of the day that people sleep through
HUMAN_NIGHT = 0.10  # flat use puts a quarter of its requests into any six hours
BATCH_HOURS, BATCH_SHARE = 4, 0.8
MANY_ADDRESSES, MANY_CLIENTS = 8, 4
STARTS_FULL = 0.8  # of an account's daily median, on its first day
SHORT_DAYS = 4


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of a cluster. None or empty: not known."""

    members: int
    organisations: int
    largest_organisation: int
    aggregates: int
    place_share: float | None  # members whose commonest network it is
    cards: int
    card_share: float | None  # members who pay with the commonest shared card
    hours: Sequence[int] = field(default=())  # requests by hour of the day, UTC
    active_days: int = 0
    starts: Sequence[float] = field(default=())  # first day over the median day, by account
    addresses: Mapping[int, int] = field(default_factory=dict)  # account → addresses
    clients: Mapping[int, int] = field(default_factory=dict)  # account → user agents
    template_members: int = 0
    template_carriers: int | None = None  # accounts of the population with the commonest template


@dataclass(frozen=True, slots=True)
class Explanation:
    name: str
    fit: str
    why: str


def explain(figures: Figures) -> list[Explanation]:
    return [
        Explanation(name, *test(figures))
        for name, test in (
            ("evaluation harness", _harness),
            ("university or course", _course),
            ("reseller or gateway", _reseller),
            ("CI with a shared key", _shared_key),
            ("homework", _homework),
            ("migrated workload", _migration),
            ("nightly batch", _batch),
            ("product template", _product),
        )
    ]


def night_share(hours: Sequence[int]) -> float | None:
    """Share of the requests in the quietest six hours on end: about .25 for flat use, near 0 for
    people in one time zone."""
    total = sum(hours)
    if not total:
        return None
    turns = [sum(hours[(start + i) % 24] for i in range(NIGHT)) for start in range(24)]
    return min(turns) / total


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _harness(f: Figures) -> tuple[str, str]:
    share = f.largest_organisation / f.members
    cards = f" and share {_count(f.cards, 'card')}" if f.cards else ""
    why = (
        f"An evaluator works from one organisation; here the largest of {f.organisations:,} "
        f"organisations has {share:.0%} of the members{cards}."
    )
    return (YES if share >= 0.8 else PART if share >= 0.3 else NO), why


def _course(f: Figures) -> tuple[str, str]:
    if f.place_share is None:
        return UNTESTED, "No network is known that members share."
    quiet = night_share(f.hours)
    if quiet is None:
        where = (
            f"The commonest network has {f.place_share:.0%} of the members; hours are not known."
        )
        return (OPEN if f.place_share >= 0.5 else NO), where
    human = quiet < HUMAN_NIGHT
    why = (
        f"The commonest network has {f.place_share:.0%} of the members, and the quietest six hours "
        f"hold {quiet:.0%} of the requests (people in one time zone: under {HUMAN_NIGHT:.0%})."
    )
    if f.place_share >= 0.5:
        return (YES if human else OPEN), why
    return (PART if human and f.place_share >= 0.2 else NO), why


def _reseller(f: Figures) -> tuple[str, str]:
    if not f.addresses or not f.clients:
        said = (
            f"{_count(f.aggregates, 'key')} marked as serving many people." if f.aggregates else ""
        )
        return (PART if f.aggregates else UNTESTED), said or "Addresses and clients are not known."
    many = _many(f)
    why = (
        f"{_count(f.aggregates, 'key')} marked as serving many people, held at possible; "
        f"{_count(many, 'member')} of {f.members:,} used {MANY_ADDRESSES} addresses and "
        f"{MANY_CLIENTS} clients or more."
    )
    share = (many + f.aggregates) / f.members
    return (YES if share >= 0.5 else PART if share > 0 else NO), why


def _many(f: Figures) -> int:
    return sum(
        n >= MANY_ADDRESSES and f.clients.get(account, 0) >= MANY_CLIENTS
        for account, n in f.addresses.items()
    )


def _shared_key(f: Figures) -> tuple[str, str]:
    if not f.addresses:
        return UNTESTED, "The addresses of the members are not known."
    many = sum(n >= MANY_ADDRESSES for n in f.addresses.values())
    middle = sorted(f.addresses.values())[len(f.addresses) // 2]
    why = (
        f"A key shared by build machines shows many addresses on one account; here "
        f"{_count(many, 'member')} of {f.members:,} used {MANY_ADDRESSES} or more, the median is "
        f"{middle}. It would not tie {f.organisations:,} organisations."
    )
    return (NO if f.organisations > 2 else OPEN if many else NO), why


def _homework(f: Figures) -> tuple[str, str]:
    quiet = night_share(f.hours)
    if quiet is None or not f.active_days:
        return UNTESTED, "The hours of activity are not known."
    short, human = f.active_days <= SHORT_DAYS, quiet < HUMAN_NIGHT
    why = (
        f"Homework ends with its deadline and sleeps at night; this ran on "
        f"{_count(f.active_days, 'day')}, with {quiet:.0%} of the requests in the six quietest "
        "hours."
    )
    if short and human:
        return OPEN, why
    return (PART if short or (human and (f.place_share or 0) >= 0.5) else NO), why


def _migration(f: Figures) -> tuple[str, str]:
    if not f.starts:
        return UNTESTED, "The first days of the members are not known."
    full = sum(start >= STARTS_FULL for start in f.starts)
    why = (
        f"A workload that moved here starts at full use: {_count(full, 'account')} of "
        f"{len(f.starts):,} with a known start did. Nobody has asked their owners."
    )
    return (OPEN if full / len(f.starts) >= 0.1 else NO), why


def _batch(f: Figures) -> tuple[str, str]:
    total = sum(f.hours)
    if not total:
        return UNTESTED, "The hours of activity are not known."
    turns = [sum(f.hours[(start + i) % 24] for i in range(BATCH_HOURS)) for start in range(24)]
    share = max(turns) / total
    why = (
        f"A nightly batch keeps to its hours; the busiest {BATCH_HOURS} hours of the day hold "
        f"{share:.0%} of the requests (flat use: {BATCH_HOURS / 24:.0%})."
    )
    return (OPEN if share >= BATCH_SHARE else NO), why


def _product(f: Figures) -> tuple[str, str]:
    if not f.template_members or f.template_carriers is None:
        return UNTESTED, "No template of known prevalence ties the members."
    outside = max(f.template_carriers - f.template_members, 0)
    share = outside / max(f.template_carriers, f.template_members)
    why = (
        f"A product's template is used far beyond one group; the commonest here is on "
        f"{_count(f.template_members, 'member')} and {_count(outside, 'account')} elsewhere."
    )
    return (YES if share >= 0.8 else PART if share >= 0.4 else NO), why

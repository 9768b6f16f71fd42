"""Populations with planted campaigns and innocent look-alikes, as grouping sees them.

Who shares what, how densely, and which families are there at all is drawn anew for each seed: a
grouping that only works where one family is shared densely must show it here. Campaigns hide among
benign prompts (10–50 %), rotate through proxies that innocents use as well, and buy through one
reseller; a university stands behind a few addresses.
"""

from dataclasses import dataclass, field

import numpy as np

from cases.grouping import Facts
from cases.grouping.rarity import FAMILY_CODE, KIND_CODE

DAY = 86_400
DAYS = 14


@dataclass
class World:
    """facts for grouping, and label per account: "" for the innocent, or the campaign's name."""

    facts: Facts
    label: dict[int, str]
    hazard: dict[int, str]


class _Column:
    """An array that grows by pieces."""

    def __init__(self, dtype):
        self._pieces, self._whole, self.dtype = [], np.zeros(0, dtype=dtype), dtype

    def add(self, piece):
        self._pieces.append(np.asarray(piece, dtype=self.dtype))

    @property
    def all(self) -> np.ndarray:
        if self._pieces:
            self._whole = np.concatenate([self._whole, *self._pieces])
            self._pieces = []
        return self._whole


@dataclass
class _Builder:
    rng: np.random.Generator
    party: _Column = field(default_factory=lambda: _Column(np.int64))
    aggregate: _Column = field(default_factory=lambda: _Column(bool))
    label: list = field(default_factory=list)
    hazard: list = field(default_factory=list)
    kinds: _Column = field(default_factory=lambda: _Column(np.int8))
    places: _Column = field(default_factory=lambda: _Column(np.int64))
    use_account: list = field(default_factory=list)
    use_attribute: list = field(default_factory=list)
    signals: list = field(default_factory=list)
    parties: int = 0
    people: int = 0
    listed: int = 0

    def accounts(self, count, *, label="", hazard="", per_party=1, aggregate=False) -> np.ndarray:
        codes = self.parties + np.arange(count) // per_party
        self.parties = int(codes[-1]) + 1 if count else self.parties
        self.party.add(codes)
        self.aggregate.add(np.full(count, aggregate))
        self.label += [label] * count
        self.hazard += [hazard] * count
        self.people += count
        return np.arange(self.people - count, self.people)

    def values(self, kind, count, place=None) -> np.ndarray:
        self.kinds.add(np.full(count, KIND_CODE[kind]))
        self.places.add(np.full(count, -1) if place is None else place)
        self.listed += count
        return np.arange(self.listed - count, self.listed)

    def addresses(self, count, *, per_network=64) -> np.ndarray:
        networks = self.values("ip_prefix", -(-count // per_network))
        return self.values("ip", count, networks[np.arange(count) // per_network])

    def carry(self, accounts, values):
        accounts, values = np.broadcast_arrays(accounts, values)
        self.use_account.append(accounts.ravel())
        self.use_attribute.append(values.ravel())

    def connect(self, accounts, addresses):
        """Use addresses, and with them their networks."""
        accounts, addresses = np.broadcast_arrays(accounts, addresses)
        self.carry(accounts, addresses)
        self.carry(accounts, self.places.all[addresses.ravel()].reshape(addresses.shape))

    def some(self, accounts, share) -> np.ndarray:
        return accounts[self.rng.random(len(accounts)) < share]

    def flag(self, accounts, family, low=-6.0, high=-2.0):
        p = 10 ** self.rng.uniform(low, high, len(accounts))
        self.signals.append((accounts, np.full(len(accounts), FAMILY_CODE[family]), p))


@dataclass
class _Town:
    """What everybody may use, campaigns as well."""

    homes: np.ndarray
    vpn: np.ndarray
    proxies: np.ndarray
    gifts: np.ndarray
    products: np.ndarray
    systems: np.ndarray
    agents: np.ndarray
    gateway: np.ndarray


def world(
    seed: int, accounts: int = 4_000, campaigns: int = 3, *, hub: int = 0, provable: bool = False
) -> World:
    """A population of about so many accounts. hub: so many more that share an address, a client and
    a template, and nothing else. provable: every account of a campaign carries something of at
    least two of the families that its campaign shares; else a few carry something of one only,
    which nobody can tell from chance.
    """
    rng = np.random.default_rng(seed)
    b = _Builder(rng)
    crowd = b.accounts(int(accounts * 0.75))
    teams = b.accounts(int(accounts * 0.2), per_party=5)
    town = _town(b, rng, accounts, crowd, np.concatenate([crowd, teams]))
    _campuses(b, rng, accounts, town)
    _harnesses(b, rng, town)
    _reseller(b, rng, town)
    if hub:
        behind = b.accounts(hub, hazard="hub")
        b.connect(behind, b.addresses(1)[0])
        b.carry(behind, town.agents[0])
        b.carry(behind, town.products[0])
        b.connect(behind, b.addresses(hub))
    for number in range(campaigns):
        _campaign(b, rng, number, accounts, town, provable)
    return _finish(b)


def _town(b, rng, accounts, crowd, people) -> _Town:
    homes = b.addresses(len(people))
    b.connect(people, homes)
    housemates = b.some(crowd, 0.08)
    b.connect(housemates, rng.choice(homes, len(housemates)))
    b.carry(people, b.values("payment", b.parties)[b.party.all[people]])
    systems, agents, mails = b.values("asn", 60), b.values("user_agent", 40), None
    often = rng.zipf(1.6, 200_000)
    zipf = lambda values, n: values[rng.choice(often[often <= len(values)], n) - 1]  # noqa: E731
    mails = b.values("email_domain", 30)
    for values, share in ((systems, 0.5), (agents, 0.8), (mails, 0.3)):
        some = b.some(people, share)
        b.carry(some, zipf(values, len(some)))

    # shared exits and products that everybody may use
    carrier = b.addresses(max(4, accounts // 400))
    mobile = b.some(people, 0.1)
    b.connect(mobile, rng.choice(carrier, len(mobile)))
    vpn = b.addresses(max(12, accounts // 150), per_network=8)
    hidden = b.some(crowd, 0.06)
    for _ in range(3):
        b.connect(hidden, rng.choice(vpn, len(hidden)))
    proxies = b.addresses(max(10, accounts // 200), per_network=4)
    private = b.some(crowd, 0.03)
    for _ in range(2):
        b.connect(private, rng.choice(proxies, len(private)))
    gifts = b.values("payment", max(5, accounts // 200))
    gifted = b.some(crowd, 0.04)
    b.carry(gifted, rng.choice(gifts, len(gifted)))
    products = b.values("template", 12)
    for product in products:
        users = b.some(people, rng.uniform(0.002, 0.03))
        b.carry(users, product)
        b.flag(b.some(users, 0.4), "template")
    b.flag(b.some(people, 0.01), "volume")
    gateway = b.accounts(3, hazard="gateway", aggregate=True)
    return _Town(homes, vpn, proxies, gifts, products, systems, agents, gateway)


def _campuses(b, rng, accounts, town):
    """Three classes, and a university as large as a hundredth of the population."""
    sizes = [int(size) for size in rng.integers(25, 90, 3)] + [max(90, accounts // 100)]
    for number, size in enumerate(sizes):
        students = b.accounts(size, hazard=f"campus-{number}")
        exits = b.addresses(int(rng.integers(1, 6)))
        b.connect(students, rng.choice(exits, size))
        for task in b.values("template", 3):
            b.carry(b.some(students, 0.7), task)
        dorms = b.addresses(size // 2 + 1)
        b.connect(students, rng.choice(dorms, size))
        if rng.random() < 0.5:
            b.carry(b.some(students, 0.6), b.values("payment", 1)[0])
        b.carry(students, b.values("email_domain", 1)[0])
        b.carry(students, rng.choice(town.agents, size))
        b.flag(b.some(students, 0.8), "template")


def _harnesses(b, rng, town):
    sets = b.values("template", 4)
    for _ in range(6):
        size = int(rng.integers(4, 25))
        keys = b.accounts(size, hazard="harness", per_party=size)
        b.connect(keys, b.addresses(2)[rng.integers(0, 2, size)])
        b.carry(keys, b.values("payment", 1)[0])
        b.carry(keys, town.systems[3])
        for task in rng.choice(sets, 2, replace=False):
            b.carry(keys, task)
        b.flag(keys, "template")
        b.flag(b.some(keys, 0.7), "volume")


def _reseller(b, rng, town):
    """Keys that serve many people, and customers who pay by the reseller's card."""
    for key in town.gateway:
        b.connect(key, rng.choice(town.homes, 60))
        b.carry(key, rng.choice(town.products, 4, replace=False))
    b.flag(town.gateway, "volume")
    customers = b.accounts(60, hazard="reseller")
    b.connect(customers, b.addresses(60))
    b.carry(customers, b.values("payment", 1)[0])
    b.carry(customers, rng.choice(town.products, 60))
    b.flag(b.some(customers, 0.3), "template")


def _campaign(b, rng, number, accounts, town, provable):
    """Which families are shared, and how densely, is drawn; at least two are."""
    size = int(rng.integers(20, max(30, min(400, accounts // 25))))
    who = b.accounts(size, label=f"camp-{number}", per_party=int(rng.integers(1, 3)))
    usual = ("content", "exits", "cards", "client", "registration")
    shared = set(rng.choice(usual, int(rng.integers(3, 6)), replace=False))
    shared |= {"content"} if not shared & {"exits", "cards"} else {"exits"}
    # the families that nobody of the campaign is without
    sure = set(rng.permutation(sorted(shared))[:2]) if provable else set()
    density = lambda family, low: 1.0 if family in sure else rng.uniform(low, 1)  # noqa: E731
    benign = rng.uniform(0.1, 0.5)  # of the prompts
    b.connect(who, b.addresses(size))
    if "exits" in shared:
        exits = b.addresses(
            max(3, int(size * rng.uniform(0.1, 0.8))), per_network=int(rng.integers(2, 9))
        )
        rented = len(exits) // 3
        exits[:rented] = rng.choice(town.homes, rented, replace=False)
        hired = min(len(exits) // 3, len(town.proxies))
        if hired:
            exits[-hired:] = rng.choice(town.proxies, hired, replace=False)
        for _ in range(int(rng.integers(2, 7))):
            b.connect(who, rng.choice(exits, size))
        b.connect(town.gateway[0], exits[len(exits) // 2])
    else:
        b.connect(who, rng.choice(town.vpn, size))
    if "cards" in shared:
        cards = b.values("payment", max(2, size // int(rng.integers(2, 9))))
        payers = b.some(who, density("cards", 0.4))
        b.carry(payers, rng.choice(cards, len(payers)))
        b.carry(b.some(who, 0.1), rng.choice(town.gifts))
    if "content" in shared:
        templates = b.values("template", int(rng.integers(1, 6)))
        if "content" in sure:
            b.carry(who, rng.choice(templates, size))
        for template in templates:
            b.carry(b.some(who, rng.uniform(0.3, 1)), template)
    hiding = b.some(who, benign)
    b.carry(hiding, rng.choice(town.products, len(hiding)))
    if "client" in shared:
        b.carry(b.some(who, density("client", 0.4)), b.values("harness", 1)[0])
    else:
        b.carry(who, rng.choice(town.agents, size))
    if "registration" in shared:
        b.carry(b.some(who, density("registration", 0.4)), b.values("registration", 1)[0])
    b.carry(who, rng.choice(town.systems, size))
    seen = rng.uniform(0.3, 0.9) * (1 - benign / 2)
    b.flag(b.some(who, seen), "template" if "content" in shared else "behaviour")
    b.flag(b.some(who, 0.1), "volume")


def _finish(b: _Builder) -> World:
    rng = b.rng
    ua, uv = np.concatenate(b.use_account), np.concatenate(b.use_attribute)
    count, values = b.people, b.listed
    pairs = np.unique(ua * values + uv)
    ua, uv = pairs // values, pairs % values
    party, kinds, places = b.party.all, b.kinds.all, b.places.all
    spread = np.bincount(
        np.unique(uv * (b.parties + 1) + party[ua]) // (b.parties + 1), minlength=values
    )
    first = rng.integers(0, 5 * DAY, len(ua))
    own = np.where(kinds == KIND_CODE["ip_prefix"], np.arange(values), -1)
    network = np.where(places >= 0, places, own)
    account, family, p = (np.concatenate(column) for column in zip(*b.signals, strict=True))
    facts = Facts.from_columns(
        account=np.arange(1, count + 1),
        party=party,
        aggregate=b.aggregate.all,
        attribute=np.arange(1, values + 1),
        kind=kinds,
        carriers=spread.astype(float),
        population=np.full(values, float(b.parties)),
        networks=lambda ids: network[ids - 1],
        use_account=ua + 1,
        use_attribute=uv + 1,
        use_first=first,
        use_last=first + rng.integers(DAY, 9 * DAY, len(ua)),
        signal_account=account + 1,
        signal_family=family,
        signal_p=p,
        signal_group=np.zeros(len(p), dtype=np.int64),
    )
    named = dict(enumerate(b.label, start=1))
    return World(facts, named, {a: h for a, h in enumerate(b.hazard, start=1) if h})

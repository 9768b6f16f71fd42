"""Populations with planted campaigns and innocent look-alikes, as grouping sees them.

Who shares what, how densely, and which families are there at all is drawn anew for each seed: a
grouping that only works where one family is shared densely must show it here.
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


@dataclass
class _Builder:
    rng: np.random.Generator
    party: list = field(default_factory=list)
    aggregate: list = field(default_factory=list)
    label: list = field(default_factory=list)
    hazard: list = field(default_factory=list)
    kinds: list = field(default_factory=list)
    places: list = field(default_factory=list)
    use_account: list = field(default_factory=list)
    use_attribute: list = field(default_factory=list)
    signals: list = field(default_factory=list)
    parties: int = 0

    def accounts(self, count, *, label="", hazard="", per_party=1, aggregate=False) -> np.ndarray:
        start = len(self.party)
        codes = self.parties + np.arange(count) // per_party
        self.parties = int(codes[-1]) + 1 if count else self.parties
        self.party += codes.tolist()
        self.aggregate += [aggregate] * count
        self.label += [label] * count
        self.hazard += [hazard] * count
        return np.arange(start, start + count)

    def values(self, kind, count, place=None) -> np.ndarray:
        start = len(self.kinds)
        self.kinds += [KIND_CODE[kind]] * count
        self.places += [-1] * count if place is None else np.asarray(place).tolist()
        return np.arange(start, start + count)

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
        self.carry(accounts, np.array(self.places)[addresses.ravel()].reshape(addresses.shape))

    def some(self, accounts, share) -> np.ndarray:
        return accounts[self.rng.random(len(accounts)) < share]

    def flag(self, accounts, family, low=-6.0, high=-2.0):
        p = 10 ** self.rng.uniform(low, high, len(accounts))
        code = FAMILY_CODE[family]
        self.signals += [(int(a), code, float(x)) for a, x in zip(accounts, p, strict=True)]


def world(seed: int, accounts: int = 4_000, campaigns: int = 3) -> World:
    rng = np.random.default_rng(seed)
    b = _Builder(rng)
    crowd = b.accounts(int(accounts * 0.6))
    teams = b.accounts(int(accounts * 0.15), per_party=5)
    people = np.concatenate([crowd, teams])
    homes = b.addresses(len(people))
    b.connect(people, homes)
    housemates = b.some(crowd, 0.08)
    b.connect(housemates, rng.choice(homes, len(housemates)))
    b.carry(people, b.values("payment", b.parties)[np.array(b.party)[people]])
    systems = b.values("asn", 60)
    agents = b.values("user_agent", 40)
    mails = b.values("email_domain", 30)
    often = rng.zipf(1.6, 200_000)
    zipf = lambda values, n: values[rng.choice(often[often <= len(values)], n) - 1]  # noqa: E731
    b.carry(people, zipf(systems, len(people)))
    b.carry(people, zipf(agents, len(people)))
    b.carry(people, zipf(mails, len(people)))

    # shared exits and products that everybody may use
    carrier = b.addresses(max(4, accounts // 400))
    mobile = b.some(people, 0.1)
    b.connect(mobile, rng.choice(carrier, len(mobile)))
    vpn = b.addresses(max(12, accounts // 150), per_network=8)
    hidden = b.some(crowd, 0.08)
    for _ in range(4):
        b.connect(hidden, rng.choice(vpn, len(hidden)))
    gifts = b.values("payment", max(5, accounts // 200))
    gifted = b.some(crowd, 0.04)
    b.carry(gifted, rng.choice(gifts, len(gifted)))
    products = b.values("template", 12)
    for product in products:
        users = b.some(people, rng.uniform(0.002, 0.03))
        b.carry(users, product)
        b.flag(b.some(users, 0.4), "template")
    b.flag(b.some(people, 0.01), "volume")

    _campuses(b, rng, accounts, agents, mails)
    _harnesses(b, rng, systems)
    gateway = b.accounts(3, hazard="gateway", aggregate=True)
    for key in gateway:
        b.connect(key, rng.choice(homes, 60))
        b.carry(key, rng.choice(products, 4, replace=False))
    b.flag(gateway, "volume")

    for number in range(campaigns):
        _campaign(b, rng, number, accounts, homes, vpn, gifts, products, systems, agents, gateway)
    return _finish(b)


def _campuses(b, rng, accounts, agents, mails):
    for number in range(3):
        students = b.accounts(int(rng.integers(25, 90)), hazard=f"campus-{number}")
        exits = b.addresses(int(rng.integers(1, 6)))
        b.connect(students, rng.choice(exits, len(students)))
        tasks = b.values("template", 3)
        for task in tasks:
            b.carry(b.some(students, 0.7), task)
        dorms = b.addresses(len(students) // 2 + 1)
        b.connect(students, rng.choice(dorms, len(students)))
        if rng.random() < 0.5:
            b.carry(b.some(students, 0.6), b.values("payment", 1)[0])
        b.carry(students, mails[number])
        b.carry(students, rng.choice(agents, len(students)))
        b.flag(b.some(students, 0.8), "template")


def _harnesses(b, rng, systems):
    sets = b.values("template", 4)
    for _ in range(6):
        size = int(rng.integers(4, 25))
        keys = b.accounts(size, hazard="harness", per_party=size)
        b.connect(keys, b.addresses(2)[rng.integers(0, 2, size)])
        b.carry(keys, b.values("payment", 1)[0])
        b.carry(keys, systems[3])
        for task in rng.choice(sets, 2, replace=False):
            b.carry(keys, task)
        b.flag(keys, "template")
        b.flag(b.some(keys, 0.7), "volume")


def _campaign(b, rng, number, accounts, homes, vpn, gifts, products, systems, agents, gateway):
    """Which families are shared, and how densely, is drawn; at least two are."""
    size = int(rng.integers(20, max(30, min(400, accounts // 25))))
    who = b.accounts(size, label=f"camp-{number}", per_party=int(rng.integers(1, 3)))
    usual = ("content", "exits", "cards", "client", "registration")
    shared = set(rng.choice(usual, int(rng.integers(3, 6)), replace=False))
    shared |= {"content"} if not shared & {"exits", "cards"} else {"exits"}
    exits = b.addresses(
        max(3, int(size * rng.uniform(0.1, 0.8))), per_network=int(rng.integers(2, 9))
    )
    rented = rng.choice(homes, len(exits) // 3, replace=False)
    exits = np.concatenate([exits[: len(exits) - len(rented)], rented])
    own = b.addresses(size)
    b.connect(who, own)
    if "exits" in shared:
        for _ in range(int(rng.integers(2, 7))):
            b.connect(who, rng.choice(exits, size))
    else:
        b.connect(who, rng.choice(vpn, size))
    if "cards" in shared:
        cards = b.values("payment", max(2, size // int(rng.integers(2, 9))))
        payers = b.some(who, rng.uniform(0.4, 1))
        b.carry(payers, rng.choice(cards, len(payers)))
        b.carry(b.some(who, 0.1), rng.choice(gifts))
    if "content" in shared:
        for template in b.values("template", int(rng.integers(1, 6))):
            b.carry(b.some(who, rng.uniform(0.3, 1)), template)
    b.carry(b.some(who, 0.05), rng.choice(products))
    if "client" in shared:
        b.carry(b.some(who, rng.uniform(0.4, 1)), b.values("harness", 1)[0])
    else:
        b.carry(who, rng.choice(agents, size))
    if "registration" in shared:
        b.carry(b.some(who, rng.uniform(0.4, 1)), b.values("registration", 1)[0])
    b.carry(who, rng.choice(systems, size))
    b.connect(gateway[0], rng.choice(exits))
    b.flag(b.some(who, rng.uniform(0.3, 0.9)), "template" if "content" in shared else "behaviour")
    b.flag(b.some(who, 0.1), "volume")


def _finish(b: _Builder) -> World:
    rng = b.rng
    ua, uv = np.concatenate(b.use_account), np.concatenate(b.use_attribute)
    count, values = len(b.party), len(b.kinds)
    pairs = np.unique(ua * values + uv)
    ua, uv = pairs // values, pairs % values
    party = np.array(b.party)
    spread = np.bincount(
        np.unique(uv * (b.parties + 1) + party[ua]) // (b.parties + 1), minlength=values
    )
    first = rng.integers(0, 5 * DAY, len(ua))
    signals = sorted(b.signals)
    places, kinds = np.array(b.places), np.array(b.kinds, dtype=np.int8)
    own = np.where(kinds == KIND_CODE["ip_prefix"], np.arange(values), -1)
    network = np.where(places >= 0, places, own)
    facts = Facts.from_columns(
        account=np.arange(1, count + 1),
        party=party,
        aggregate=np.array(b.aggregate),
        attribute=np.arange(1, values + 1),
        kind=kinds,
        carriers=spread.astype(float),
        population=np.full(values, float(b.parties)),
        networks=lambda ids: network[ids - 1],
        use_account=ua + 1,
        use_attribute=uv + 1,
        use_first=first,
        use_last=first + rng.integers(DAY, 9 * DAY, len(ua)),
        signal_account=np.array([a for a, _, _ in signals]) + 1,
        signal_family=np.array([f for _, f, _ in signals], dtype=np.int8),
        signal_p=np.array([p for _, _, p in signals]),
        signal_group=np.zeros(len(signals), dtype=np.int64),
    )
    named = dict(enumerate(b.label, start=1))
    return World(facts, named, {a: h for a, h in enumerate(b.hazard, start=1) if h})

"""Addresses, cards, devices and clients, all in ranges that belong to nobody."""

from dataclasses import dataclass, field
from random import Random

AGENTS = [
    f"{name}/{major}.{minor}"
    for name, majors, minors in (
        ("lumen-python", (1, 2), range(0, 24, 3)),
        ("lumen-node", (3, 4), range(0, 20, 3)),
        ("python-httpx", (0,), (25, 26, 27, 28)),
        ("python-requests", (2,), (28, 31, 32)),
        ("okhttp", (4, 5), (9, 12)),
        ("Go-http-client", (1, 2), (0, 1)),
        ("axios", (1,), (4, 6, 7)),
        ("curl", (7, 8), (5, 81, 88)),
    )
    for major in majors
    for minor in minors
]
SYSTEMS = ("Windows NT 10.0; Win64", "Macintosh; Intel 10_15", "X11; Linux x86_64", "iPhone")
ENGINES = [f"Chrome/{n}" for n in range(128, 141)] + [f"Firefox/{n}" for n in range(125, 142, 2)]
BROWSERS = [f"Mozilla/5.0 ({system}) {engine}" for system in SYSTEMS for engine in ENGINES]
PUBLIC_MAIL = ["postbox.example", "quickmail.example", "letterbox.example", "inbox.example"]
THROWAWAY_MAIL = [f"{name}.example" for name in
                  ("tempbox", "tenminute", "dropmail", "burner", "mailhole", "oneuse", "voidpost",
                   "swiftinbox", "paperbag", "fleeting", "nomail", "spoolbox")]  # fmt: skip
SHAPES = ["first.last", "firstlast", "f.last", "first.last.yy", "first_last", "nick", "nickdd",
          "firstdd", "last.first", "initials.dddd", "nick.nick", "firstyyyy"]  # fmt: skip


@dataclass
class Place:
    """Where requests come from: addresses of one network."""

    asn: int
    addresses: list[str]


@dataclass
class World:
    """Hands out what is not yet taken; what is shared is shared because somebody says so."""

    random: Random
    taken: int = 0
    networks: dict[str, list[int]] = field(default_factory=dict)
    blocks: dict[int, int] = field(default_factory=dict)
    homes: list[Place] = field(default_factory=list)
    gift_cards: list[str] = field(default_factory=list)

    def __post_init__(self):
        number = 64512
        for kind, many in (("home", 22), ("mobile", 5), ("hosting", 9), ("office", 30), ("vpn", 3)):
            self.networks[kind] = list(range(number, number + many))
            number += many
        self.mobile_pools = {
            asn: [self.address(asn) for _ in range(self.random.randint(20, 60))]
            for asn in self.networks["mobile"]
        }
        self.vpn_pools = {
            asn: [self.address(asn) for _ in range(self.random.randint(25, 70))]
            for asn in self.networks["vpn"]
        }
        self.gift_cards = [self.card() for _ in range(self.random.randint(6, 14))]
        self.weights = [1 / (rank + 2) for rank in range(len(AGENTS))]
        self.agents = self.random.sample(AGENTS, len(AGENTS))

    def name(self, what: str) -> str:
        """An opaque name such as acct_5f0c21a9d3."""
        return f"{what}_{self.random.getrandbits(40):010x}"

    def card(self) -> str:
        return self.name("card")

    def address(self, asn: int, *, beside: int = 0) -> str:
        """A fresh address: networks own /16s, and a /24 holds up to 200; beside: near the last."""
        place = self.blocks.get(asn, 0)
        self.blocks[asn] = place + (1 if beside else self.random.randint(1, 40))
        return f"10.{asn % 200}.{place // 200 % 256}.{place % 200 + 1}"

    def block(self, kind: str, many: int) -> Place:
        """Neighbouring addresses of one network."""
        asn = self.random.choice(self.networks[kind])
        self.blocks[asn] = (self.blocks.get(asn, 0) // 200 + 1) * 200
        return Place(asn, [self.address(asn, beside=1) for _ in range(many)])

    def home(self) -> Place:
        """A household that others may visit, or whose line may be lent out."""
        place = self.line()
        self.homes.append(place)
        return place

    def line(self) -> Place:
        """A line into a dwelling: one address, sometimes a second after the provider dealt anew."""
        asn = self.random.choice(self.networks["home"])
        return Place(asn, [self.address(asn) for _ in range(1 + (self.random.random() < 0.3))])

    def agent(self) -> str:
        if self.random.random() < 0.35:
            return self.random.choice(BROWSERS)
        return self.random.choices(self.agents, self.weights)[0]

"""What a drawn world stands on: networks, cards, customers, and the log that grows."""

from dataclasses import dataclass, field

import numpy as np

DAY = 86_400.0
# requests by local hour of an ordinary day
BY_HOUR = np.array(
    [2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 11, 9, 11, 12, 12, 11, 10, 9, 9, 9, 8, 6, 4]
)
CLIENTS = ("tern-py", "tern-js", "plainhttp", "okfetch", "browser-w", "browser-m", "browser-x")
MODELS = ("quill-large", "quill-small", "quill-think")


@dataclass
class Party:
    """One account as the provider sees it. None: not recorded."""

    account: str
    organisation: str
    created: float
    payment: str | None
    mail: str | None
    registration: str | None
    device: str | None
    agent: str
    plan: str


@dataclass
class Line:
    """Addresses of one network that are used in turn."""

    asn: int
    addresses: list[str]


@dataclass
class Ground:
    """rng: the world's one random stream; start and days: the window; what is recorded at all
    (payment, device, registration …) is the provider's habit and is drawn with the world."""

    rng: np.random.Generator
    start: float
    days: int
    columns: dict[str, list] = field(default_factory=dict)
    truth: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    blocks: dict[int, int] = field(default_factory=dict)
    serial: int = 0

    def __post_init__(self):
        rng, number = self.rng, 64512
        self.networks: dict[str, list[int]] = {}
        for kind, many in (("home", rng.integers(8, 25)), ("mobile", rng.integers(2, 6)),
                           ("hosting", rng.integers(5, 12)), ("office", rng.integers(15, 40)),
                           ("vpn", rng.integers(2, 5))):  # fmt: skip
            self.networks[kind] = list(range(number, number + int(many)))
            number += int(many)
        names = [f"{n}/{a}.{b}" for n in CLIENTS for a in range(1, 5) for b in range(0, 12, 2)]
        self.agents = rng.permutation(names)
        weight = 1 / (np.arange(len(names)) + 2.0)
        self.agent_weights = weight / weight.sum()
        self.public_mail = [f"mail{n}.example" for n in range(int(rng.integers(4, 9)))]
        self.throwaway = [f"brief{n}.example" for n in range(int(rng.integers(6, 16)))]
        self.shapes = [f"shape-{n}" for n in range(int(rng.integers(8, 16)))]
        self.gifts = [self.name("gift") for _ in range(int(rng.integers(4, 14)))]
        self.homes: list[Line] = []
        self.mobile = [self.fresh("mobile", int(rng.integers(15, 50))) for _ in range(3)]
        self.vpn = [self.fresh("vpn", int(rng.integers(20, 70))) for _ in range(2)]

    @property
    def end(self) -> float:
        return self.start + self.days * DAY

    def name(self, what: str) -> str:
        self.serial += 1
        return f"{what}-{self.rng.integers(2**40):010x}-{self.serial}"

    def fresh(self, kind: str, many: int = 1, *, together: bool = False) -> Line:
        """Addresses that nobody had: in one block (together), or strewn over a network."""
        asn = int(self.rng.choice(self.networks[kind]))
        place = self.blocks.get(asn, 0)
        if together:
            place = (place // 200 + 1) * 200
        found = []
        for _ in range(many):
            place += 1 if together else int(self.rng.integers(1, 400))
            found.append(f"10.{(asn - 64512) % 250}.{place // 200 % 256}.{place % 200 + 1}")
        self.blocks[asn] = place
        return Line(asn, found)

    def home(self) -> Line:
        line = self.fresh("home", 1 if self.rng.random() < 0.7 else 2)
        self.homes.append(line)
        return line

    def agent(self) -> str:
        return str(self.rng.choice(self.agents, p=self.agent_weights))

    def party(self, **fixed) -> Party:
        """A customer with nothing rare in common with others, except what is fixed."""
        rng = self.rng
        new = rng.random() < 0.15
        known = {
            "account": self.name("acct"),
            "organisation": self.name("org"),
            "created": self.start + (rng.random() * 10 if new else -rng.exponential(200)) * DAY,
            "payment": self.name("card") if rng.random() < 0.65 else None,
            "mail": (
                str(rng.choice(self.public_mail)) if rng.random() < 0.65
                else str(rng.choice(self.throwaway)) if rng.random() < 0.08
                else self.name("mail") + ".example"
            ),
            "registration": str(rng.choice(self.shapes)),
            "device": self.name("dev") if rng.random() < 0.7 else None,
            "agent": self.agent(),
            "plan": str(rng.choice(("free", "build", "scale"), p=(0.5, 0.4, 0.1))),
        }  # fmt: skip
        return Party(**(known | fixed))

    def know(self, party: Party, label: str, kind: str, campaign: str = "") -> None:
        self.truth[party.account] = (label, kind, campaign)

    def send(
        self,
        party: Party,
        at: np.ndarray,
        prompts: list[str],
        line: Line | list[Line],
        *,
        model: str | None = None,
        output: float = 250.0,
        agents: list[str] | None = None,
    ) -> None:
        """Requests of one account, from addresses of the line (or a line for each request)."""
        rng, many = self.rng, len(prompts)
        if isinstance(line, Line):
            ip = rng.choice(line.addresses, many).tolist()
            asn = [line.asn] * many
        else:
            ip = [str(rng.choice(one.addresses)) for one in line]
            asn = [one.asn for one in line]
        models = [model] * many if model else rng.choice(MODELS, many, p=(0.5, 0.4, 0.1)).tolist()
        tokens = np.minimum(64_000, output * np.exp(rng.normal(0, 0.7, many))).astype(int) + 1
        rows = {
            "at": np.asarray(at, dtype=float).tolist(),
            "account_id": [party.account] * many,
            "organisation": [party.organisation] * many,
            "plan": [party.plan] * many,
            "account_created_at": [party.created] * many,
            "ip": ip,
            "asn": asn,
            "user_agent": agents or [party.agent] * many,
            "payment": [party.payment] * many,
            "email_domain": [party.mail] * many,
            "registration": [party.registration] * many,
            "device": [party.device] * many,
            "model": models,
            "prompt": prompts,
            "input_tokens": [len(prompt) // 4 + 8 for prompt in prompts],
            "output_tokens": tokens.tolist(),
            "status": [200] * many,
            "stop_reason": ["end_turn"] * many,
        }
        for name, values in rows.items():
            self.columns.setdefault(name, []).extend(values)

    def human(self, many: int, since: float | None = None, zone: int | None = None) -> np.ndarray:
        """Moments of a person: by day, in sittings."""
        rng = self.rng
        since = max(self.start, since if since is not None else self.start)
        since = min(since, self.end - DAY)
        zone = int(rng.integers(-9, 10)) if zone is None else zone
        sittings = max(1, many // int(rng.integers(2, 6)))
        day = rng.integers(0, max(1, int((self.end - since) / DAY)), sittings)
        hour = (rng.choice(24, sittings, p=BY_HOUR / BY_HOUR.sum()) - zone) % 24
        base = (since // DAY + day) * DAY + hour * 3600 + rng.random(sittings) * 3600
        found = rng.choice(base, many) + rng.exponential(300, many)
        return np.sort(np.clip(found, since, self.end - 1))

    def steady(self, many: int, since: float, until: float, swing: float = 0.0, zone: int = 0):
        """Moments of a process, with swing (0–1) towards working hours."""
        at = self.rng.uniform(since, until, many * 3 + 10)
        hour = (at // 3600 + zone).astype(int) % 24
        kept = at[self.rng.random(len(at)) < 1 - swing * (1 - BY_HOUR[hour] / 12)][:many]
        return np.sort(kept)

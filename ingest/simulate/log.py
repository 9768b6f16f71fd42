"""The log as it grows: customers, and the requests that they send."""

import math
from dataclasses import dataclass, field
from random import Random

MODELS = ("lumen-large", "lumen-small", "lumen-think")
DAY = 86_400.0
REFUSED = "refusal"
LONGEST = 64_000  # output tokens, reasoning included
SPREAD = 0.7  # of the logarithm of an answer's length


@dataclass
class Customer:
    """An account as the provider knows it. None: not recorded."""

    account: str
    organisation: str
    plan: str
    created_at: float
    payment: str | None
    email_domain: str
    registration: str
    device: str | None
    key: str
    agent: str


@dataclass
class Label:
    """What is true of an account: campaign, lookalike or ordinary."""

    label: str
    kind: str
    campaign: str = ""


@dataclass
class Log:
    """Requests in no order, and the truth about who sent them."""

    random: Random
    start: float
    days: int
    rows: list[tuple] = field(default_factory=list)
    truth: dict[str, Label] = field(default_factory=dict)
    campaigns: dict[str, dict] = field(default_factory=dict)

    @property
    def end(self) -> float:
        return self.start + self.days * DAY

    def know(self, customer: Customer, label: str, kind: str, campaign: str = "") -> None:
        self.truth[customer.account] = Label(label, kind, campaign)

    def send(
        self,
        customer: Customer,
        at: float,
        prompt: str,
        address: str,
        asn: int,
        *,
        model: str | None = None,
        agent: str | None = None,
        device: str | None = None,
        history: int = 0,
        answer: float = 220.0,
        thinking: float | None = None,
        refuse: float = 0.004,
    ) -> None:
        """One request. history: tokens of earlier turns; answer: the median of its output tokens;
        thinking: the share of them that is reasoning, drawn where none is told."""
        if not self.start <= at < self.end:
            return
        draw = self.random
        model = model or draw.choices(MODELS, (5, 4, 1))[0]
        refused = draw.random() < refuse
        thought = None
        if model == "lumen-think" and thinking is None:
            thinking = draw.uniform(0.6, 0.85)
            answer /= 1 - thinking  # thinking comes on top of what would have been said anyway
        output = (
            20 if refused else min(LONGEST, int(draw.lognormvariate(math.log(answer), SPREAD)) + 1)
        )
        if model == "lumen-think":
            thought = int(output * min(0.97, thinking * draw.uniform(0.9, 1.1)))
        cached = int(history * 0.8) if history > 1000 else None
        stop = REFUSED if refused else "max_tokens" if output == LONGEST else "end_turn"
        self.rows.append(
            (
                at, customer.account, customer.organisation, customer.plan, customer.created_at,
                customer.key, address, asn, agent or customer.agent, customer.payment,
                customer.email_domain, customer.registration, device or customer.device, model,
                prompt, len(prompt) // 4 + 8 + history, cached, output, thought, 200, stop,
            )
        )  # fmt: skip


# requests by local hour, an ordinary week
BY_HOUR = (2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 11, 9, 11, 12, 12, 11, 10, 9, 9, 9, 8, 6, 4)


def human_moments(log: Log, sessions: int, zone: int, since: float = 0.0) -> list[float]:
    """When a person sits down: by day and in the evening, less at weekends. zone: hours.

    The week ends two days before the log does, whatever day that is, so that a seed draws the same
    world on every day.
    """
    draw = log.random
    since = max(log.start, since)
    days = max(1, math.ceil((log.end - since) / DAY))
    monday = log.end // DAY - 1
    weights = [
        0.45 if int((since + d * DAY) // DAY - monday) % 7 >= 5 else 1.0 for d in range(days)
    ]
    found = []
    for day in draw.choices(range(days), weights, k=sessions):
        hour = draw.choices(range(24), BY_HOUR)[0]
        midnight = (since + day * DAY) // DAY * DAY
        found.append(midnight + ((hour - zone) % 24) * 3600 + draw.random() * 3600)
    return sorted(found)


def steady_moments(log: Log, many: int, since: float, until: float, zone: int, swing: float):
    """A process that runs round the clock, with swing (0–1) towards working hours of its zone."""
    draw = log.random
    found = []
    while len(found) < many:
        at = draw.uniform(since, until)
        hour = int(at // 3600 + zone) % 24
        if draw.random() < 1 - swing * (1 - BY_HOUR[hour] / 12):
            found.append(at)
    return sorted(found)

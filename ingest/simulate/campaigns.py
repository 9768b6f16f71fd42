"""Planted campaigns: many accounts, one purpose. What they share, how densely, how they deal their
work and how they hide is drawn anew for each."""

import math
from dataclasses import asdict, dataclass
from random import Random

from ingest.simulate.log import DAY, SPREAD, Customer, Log, steady_moments
from ingest.simulate.people import People
from ingest.simulate.tasks import Tasks, frame
from ingest.simulate.words import FIELDS
from ingest.simulate.world import AGENTS, SHAPES, THROWAWAY_MAIL, Place

KINDS = ("reasoning", "grading", "curriculum", "persona", "rewriting")


@dataclass
class Plan:
    """How one campaign works."""

    kind: str
    size: int
    requests: int
    template_share: float
    wordings: int
    camouflage: float  # ordinary requests for each harvested one
    network: str  # hosting, residential, mixed, own
    exits_each: int
    payment: str  # cards, gift, own
    per_card: int
    device: str  # farm, own
    mail: str  # throwaway, public, own
    registration: str  # pattern, common
    agent: str  # rare, common, mixed
    dealing: str  # round robin, bursts, random, by topic
    swing: float
    fail_over: bool
    answer: int  # output tokens of an answer, on average, reasoning included
    thinking: float | None  # the share of them that is reasoning; None: a model that doesn't reason


def draw_plan(random: Random, kind: str, *, large: bool = False) -> Plan:
    """Each kind has its usual ways, and strays from them. large: more accounts, each as busy as
    the busiest elsewhere, after answers of some length."""

    def mostly(usual: str, *others: str) -> str:
        return usual if random.random() < 0.65 else random.choice(others)

    usual = {
        "reasoning": ("hosting", "cards", "own", "public", "common", "rare", "random"),
        "grading": ("residential", "own", "farm", "public", "common", "common", "bursts"),
        "curriculum": ("mixed", "gift", "own", "own", "common", "mixed", "round robin"),
        "persona": ("residential", "cards", "own", "throwaway", "pattern", "mixed", "random"),
        "rewriting": ("residential", "cards", "farm", "throwaway", "common", "rare", "by topic"),
    }[kind]
    size = round(random.lognormvariate(4.0, 0.45))
    size = random.randint(150, 220) if large else max(22, min(130, size))
    network = mostly(usual[0], "hosting", "residential", "mixed", "own")
    payment = mostly(usual[1], "cards", "gift", "own")
    device = mostly(usual[2], "farm", "own")
    if network == "own" and payment == "own":
        device, payment = "farm", "cards"  # with nothing shared at all there is no campaign to find
    return Plan(
        kind=kind,
        size=size,
        requests=round(size * random.uniform(*((150, 190) if large else (90, 190)))),
        template_share=random.uniform(*((0.3, 0.7) if kind == "curriculum" else (0.55, 0.95))),
        wordings=random.choice((1, 1, 2, 3, 4)),
        camouflage=random.choice((0.05, 0.15, 0.3) if large else (0.05, 0.15, 0.3, 0.5)),
        network=network,
        exits_each=random.randint(3, 9),
        payment=payment,
        per_card=random.randint(3, 12),
        device=device,
        mail=mostly(usual[3], "throwaway", "public", "own"),
        registration=mostly(usual[4], "pattern", "common"),
        agent=mostly(usual[5], "rare", "common", "mixed"),
        dealing=usual[6] if kind == "curriculum" else mostly(
            usual[6], "round robin", "bursts", "random", "by topic"
        ),
        swing=random.choice((0.0, 0.2, 0.6)),
        fail_over=kind == "persona",
        answer=round(math.exp(random.uniform(math.log(6000 if large else 1500), math.log(12_000)))),
        thinking=random.uniform(0.5, 0.9) if kind == "reasoning" or random.random() < 0.6 else None,
    )  # fmt: skip


class Campaign:
    """Runs one plan into the log."""

    def __init__(self, name: str, plan: Plan, people: People):
        self.name, self.plan, self.people = name, plan, people
        self.log: Log = people.log
        self.random: Random = people.random
        self.tasks = Tasks(self.random)
        self.frames = [frame(self.random, plan.kind) for _ in range(plan.wordings)]
        self.field = self.random.choice(list(FIELDS))
        self.model = "lumen-large" if plan.thinking is None else "lumen-think"
        self.median = plan.answer / math.exp(SPREAD**2 / 2)  # of a log-normal with that mean
        self.number = 0
        # what follows draws from a stream of its own, so that the rest of the world stays the same
        self.manner = Random(repr(self.frames))
        self.tongue = self._tongue()
        self.replays = plan.kind in ("curriculum", "persona") and self.manner.random() < 0.5
        self.list: dict[tuple[int, int], str] = {}

    def run(self) -> None:
        workers = self.hire()
        self.log.campaigns[self.name] = asdict(self.plan)
        for customer, _, _, _ in workers:
            self.log.know(customer, "campaign", self.plan.kind, self.name)
        self.harvest(workers)
        self.hide(workers)

    def hire(self) -> list[tuple[Customer, list[Place], float, float]]:
        """Accounts with their exits, first and last moment."""
        plan, draw, world, log = self.plan, self.random, self.people.world, self.log
        exits = self.exits()
        cards = [world.card() for _ in range(-(-plan.size // plan.per_card))]
        devices = [world.name("dev") for _ in range(max(2, plan.size // draw.randint(4, 9)))]
        mails = draw.sample(THROWAWAY_MAIL, draw.randint(1, 3))
        shape = f"{draw.choice(SHAPES)}.{draw.choice(('xx', 'qqq', 'zz9', 'a1a1'))}"
        rare_agent = f"harvest-{draw.getrandbits(16):x}/0.{draw.randrange(9)}"
        common_agent = draw.choice(AGENTS)
        fortnights = log.days / 14
        begin = log.start + draw.uniform(0.3, 3.5) * DAY * fortnights
        finish = log.end - draw.uniform(0.0, 2.0) * DAY * fortnights
        stop = begin + draw.uniform(0.4, 0.6) * (finish - begin)
        workers = []
        for number in range(plan.size):
            first_pool = not plan.fail_over or number < plan.size * 0.55
            opens = begin if first_pool else stop + draw.uniform(1.5, 9) / 24 * DAY
            closes = stop if plan.fail_over and first_pool else finish
            opens += draw.random() * 0.35 * (closes - opens)
            closes -= draw.random() * 0.25 * (closes - opens)
            fixed = dict(plan="build", created_at=opens - draw.uniform(0.02, 12) * DAY)
            if plan.payment == "cards":
                fixed["payment"] = cards[number // plan.per_card]
            elif plan.payment == "gift":
                fixed["payment"] = draw.choice(world.gift_cards)
            if plan.device == "farm":
                fixed["device"] = draw.choice(devices)
            if plan.mail == "throwaway":
                fixed["email_domain"] = draw.choice(mails)
            elif plan.mail == "own":
                fixed["email_domain"] = f"{world.name('firm')[5:]}.example"
            if plan.registration == "pattern":
                fixed["registration"] = shape
            if plan.agent == "rare" or (plan.agent == "mixed" and draw.random() < 0.4):
                fixed["agent"] = rare_agent
            elif plan.agent == "common":
                fixed["agent"] = common_agent
            if draw.random() < 0.12:  # some accounts of one operator share an organisation
                fixed["organisation"] = (
                    workers[-1][0].organisation if workers else world.name("org")
                )
            mine = [draw.choice(exits) for _ in range(plan.exits_each)] if exits else []
            workers.append((self.people.customer(**fixed), mine or [world.line()], opens, closes))
        return workers

    def exits(self) -> list[Place]:
        """Single addresses that the campaign's accounts take turns on."""
        plan, draw, world = self.plan, self.random, self.people.world
        if plan.network == "own":
            return []
        many = max(6, round(plan.size * draw.uniform(0.4, 1.3)))
        found: list[Place] = []
        if plan.network in ("hosting", "mixed"):
            for _ in range(draw.randint(2, 4)):
                block = world.block("hosting", max(3, many // 4))
                found += [Place(block.asn, [address]) for address in block.addresses]
        if plan.network in ("residential", "mixed"):
            homes = draw.sample(world.homes, min(many // 3, len(world.homes)))
            found += [Place(home.asn, home.addresses[:1]) for home in homes]  # lent by their owners
            found += [
                Place((h := world.line()).asn, h.addresses[:1]) for _ in range(many - many // 3)
            ]
        return found

    def harvest(self, workers) -> None:
        plan, draw = self.plan, self.random
        since, until = min(w[2] for w in workers), max(w[3] for w in workers)
        zone = draw.choice((-8, 0, 3, 8))
        live: list = []
        turn, held, holder, slot = 0, 0, None, -1
        for at in steady_moments(self.log, plan.requests, since, until, zone, plan.swing):
            if at // 3600 != slot:
                slot = at // 3600
                live = [w for w in workers if w[2] <= at <= w[3]]
            if not live:
                continue
            topic = self.number // 40 if plan.kind == "curriculum" else draw.randrange(60)
            if plan.dealing == "round robin":
                turn += 1
                worker = live[turn % len(live)]
            elif plan.dealing == "bursts":
                if held <= 0 or holder not in live:
                    held, holder = draw.randint(8, 40), draw.choice(live)
                held -= 1
                worker = holder
            elif plan.dealing == "by topic":
                worker = live[topic * 7919 % len(live)]
            else:
                worker = draw.choice(live)
            self.ask(worker, at, topic)

    def ask(self, worker, at: float, topic: int) -> None:
        plan, draw = self.plan, self.random
        customer, exits, _, _ = worker
        self.number += 1
        if plan.kind == "reasoning":
            slot = self.tasks.puzzle()
        elif plan.kind == "curriculum":
            slot = self.tasks.exercise(topic, self.number % 40)
        elif plan.kind == "persona":
            slot = self.tasks.persona_question(self.field)
        else:
            slot = self.tasks.answer()
        if plan.dealing == "by topic" and plan.kind != "curriculum":
            slot = self.from_list(topic, slot)
        if draw.random() < plan.template_share:
            before, after = draw.choice(self.frames)
            slot = before + slot + after
        slot = self.in_its_manner(slot)
        place = draw.choice(exits)
        self.log.send(
            customer, at, slot, draw.choice(place.addresses), place.asn,
            model=self.model, answer=self.median, thinking=plan.thinking,
            refuse=0.03 if plan.kind == "rewriting" else 0.008,
        )  # fmt: skip

    def from_list(self, topic: int, slot: str) -> str:
        """A finite list that is divided by topic, each item asked for a few times."""
        return self.list.setdefault((topic, self.manner.randrange(6)), slot)

    def in_its_manner(self, prompt: str) -> str:
        """Some prescribe the language of thought, some carry a turn of another session."""
        if self.replays and self.manner.random() < 0.4:
            return f"user: {prompt}\nassistant: {self._turn()}\nuser: go on from there"
        return prompt + self.tongue

    def _tongue(self) -> str:
        if self.plan.kind != "reasoning" or self.manner.random() < 0.5:
            return ""
        return f" Think only in {self.manner.choice(('Korean', 'Turkish', 'Vietnamese'))}."

    def _turn(self) -> str:
        return Tasks(self.manner).answer()

    def hide(self, workers) -> None:
        """Ordinary conversations from the same accounts and exits."""
        each = self.plan.requests / len(workers) * self.plan.camouflage
        for customer, exits, opens, closes in workers:
            if each >= 2:
                self.people.live(customer, exits, requests=each, since=opens, until=closes)

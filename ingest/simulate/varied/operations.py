"""Campaigns of a drawn world. A plan is drawn field by field, so that no two work alike: what they
ask, what ties their accounts, how they deal their work and how they hide."""

from dataclasses import asdict, dataclass

import numpy as np

from ingest.simulate.varied.ground import DAY, Ground, Line, Party
from ingest.simulate.varied.language import Language, Manner, QuestionSet
from ingest.simulate.varied.ordinary import Ordinary

KINDS = (
    "narrow", "narrow template", "curriculum", "replay", "benchmark training split",
    "rewriting", "several tasks", "framed anything",
)  # fmt: skip


@dataclass
class Plan:
    """How one campaign works. Numbers of accounts and shares from 0 to 1."""

    kind: str
    size: int
    each: float  # requests of an account, on average
    template_share: float
    exits: str  # none, hosting, rented, vpn, mixed
    exits_each: int
    exit_pool: float  # exits for each account
    cards: str  # own, shared, gift
    per_card: int
    card_share: float
    devices: str  # own, farm
    signup: str  # common, pattern
    agent: str  # common, one, rare
    camouflage: float
    dealing: str  # bursts, round robin, by topic, least loaded
    waves: int
    per_organisation: int
    swing: float


def draw_plan(rng: np.random.Generator, kind: str, *, devices_recorded: bool = True) -> Plan:
    """At least one of exits, cards and devices is shared and recorded: with nothing shared at all
    there is no campaign that anybody could see."""
    pick = lambda *options: str(rng.choice(options))  # noqa: E731
    plan = Plan(
        kind=kind,
        size=int(np.exp(rng.uniform(np.log(24), np.log(150)))),
        each=float(np.exp(rng.uniform(np.log(14), np.log(70)))),
        template_share=float(rng.uniform(0.3, 1.0))
        if "template" in kind or kind == "framed anything"
        else float(rng.choice((0.0, 0.0, rng.uniform(0.1, 0.6)))),
        exits=pick("none", "hosting", "rented", "rented", "mixed", "mixed", "vpn"),
        exits_each=int(rng.choice((1, 1, 2, 2, 3, 4, 6, 8))),
        exit_pool=float(np.exp(rng.uniform(np.log(0.15), np.log(2.5)))),
        cards=pick("own", "shared", "shared", "gift"),
        per_card=int(rng.integers(2, 13)),
        card_share=float(rng.uniform(0.3, 1.0)),
        devices=pick("own", "own", "farm"),
        signup=pick("common", "pattern"),
        agent=pick("common", "one", "rare"),
        camouflage=float(rng.choice((0.0, 0.1, 0.25, 0.5))),
        dealing=pick("bursts", "round robin", "by topic", "least loaded"),
        waves=int(rng.choice((1, 1, 2, 3))),
        per_organisation=int(rng.choice((1, 1, 1, 2, 5))),
        swing=float(rng.choice((0.0, 0.3, 0.8))),
    )
    farm = devices_recorded and plan.devices == "farm"
    if plan.exits in ("none", "vpn") and plan.cards in ("own", "gift") and not farm:
        plan.exits, plan.exits_each = "rented", max(3, plan.exits_each)
    return plan


class Operation:
    """Runs one plan into the ground."""

    def __init__(
        self, name: str, plan: Plan, ground: Ground, language: Language, ordinary: Ordinary,
        benchmarks: list[QuestionSet],
    ):  # fmt: skip
        self.name, self.plan, self.ground, self.language = name, plan, ground, language
        self.ordinary, self.benchmarks, self.rng = ordinary, benchmarks, ground.rng

    def run(self) -> dict:
        workers = self.hire()
        exits = self.exits()
        loads = self.deal(workers)
        tasks = self.tasks(int(sum(loads)))
        start = 0
        for (party, opens, closes), load in zip(workers, loads, strict=True):
            self.ground.know(party, "campaign", self.plan.kind, self.name)
            self.work(party, opens, closes, tasks[start : start + load], exits)
            start += load
        return asdict(self.plan)

    def hire(self) -> list[tuple[Party, float, float]]:
        plan, rng, ground = self.plan, self.rng, self.ground
        cards = [ground.name("card") for _ in range(-(-plan.size // plan.per_card))]
        devices = [ground.name("dev") for _ in range(max(2, plan.size // int(rng.integers(3, 9))))]
        mails = list(rng.choice(ground.throwaway, 2, replace=False))
        rare, one = ground.name("client") + "/0.1", ground.agent()
        shape = ground.name("shape")
        begin = ground.start + rng.uniform(0, 3) * DAY
        end = ground.end - rng.uniform(0, 2) * DAY
        organisation, left, workers = "", 0, []
        for number in range(plan.size):
            if left <= 0:
                organisation = ground.name("org")
                left = int(rng.integers(1, plan.per_organisation + 1))
            left -= 1
            wave = number * plan.waves // plan.size
            opens = begin + (end - begin) * wave / plan.waves * rng.uniform(0.9, 1.0)
            closes = end if plan.waves == 1 or rng.random() < 0.4 else min(end, opens + 5 * DAY)
            opens += rng.random() * 0.3 * (closes - opens)
            fixed = {"organisation": organisation, "created": opens - rng.exponential(3) * DAY}
            fixed["plan"] = "build"
            if plan.cards == "shared" and rng.random() < plan.card_share:
                fixed["payment"] = cards[number // plan.per_card]
            elif plan.cards == "gift":
                fixed["payment"] = str(rng.choice(ground.gifts))
            if plan.devices == "farm":
                fixed["device"] = str(rng.choice(devices))
            if plan.signup == "pattern":
                fixed |= {"mail": str(rng.choice(mails)), "registration": shape}
            if plan.agent == "rare" and rng.random() < 0.7:
                fixed["agent"] = rare
            elif plan.agent == "one":
                fixed["agent"] = one
            workers.append((ground.party(**fixed), opens, closes))
        return workers

    def exits(self) -> list[Line]:
        plan, rng, ground = self.plan, self.rng, self.ground
        many = max(4, round(plan.size * plan.exit_pool))
        found: list[Line] = []
        if plan.exits in ("hosting", "mixed"):
            for _ in range(int(rng.integers(2, 6))):
                block = ground.fresh("hosting", max(2, many // 5), together=True)
                found += [Line(block.asn, [address]) for address in block.addresses]
        if plan.exits in ("rented", "mixed"):
            lent = rng.choice(len(ground.homes), min(many // 3, len(ground.homes)), replace=False)
            found += [Line(ground.homes[n].asn, ground.homes[n].addresses[:1]) for n in lent]
            found += [ground.fresh("home") for _ in range(many - many // 3)]
        if plan.exits == "vpn":
            pool = ground.vpn[int(rng.integers(len(ground.vpn)))]
            found += [Line(pool.asn, [address]) for address in pool.addresses]
        return found

    def deal(self, workers) -> list[int]:
        rng, plan = self.rng, self.plan
        if plan.dealing in ("round robin", "least loaded"):
            loads = rng.normal(plan.each, plan.each / 6, plan.size)
        else:
            shape = 0.9 if plan.dealing == "bursts" else 2.0
            loads = rng.gamma(shape, plan.each / shape, plan.size)
        return np.maximum(3, loads).astype(int).tolist()

    def tasks(self, many: int) -> list[str]:
        """The whole job in the order that it is dealt in."""
        rng, kind = self.rng, self.plan.kind
        if kind == "several tasks":
            cuts = np.sort(rng.integers(0, many, 2))
            parts = np.diff([0, *cuts, many])
            kinds = rng.choice([k for k in KINDS if k != kind], 3, replace=False)
            told = [self.one_task(str(k), int(n)) for k, n in zip(kinds, parts, strict=True)]
            joined = [text for part in told for text in part]
            return [joined[n] for n in rng.permutation(len(joined))]
        return self.one_task(kind, many)

    def one_task(self, kind: str, many: int) -> list[str]:
        rng, language = self.rng, self.language
        if kind == "replay":
            topics = rng.integers(0, language.topics, max(10, many // int(rng.integers(3, 12))))
            once = language.write(topics, self.manner())
            told = [once[n] for n in rng.integers(0, len(once), many)]
        elif kind == "benchmark training split":
            told = language.more(self.benchmarks[int(rng.integers(len(self.benchmarks)))], many)
        elif kind in ("rewriting", "framed anything"):  # texts of people, whatever they are about
            topics = rng.choice(language.topics, many, p=self.ordinary.popularity)
            manners = self.ordinary.manners
            told = language.write(topics, manners[int(rng.integers(len(manners)))])
        else:
            breadth = language.topics if kind == "curriculum" else int(rng.integers(1, 5))
            topics = rng.choice(language.topics, breadth, replace=False)
            dealt = np.sort(rng.integers(0, breadth, many))
            if self.plan.dealing != "by topic":
                dealt = rng.permutation(dealt)
            told = language.write(topics[dealt], self.manner())
        share = self.plan.template_share
        if kind in ("narrow template", "framed anything", "rewriting"):
            share = max(share, 0.4)
        frames = [language.frame() for _ in range(int(rng.choice((1, 1, 2, 4))))]
        put = rng.random(many) < share
        return [
            frames[int(rng.integers(len(frames)))].put(text) if p else text
            for text, p in zip(told, put, strict=True)
        ]

    def manner(self) -> Manner:
        """Its own, or one that people have: then only what is asked sets it apart."""
        if self.rng.random() < 0.5:
            return self.language.manner()
        return self.ordinary.manners[int(self.rng.integers(len(self.ordinary.manners)))]

    def work(self, party: Party, opens: float, closes: float, asked: list[str], exits) -> None:
        plan, rng, ground = self.plan, self.rng, self.ground
        many = len(asked)
        own = ground.fresh("home")
        if plan.dealing == "bursts":
            sittings = rng.uniform(opens, closes, max(1, many // 12))
            at = np.sort(rng.choice(sittings, many) + rng.exponential(240, many))
            at = np.minimum(at, ground.end - 1)
        else:
            at = ground.steady(many, opens, closes, plan.swing)
        asked = asked[: len(at)]
        mine = (
            [exits[int(n)] for n in rng.integers(0, len(exits), plan.exits_each)] if exits else []
        )
        lines = [*mine, own] if not mine or rng.random() < 0.3 else mine
        places = [lines[int(n)] for n in rng.integers(0, len(lines), len(asked))]
        ground.send(party, at, asked, places, model="quill-large", output=900.0)
        hidden = int(plan.camouflage * many)
        if hidden >= 2:
            self.ordinary.live(party, [own, *mine[:2]], hidden)

"""Innocent look-alikes of a drawn world: every archetype of `ingest.detectors.archetypes`, planted
at drawn sizes. Each shares something that campaigns share too."""

from collections.abc import Callable

import numpy as np

from ingest.simulate.varied.ground import DAY, Ground, Line
from ingest.simulate.varied.language import Language, QuestionSet
from ingest.simulate.varied.ordinary import Ordinary


class Harmless:
    """Plants each kind once; how many organisations and accounts take part is drawn."""

    def __init__(
        self, ground: Ground, language: Language, ordinary: Ordinary, benchmarks: list[QuestionSet]
    ):
        self.ground, self.language, self.ordinary = ground, language, ordinary
        self.benchmarks, self.rng = benchmarks, ground.rng
        self.kinds: tuple[Callable[[], None], ...] = (
            self.evaluation_harness,
            self.many_keys_of_one_evaluator,
            self.nightly_batch,
            self.shared_key_in_ci,
            self.gateway,
            self.university,
            self.homework,
            self.red_team,
            self.translation_job,
            self.classification_batch,
            self.agents,
            self.product,
            self.vpn_pool,
            self.office,
        )

    def plant(self) -> None:
        for kind in self.kinds:
            kind()

    def between(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def firm(self, accounts: int, kind: str, **fixed):
        """Accounts of one organisation with one card."""
        shared = {"organisation": self.ground.name("org"), "payment": self.ground.name("card")}
        for _ in range(accounts):
            party = self.ground.party(**({"plan": "scale"} | shared | fixed))
            self.ground.know(party, "hazard", kind)
            yield party

    def nights(self, each: int, hour: int) -> np.ndarray:
        days = np.arange(self.ground.days)[:, None] * DAY + self.ground.start + hour * 3600
        return np.sort((days + self.rng.exponential(900, (self.ground.days, each))).ravel())

    def evaluate(self, party, servers: Line, frame, source: QuestionSet) -> None:
        for _ in range(self.between(1, 4)):
            many = self.between(15, 50)
            asked = self.rng.choice(source.questions, many).tolist()
            begin = self.rng.uniform(self.ground.start, self.ground.end - DAY)
            at = begin + np.cumsum(self.rng.exponential(5, many))
            told = [frame.put(question) for question in asked]
            self.ground.send(party, at, told, servers, model="quill-large", output=500)

    def evaluation_harness(self) -> None:
        """Firms that run one public benchmark with one harness, each from its machines."""
        frame, source = self.language.frame(), self.benchmarks[0]
        for _ in range(self.between(6, 20)):
            servers = self.ground.fresh("hosting", self.between(1, 3), together=True)
            for party in self.firm(self.between(1, 3), "evaluation harness", agent="bench-kit/0.4"):
                self.evaluate(party, servers, frame, source)

    def many_keys_of_one_evaluator(self) -> None:
        frame, source = self.language.frame(), self.benchmarks[-1]
        servers = self.ground.fresh("hosting", self.between(1, 6), together=True)
        for party in self.firm(self.between(8, 25), "evaluation harness", agent="bench-kit/0.4"):
            self.evaluate(party, servers, frame, source)

    def nightly_batch(self) -> None:
        for _ in range(self.between(4, 9)):
            server = self.ground.fresh("hosting", 1)
            frame, hour = self.language.frame(), self.between(0, 4)
            topics = self.ordinary.interests()
            for party in self.firm(self.between(1, 4), "nightly batch"):
                at = self.nights(self.between(2, 6), hour)
                told = self.language.write(self.rng.choice(topics, len(at)), self.language.manner())
                self.ground.send(party, at, [frame.put(t) for t in told], server)

    def shared_key_in_ci(self) -> None:
        for _ in range(self.between(1, 3)):
            runners = self.ground.fresh("hosting", self.between(8, 40))
            frame, manner = self.language.frame(), self.language.manner()
            topic = int(self.rng.integers(self.language.topics))
            for party in self.firm(self.between(1, 5), "continuous integration", agent="runner/5"):
                at = self.ground.steady(self.between(40, 120), self.ground.start, self.ground.end)
                told = self.language.write(np.full(len(at), topic), manner)
                self.ground.send(party, at, [frame.put(t) for t in told], runners)

    def gateway(self) -> None:
        """A reseller's keys: everybody's addresses, clients and interests."""
        ground = self.ground
        for _ in range(self.between(1, 4)):
            party = ground.party(plan="scale")
            ground.know(party, "hazard", "gateway")
            for _ in range(self.between(25, 80)):
                many = self.between(2, 10)
                lent = self.rng.random() < 0.5 and ground.homes
                line = (
                    ground.homes[self.between(0, len(ground.homes) - 1)] if lent else ground.home()
                )
                told = self.ordinary.says(many)
                ground.send(party, ground.human(many), told, line, agents=[ground.agent()] * many)

    def campus(self) -> tuple[Line, str]:
        exits = self.ground.fresh("office", self.between(1, 4), together=True)
        return exits, self.ground.name("uni") + ".example"

    def university(self) -> None:
        """Students and staff behind one NAT, each with their own questions."""
        exits, mail = self.campus()
        for _ in range(self.between(25, 70)):
            party = self.ground.party(mail=mail, plan="free", payment=None)
            self.ground.know(party, "hazard", "university")
            self.ordinary.live(party, [exits, self.ground.home()])

    def homework(self) -> None:
        """One course, the same exercises before a deadline; some pay with the course's card."""
        exits, mail = self.campus()
        card = self.ground.name("card") if self.rng.random() < 0.5 else None
        topic = np.full(self.between(3, 9), int(self.rng.integers(self.language.topics)))
        exercises = self.language.write(topic, self.language.manner(length=25))
        deadline = self.ground.start + self.between(4, self.ground.days - 1) * DAY
        for _ in range(self.between(20, 60)):
            party = self.ground.party(mail=mail, plan="free", payment=card)
            self.ground.know(party, "hazard", "homework")
            home = self.ground.home()
            many = self.between(2, 8)
            at = deadline - self.rng.exponential(9 * 3600, many)
            asked = self.rng.choice(exercises, many).tolist()
            places = [exits if self.rng.random() < 0.7 else home for _ in asked]
            self.ground.send(party, np.sort(at), asked, places)
            self.ordinary.live(party, [home, exits], self.between(4, 14))

    def red_team(self) -> None:
        """Contractors of several firms that try the same attacks, through one VPN."""
        frame, manner = self.language.frame(), self.language.manner((0.2, 0.4))
        exits = self.ground.fresh("vpn", self.between(2, 6), together=True)
        attacks = self.language.write(
            self.rng.integers(0, self.language.topics, self.between(60, 150)), manner
        )
        for _ in range(self.between(1, 3)):
            for party in self.firm(self.between(2, 6), "red team"):
                many = self.between(30, 90)
                asked = [frame.put(t) for t in self.rng.choice(attacks, many)]
                at = self.ground.human(many)
                self.ground.send(party, at, asked, exits, model="quill-large")

    def translation_job(self) -> None:
        """A few firms, each with its own service wording and texts about everything."""
        for _ in range(self.between(2, 5)):
            frame, servers = self.language.frame(), self.ground.fresh("hosting", 2, together=True)
            for party in self.firm(self.between(1, 5), "translation job"):
                many = self.between(40, 130)
                at = self.ground.steady(many, self.ground.start, self.ground.end, 0.3)
                topics = self.rng.choice(self.language.topics, len(at))
                told = self.language.write(topics, self.ordinary.manners[0])
                self.ground.send(party, at, [frame.put(t) for t in told], servers)

    def classification_batch(self) -> None:
        for _ in range(self.between(3, 7)):
            frame, server = self.language.frame(), self.ground.fresh("hosting", 1)
            topics, manner = self.ordinary.interests(), self.language.manner(length=14)
            for party in self.firm(self.between(1, 3), "classification batch"):
                many = self.between(60, 200)
                begin = self.rng.uniform(self.ground.start, self.ground.end - 2 * DAY)
                at = self.ground.steady(many, begin, begin + DAY)
                told = self.language.write(self.rng.choice(topics, len(at)), manner)
                told = [frame.put(t) for t in told]
                self.ground.send(party, at, told, server, model="quill-small", output=4)

    def agents(self) -> None:
        """Firms that run the same open harness, round the clock, on their own work."""
        frames = [self.language.frame() for _ in range(3)]
        for _ in range(self.between(8, 25)):
            line, topics = self.ground.fresh("hosting", 1), self.ordinary.interests()
            for party in self.firm(self.between(1, 2), "agents", agent="open-agent/1.7"):
                many = self.between(25, 90)
                at = self.ground.steady(many, self.ground.start, self.ground.end, 0.2)
                told = self.language.write(self.rng.choice(topics, len(at)), self.language.manner())
                told = [frames[self.between(0, 2)].put(t) for t in told]
                self.ground.send(party, at, told, line, output=400)

    def product(self) -> None:
        """An application that many firms bought; half of the time its maker's addresses call."""
        frame, cloud = self.language.frame(), self.ground.fresh(
            "hosting", self.between(3, 15), together=True
        )  # fmt: skip
        hosted, topics = self.rng.random() < 0.5, self.ordinary.interests()
        for _ in range(self.between(20, 60)):
            party = self.ground.party(plan="build", agent="counter-app/3.2")
            self.ground.know(party, "hazard", "product")
            many = self.between(6, 40)
            told = self.language.write(self.rng.choice(topics, many), self.language.manner())
            line = cloud if hosted else self.ground.fresh("office")
            at = self.ground.human(many, party.created)
            self.ground.send(party, at, [frame.put(t) for t in told], line)

    def vpn_pool(self) -> None:
        exits = self.ground.fresh("vpn", self.between(10, 40), together=self.rng.random() < 0.5)
        for _ in range(self.between(25, 70)):
            party = self.ground.party()
            self.ground.know(party, "hazard", "vpn pool")
            mine = self.rng.choice(exits.addresses, min(6, len(exits.addresses)), replace=False)
            pool = Line(exits.asn, mine.tolist())
            self.ordinary.live(party, [pool, self.ground.home()])

    def office(self) -> None:
        """Firms under one roof: one address, one card, one mail domain, one line of business."""
        for _ in range(self.between(1, 3)):
            roof = self.ground.fresh("office", self.between(1, 2), together=True)
            fixed = {"payment": self.ground.name("card"), "mail": self.ground.name("mail")}
            topics = self.ordinary.interests()
            for _ in range(self.between(2, 5)):
                for party in self.firm(self.between(2, 7), "office", **fixed):
                    many = self.between(8, 40)
                    told = self.ordinary.says(many, topics)
                    lines = [roof if self.rng.random() < 0.8 else self.ground.home()] * many
                    self.ground.send(party, self.ground.human(many), told, lines)

"""Innocent accounts that look like campaigns: each shares something, and some send templates."""

from collections.abc import Callable

from ingest.simulate.log import DAY, human_moments, steady_moments
from ingest.simulate.people import People
from ingest.simulate.tasks import Tasks, frame
from ingest.simulate.words import FIELDS
from ingest.simulate.world import Place


class Lookalikes:
    """Plants every kind once or more; sizes are drawn."""

    def __init__(self, people: People):
        self.people, self.log, self.world = people, people.log, people.world
        self.random = people.random
        self.tasks = Tasks(self.random)
        self.kinds: tuple[Callable[[], None], ...] = (
            self.evaluation_harness,
            self.university_course,
            self.gateway,
            self.shared_key_in_ci,
            self.product,
            self.vpn_pool,
            self.office,
            self.nightly_batch,
        )

    def plant(self) -> None:
        for kind in self.kinds:
            kind()

    def evaluation_harness(self) -> None:
        """Labs and firms that run the same public benchmark, each from its own machines, and one
        that does so from many keys of one organisation."""
        draw, world = self.random, self.world
        public = [
            frame(draw, draw.choice(("reasoning", "grading"))) for _ in range(draw.randint(1, 3))
        ]
        questions = [self.tasks.puzzle() for _ in range(draw.randint(150, 400))]
        days = self.log.days - 1
        for number in range(draw.randint(5, 9)):
            organisation, card = world.name("org"), world.card()
            servers = world.block("hosting", draw.randint(1, 3))
            many = draw.randint(8, 16) if number == 0 else draw.randint(1, 3)
            nights = draw.sample(range(days), min(days, draw.randint(2, 5)))
            for _ in range(many):
                customer = self.people.customer(
                    organisation=organisation, payment=card, plan="scale", agent="lm-bench/0.4"
                )
                self.log.know(customer, "lookalike", "evaluation harness")
                for night in nights:
                    at = self.log.start + night * DAY + draw.uniform(18, 23) * 3600
                    before, after = draw.choice(public)
                    for question in draw.sample(questions, draw.randint(20, 50)):
                        at += draw.expovariate(1 / 4)
                        self.log.send(
                            customer, at, before + question + after,
                            draw.choice(servers.addresses), servers.asn, model="lumen-large",
                        )  # fmt: skip

    def university_course(self) -> None:
        """Students behind one NAT who all send the same homework before a deadline."""
        draw, world = self.random, self.world
        campus = world.block("office", draw.randint(1, 2))
        mail = f"uni-{world.name('u')[2:7]}.example"
        homework = [
            self.tasks.puzzle() + " Explain your steps as in lecture "
            f"{draw.randint(2, 12)}." for _ in range(draw.randint(3, 6))
        ]  # fmt: skip
        deadlines = draw.sample(range(min(3, self.log.days - 2), self.log.days), 2)
        for _ in range(draw.randint(35, 70)):
            customer = self.people.customer(email_domain=mail, plan="free")
            self.log.know(customer, "lookalike", "university course")
            home = world.home()
            for deadline in deadlines:
                at = self.log.start + deadline * DAY - draw.expovariate(1 / 9) * 3600
                place = campus if draw.random() < 0.7 else home
                for question in draw.sample(homework, draw.randint(1, len(homework))):
                    at += draw.expovariate(1 / 200)
                    self.log.send(customer, at, question, draw.choice(place.addresses), place.asn)
            self.people.live(customer, [home, campus], requests=14)

    def gateway(self) -> None:
        """A reseller: few keys, everybody's addresses and clients, round the clock."""
        draw, world = self.random, self.world
        for _ in range(draw.randint(1, 3)):
            customer = self.people.customer(plan="scale", agent="relay-proxy/2.1")
            self.log.know(customer, "lookalike", "gateway")
            buyers = [self.people.writer.interests() for _ in range(draw.randint(60, 150))]
            places = [
                world.home() if draw.random() < 0.6 else draw.choice(world.homes) for _ in buyers
            ]
            for at in steady_moments(
                self.log, draw.randint(1500, 3000), self.log.start, self.log.end, 1, 0.7
            ):
                buyer = draw.randrange(len(buyers))
                prompt = self.people.writer.conversation(buyers[buyer], 1)[0]
                place = places[buyer]
                self.log.send(
                    customer, at, prompt, place.addresses[0], place.asn, agent=world.agent()
                )

    def shared_key_in_ci(self) -> None:
        """One team's build machines: a few accounts, one key, a template, on the hour."""
        draw, world = self.random, self.world
        organisation, card, key = world.name("org"), world.card(), world.name("key")
        runners = world.block("hosting", draw.randint(4, 12))
        before = "Review this change and answer PASS or FAIL with one reason.\n```diff\n"
        for _ in range(draw.randint(3, 6)):
            customer = self.people.customer(
                organisation=organisation, payment=card, key=key, plan="scale", agent="ci-runner/5"
            )
            self.log.know(customer, "lookalike", "continuous integration")
            for day in range(self.log.days):
                for hour in range(24):
                    if draw.random() < 0.5:
                        at = self.log.start + day * DAY + hour * 3600 + draw.random() * 20
                        change = self.people.writer.text("code", most=4)
                        self.log.send(
                            customer, at, before + change + "\n```",
                            draw.choice(runners.addresses), runners.asn, model="lumen-small",
                        )  # fmt: skip

    def product(self) -> None:
        """An app that many firms bought: all send its wording, each from its own place."""
        draw, world = self.random, self.world
        before, after = frame(draw, draw.choice(("persona", "grading", "rewriting")))
        fields = draw.sample(list(FIELDS), 3)
        cloud = world.block("hosting", draw.randint(8, 20))
        hosted = draw.random() < 0.5  # by the vendor, behind its own addresses
        for _ in range(draw.randint(30, 70)):
            customer = self.people.customer(plan="build", agent="deskmate-app/3.2")
            self.log.know(customer, "lookalike", "product")
            place = cloud if hosted else world.home()
            zone = draw.choice((-5, 0, 1, 8))
            for at in human_moments(self.log, draw.randint(8, 60), zone, customer.created_at):
                slot = self.tasks.writer.text(draw.choice(fields), most=3)
                self.log.send(
                    customer, at, before + slot + after, draw.choice(place.addresses), place.asn
                )

    def vpn_pool(self) -> None:
        """Unrelated people on one small VPN provider."""
        draw, world = self.random, self.world
        exits = world.block("vpn", draw.randint(12, 40))
        for _ in range(draw.randint(35, 80)):
            customer = self.people.customer()
            self.log.know(customer, "lookalike", "vpn pool")
            mine = Place(exits.asn, draw.sample(exits.addresses, min(8, len(exits.addresses))))
            self.people.live(customer, [world.home(), mine, mine, mine])

    def office(self) -> None:
        """A group of firms under one roof: one address, one card, one mail domain."""
        draw, world = self.random, self.world
        roof = world.block("office", 1)
        card, mail = world.card(), f"group-{world.name('g')[2:7]}.example"
        for _ in range(draw.randint(2, 4)):
            organisation = world.name("org")
            for _ in range(draw.randint(5, 12)):
                customer = self.people.customer(
                    organisation=organisation, payment=card, email_domain=mail, plan="scale"
                )
                self.log.know(customer, "lookalike", "office")
                self.people.live(customer, [roof, world.home()])

    def nightly_batch(self) -> None:
        """Firms that classify or translate at night, each with a wording of its own."""
        draw, world = self.random, self.world
        for _ in range(draw.randint(4, 8)):
            organisation, card = world.name("org"), world.card()
            server = world.block("hosting", 1)
            field = draw.choice(list(FIELDS))
            before = self.people.writer.fill("Label this note for {p} ({q}, {s}): ", field)
            hour = draw.choice((1, 2, 3, 23))
            for _ in range(draw.randint(1, 4)):
                customer = self.people.customer(
                    organisation=organisation, payment=card, plan="scale"
                )
                self.log.know(customer, "lookalike", "nightly batch")
                for day in range(self.log.days):
                    at = self.log.start + day * DAY + hour * 3600
                    for _ in range(draw.randint(10, 40)):
                        at += draw.expovariate(1 / 3)
                        self.log.send(
                            customer, at, before + self.tasks.writer.text(field, most=2),
                            server.addresses[0], server.asn, model="lumen-small",
                        )  # fmt: skip

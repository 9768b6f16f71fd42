"""Ordinary customers: people with interests and habits, and small firms."""

from random import Random

from ingest.simulate.log import DAY, Customer, Log, human_moments
from ingest.simulate.words import VOCABULARY, Writer
from ingest.simulate.world import PUBLIC_MAIL, SHAPES, THROWAWAY_MAIL, Place, World

PLANS = ("free", "build", "scale")
# wordings that went round, used by many people who don't know each other
FASHIONS: list[str] = VOCABULARY["fashions"]


class People:
    """Makes customers and lets them live. One random stream for all."""

    def __init__(self, world: World, log: Log):
        self.world, self.log = world, log
        self.random: Random = log.random
        self.writer = Writer(log.random)

    def customer(self, **fixed) -> Customer:
        """A customer with nothing in common with others, except what is fixed."""
        draw, world = self.random, self.world
        own_mail = f"{world.name('firm')[5:]}.example"
        mails = (draw.choice(PUBLIC_MAIL), own_mail, draw.choice(THROWAWAY_MAIL))
        mail = draw.choices(mails, (60, 32, 3))[0]
        known = dict(
            account=world.name("acct"),
            organisation=world.name("org"),
            plan=draw.choices(PLANS, (50, 40, 10))[0],
            created_at=self.log.start - draw.expovariate(1 / 200) * DAY,
            payment=world.card(),
            email_domain=mail,
            registration=draw.choices(SHAPES, [1 / (n + 2) for n in range(len(SHAPES))])[0],
            device=world.name("dev"),
            key=world.name("key"),
            agent=world.agent(),
        )
        if draw.random() < 0.12:  # joined while we were looking
            known["created_at"] = self.log.start + draw.random() * 10 * DAY
        known |= fixed
        if known["plan"] == "free" and "payment" not in fixed:
            known["payment"] = None
        if "device" not in fixed and not known["agent"].startswith("Mozilla"):
            known["device"] = known["device"] if draw.random() < 0.5 else None
        return Customer(**known)

    def whereabouts(self, customer: Customer) -> list[Place]:
        """Home, and for some an office, a phone or a VPN beside it."""
        draw, world = self.random, self.world
        places = [world.home()]
        if draw.random() < 0.14:
            asn = draw.choice(world.networks["mobile"])
            places.append(Place(asn, world.mobile_pools[asn]))
        if draw.random() < 0.05:
            asn = draw.choice(world.networks["vpn"])
            places.append(Place(asn, world.vpn_pools[asn]))
        if len(world.homes) > 50 and draw.random() < 0.05:
            places.append(draw.choice(world.homes[:-1]))  # a friend's, or an address dealt anew
        return places

    def live(
        self,
        customer: Customer,
        places: list[Place],
        *,
        requests: float = 34.0,
        until: float | None = None,
        since: float | None = None,
    ) -> int:
        """Ordinary use over the window, about so many requests. Returns how many were sent."""
        draw = self.random
        interests = self.writer.interests()
        zone = draw.choice((-8, -5, -3, 0, 1, 1, 2, 5, 8, 9))
        fashion = draw.choice(FASHIONS) if draw.random() < 0.06 else None
        since = max(since or 0, customer.created_at)
        sessions = max(1, round(draw.gammavariate(1.3, requests / 1.3 / 3.4)))
        before = len(self.log.rows)
        for moment in human_moments(self.log, sessions, zone, since):
            if moment < since or (until and moment > until):
                continue
            place = places[0] if draw.random() < 0.7 else draw.choice(places)
            address = draw.choice(place.addresses[:2] if place is places[0] else place.addresses)
            turns = min(14, int(draw.expovariate(1 / 2.9)) + 1)
            history, at = 0, moment
            model = draw.choices(("lumen-large", "lumen-small", "lumen-think"), (5, 4, 1))[0]
            for prompt in self.writer.conversation(interests, turns):
                if fashion and history == 0 and draw.random() < 0.5:
                    prompt = fashion.format(field=interests[0], ask=prompt)
                self.log.send(
                    customer, at, prompt, address, place.asn, model=model, history=history
                )
                history += len(prompt) // 4 + 260
                at += draw.lognormvariate(4.2, 0.8)
        return len(self.log.rows) - before

    def person(self) -> None:
        """Somebody by themselves."""
        customer = self.customer()
        if self.random.random() < 0.03:
            customer.payment = self.random.choice(self.world.gift_cards)
        self.live(customer, self.whereabouts(customer))
        self.log.know(customer, "ordinary", "person")

    def household(self) -> None:
        """Two people, two accounts, one address, often one card."""
        place, card = self.world.home(), self.world.card()
        for _ in range(2):
            shared = {"payment": card, "plan": "build"} if self.random.random() < 0.6 else {}
            customer = self.customer(**shared)
            self.live(customer, [place, *self.whereabouts(customer)[1:]])
            self.log.know(customer, "ordinary", "household")

    def firm(self) -> None:
        """A few colleagues: one organisation, one card, one office, perhaps a script."""
        draw, world = self.random, self.world
        office = world.block("office", draw.choice((1, 1, 2)))
        fixed = dict(
            organisation=world.name("org"),
            payment=world.card(),
            plan=draw.choice(("build", "scale")),
            email_domain=f"{world.name('firm')[5:]}.example",
        )
        server = world.block("hosting", 1)
        script = self.writer.fill("You support {p} with the {s}. Be {q}. Ticket: ", draw.choice(
            self.writer.fields))  # fmt: skip
        for number in range(draw.randint(2, 5)):
            customer = self.customer(**fixed)
            self.log.know(customer, "ordinary", "firm")
            if number == 0 and draw.random() < 0.4:
                zone = draw.choice((-5, 0, 1, 8))
                for at in human_moments(self.log, draw.randint(60, 400), zone):
                    prompt = script + self.writer.text(draw.choice(self.writer.fields), most=3)
                    self.log.send(customer, at, prompt, server.addresses[0], server.asn)
            else:
                self.live(customer, [office, *self.whereabouts(customer)[:1]])

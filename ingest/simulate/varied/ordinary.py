"""Everybody: people, households and small firms of a drawn world."""

import numpy as np

from ingest.simulate.varied.ground import Ground, Line, Party
from ingest.simulate.varied.language import Language


class Ordinary:
    """How people live here is drawn: how much they write, and how often they meet at an address."""

    def __init__(self, ground: Ground, language: Language):
        self.ground, self.language, self.rng = ground, language, ground.rng
        rng = self.rng
        self.manners = [language.manner() for _ in range(int(rng.integers(5, 12)))]
        self.busy = float(rng.uniform(12, 28))  # requests of an account, on average
        self.mobile, self.vpn, self.friend = rng.uniform((0.05, 0.02, 0.02), (0.2, 0.1, 0.08))
        self.gift = float(rng.uniform(0.01, 0.06))
        self.fashions = [language.frame() for _ in range(int(rng.integers(2, 8)))]
        weight = 1 / (np.arange(language.topics) + float(rng.uniform(3, 30)))
        self.popularity = rng.permutation(weight / weight.sum())

    def interests(self) -> np.ndarray:
        many = min(int(self.rng.choice((1, 2, 2, 3, 5))), self.language.topics)
        return self.rng.choice(self.language.topics, many, replace=False, p=self.popularity)

    def says(self, many: int, interests: np.ndarray | None = None) -> list[str]:
        """What a person writes: mostly of the first interest, in one manner."""
        rng = self.rng
        mine = self.interests() if interests is None else interests
        weight = 1 / (np.arange(len(mine)) + 1.0)
        topics = rng.choice(mine, many, p=weight / weight.sum())
        manner = self.manners[int(rng.integers(len(self.manners)))]
        told = self.language.write(topics, manner)
        if rng.random() < 0.06:
            fashion = self.fashions[int(rng.integers(len(self.fashions)))]
            told = [fashion.put(t) if rng.random() < 0.5 else t for t in told]
        return told

    def lines(self, home: Line | None = None) -> list[Line]:
        ground, rng = self.ground, self.rng
        found = [home or ground.home()]
        if rng.random() < self.mobile:
            found.append(ground.mobile[int(rng.integers(len(ground.mobile)))])
        if rng.random() < self.vpn:
            found.append(ground.vpn[int(rng.integers(len(ground.vpn)))])
        if rng.random() < self.friend and len(ground.homes) > 30:
            found.append(ground.homes[int(rng.integers(len(ground.homes) - 1))])
        return found

    def live(self, party: Party, lines: list[Line], many: int | None = None) -> None:
        rng = self.rng
        many = max(2, int(rng.gamma(1.2, self.busy / 1.2))) if many is None else many
        weight = np.full(len(lines), 0.3 / max(1, len(lines) - 1))
        weight[0] = 0.7 if len(lines) > 1 else 1.0
        places = [lines[int(n)] for n in rng.choice(len(lines), many, p=weight)]
        at = self.ground.human(many, party.created)
        self.ground.send(party, at, self.says(many), places)

    def populate(self, accounts: int) -> None:
        while len(self.ground.truth) < accounts:
            draw = self.rng.random()
            if draw < 0.86:
                self.person()
            elif draw < 0.94:
                self.household()
            else:
                self.firm()

    def person(self) -> None:
        party = self.ground.party()
        if self.rng.random() < self.gift:
            party.payment = str(self.rng.choice(self.ground.gifts))
        self.live(party, self.lines())
        self.ground.know(party, "ordinary", "person")

    def household(self) -> None:
        home, card = self.ground.home(), self.ground.name("card")
        for _ in range(2):
            party = self.ground.party(payment=card if self.rng.random() < 0.6 else None)
            self.live(party, self.lines(home))
            self.ground.know(party, "ordinary", "household")

    def firm(self) -> None:
        ground, rng = self.ground, self.rng
        office = ground.fresh("office", int(rng.integers(1, 3)), together=True)
        fixed = {"organisation": ground.name("org"), "payment": ground.name("card")}
        fixed |= {"mail": ground.name("mail") + ".example", "plan": "build"}
        for _ in range(int(rng.integers(2, 6))):
            party = ground.party(**fixed)
            self.live(party, [office, *self.lines()])
            ground.know(party, "ordinary", "firm")

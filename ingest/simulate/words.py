"""Prompts of our own making: a wide grammar, so that people repeat each other about as little as
people do."""

import tomllib
from pathlib import Path
from random import Random

VOCABULARY = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text(encoding="utf-8"))
FIELDS: dict[str, list[str]] = VOCABULARY["fields"]
ASKS, FOLLOW_UPS, STATEMENTS, LIMITS, PEOPLE, QUALITIES = (
    VOCABULARY[name]
    for name in ("asks", "follow_ups", "statements", "limits", "people", "qualities")
)


class Writer:
    """Writes prompts from one random stream; the same stream writes the same prompts."""

    def __init__(self, random: Random):
        self.random = random
        self.fields = list(FIELDS)

    def interests(self) -> list[str]:
        return self.random.sample(self.fields, self.random.choice((1, 2, 2, 3, 4)))

    def fill(self, form: str, field: str) -> str:
        pick, subjects = self.random.choice, FIELDS[field]
        person, other = pick(PEOPLE), pick(PEOPLE)
        form = form.replace("{l}", pick(LIMITS))
        return form.format(
            s=pick(subjects), s2=pick(subjects), q=pick(QUALITIES), p=person, p2=other,
            p_cap=person[0].upper() + person[1:], p2_cap=other[0].upper() + other[1:],
            n=self.random.randrange(2, 400), t=self.text(field) if "{t}" in form else "",
        )  # fmt: skip

    def text(self, field: str, most: int = 5) -> str:
        many = self.random.randint(1, most)
        return " ".join(self.fill(self.random.choice(STATEMENTS), field) for _ in range(many))

    def conversation(self, interests: list[str], turns: int) -> list[str]:
        """What one person types in a row about one thing."""
        field = self.random.choice(interests)
        told = [self.fill(self.random.choice(ASKS), field)]
        for _ in range(turns - 1):
            forms = FOLLOW_UPS if self.random.random() < 0.6 else ASKS
            told.append(self.fill(self.random.choice(forms), field))
        return told

"""Work that is harvested, graded or measured: puzzles, answers, exercises, and the wording around
them. Campaigns and evaluations draw from the same well, as they do outside."""

from random import Random

from ingest.simulate.words import FIELDS, VOCABULARY, Writer

THINGS, NAMES, PLACES, PUZZLES, SKILLS, LANGUAGES = (
    VOCABULARY[name] for name in ("things", "names", "places", "puzzles", "skills", "languages")
)


class Tasks:
    """Slot fillings, from one random stream."""

    def __init__(self, random: Random):
        self.random = random
        self.writer = Writer(random)

    def puzzle(self) -> str:
        pick, number = self.random.choice, self.random.randrange
        form = pick(PUZZLES)
        return form.format(
            a=pick(NAMES), b=pick(NAMES), t=pick(THINGS), p=pick(PLACES),
            x=number(3, 400), y=number(2, 90), z=number(2, 60), w=number(5, 300), v=number(5, 900),
        )  # fmt: skip

    def answer(self) -> str:
        """A model's answer to be judged, about anything."""
        return self.writer.text(self.random.choice(list(FIELDS)), most=4)

    def exercise(self, topic: int, number: int) -> str:
        skill, language = SKILLS[topic % len(SKILLS)], LANGUAGES[topic // len(SKILLS) % 10]
        condition = self.writer.text("code", most=2)
        return f"{language}: {skill}, variant {number}. {condition}"

    def persona_question(self, field: str) -> str:
        return self.writer.fill(
            self.random.choice(
                (
                    "What would you tell {p} about a {q} {s}?",
                    "Walk {p} through a {s} {l}.",
                    "{p_cap} disagrees about the {s2}. Answer them. {t}",
                    "Which {q} choice would you make for the {s} {l}?",
                )
            ),
            field,
        )


def frame(random: Random, kind: str) -> tuple[str, str]:
    """The fixed words before and after a slot, drawn so that two campaigns hardly agree.

    Some kinds put all of it before the slot, some around it.
    """
    words = VOCABULARY["frames"][kind]
    return "".join(random.choice(part) for part in words["before"]), random.choice(words["after"])

"""An invented language for one world: subjects with words of their own, manners of writing,
wordings that frame a slot, and question sets. Every world gets another language, so that nothing
which knows English, or one set of phrases, can win here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SYLLABLES = [c + v + e for c in "bdfgklmnprstvz" for v in "aeiou" for e in ("", "n", "r", "s")]
COMMON = 300  # words that every text uses
TOPIC_WORDS = 260


@dataclass(frozen=True)
class Frame:
    """Fixed words around a slot."""

    before: str
    after: str

    def put(self, slot: str) -> str:
        return f"{self.before} {slot} {self.after}".strip()


@dataclass(frozen=True)
class Manner:
    """How somebody writes: favourite words, how often they come, and how long a text is."""

    words: np.ndarray
    share: float
    length: float


@dataclass(frozen=True)
class QuestionSet:
    """A public benchmark: questions is what everybody runs, more() is from the same source."""

    topics: np.ndarray
    manner: Manner
    questions: list[str]


class Language:
    """topics: how many subjects; each has words of its own, some of which others have too."""

    def __init__(self, rng: np.random.Generator, topics: int):
        self.rng = rng
        size = COMMON + topics * 110
        drawn: dict[str, None] = {}
        while len(drawn) < size:
            for length in rng.choice((1, 2, 2, 3, 3, 4), 2000):
                drawn["".join(rng.choice(SYLLABLES, length))] = None
        self.words = np.array(list(drawn)[:size])
        self.topics = topics
        self.topic_size = rng.integers(60, TOPIC_WORDS, topics)
        self.topic_words = rng.integers(COMMON, size, (topics, TOPIC_WORDS))
        self.common_share = rng.uniform(0.4, 0.6)

    def manner(self, share: tuple[float, float] = (0.05, 0.3), length: float | None = None):
        words = self.rng.choice(len(self.words), int(self.rng.integers(8, 40)), replace=False)
        length = length or float(np.exp(self.rng.uniform(np.log(9), np.log(45))))
        return Manner(words, float(self.rng.uniform(*share)), length)

    def frame(self, topic: int | None = None) -> Frame:
        """Words around a slot. Some frames are all before it."""
        many = int(self.rng.integers(8, 30))
        cut = many if self.rng.random() < 0.5 else int(self.rng.integers(4, many))
        topics = np.full(1, self.rng.integers(self.topics) if topic is None else topic)
        told = self.write(topics, self.manner((0.2, 0.5), many), exact=True)[0].split()
        return Frame(" ".join(told[:cut]) + ":", " ".join(told[cut:]))

    def questions(self, topics: np.ndarray, manner: Manner, many: int) -> QuestionSet:
        asked = self.write(self.rng.choice(topics, many), manner)
        return QuestionSet(topics, manner, asked)

    def more(self, source: QuestionSet, many: int) -> list[str]:
        return self.write(self.rng.choice(source.topics, many), source.manner)

    def write(self, topics: Sequence[int], manner: Manner, *, exact: bool = False) -> list[str]:
        """One text for each topic of the sequence."""
        topics, rng = np.asarray(topics), self.rng
        spread = 0.0 if exact else 0.5
        lengths = np.maximum(4, manner.length * np.exp(rng.normal(0, spread, len(topics))))
        lengths = np.minimum(lengths, 150).astype(int)
        topic = np.repeat(topics, lengths)
        total = len(topic)
        kind, skew = rng.random(total), rng.random(total)
        common = (COMMON * skew**3).astype(int)
        own = self.topic_words[topic, (self.topic_size[topic] * skew**2).astype(int)]
        favourite = manner.words[(len(manner.words) * skew**1.5).astype(int)]
        rest = 1 - manner.share
        picked = np.where(
            kind < manner.share,
            favourite,
            np.where(kind < manner.share + rest * self.common_share, common, own),
        )
        told = self.words[picked].tolist()
        ends = np.cumsum(lengths)
        return [" ".join(told[e - n : e]) for e, n in zip(ends, lengths, strict=True)]

"""Private matching of 10,000 asked against 100,000 held, in CPU seconds of each side. JSON lines.

Set-up is once per partner and epoch, over all cores; the rest is per ask, on one.
"""

import json
import os
import secrets
import time

from cases.matching import count, reveal
from cases.matching.canonical import epoch_key, items
from cases.matching.padding import tags_of

HELD, ASKED, BOTH = 100_000, 10_000, 5_000


def main() -> None:
    key = epoch_key(secrets.token_bytes(32), 1)
    with Timed() as writing:
        theirs = list(items(key, [("payment", f"card-{n:08d}") for n in range(HELD)]))
    ours = list(
        items(key, [("payment", f"card-{n:08d}") for n in range(HELD - BOTH, HELD + ASKED - BOTH)])
    )
    tell("matching_items_s", writing.seconds, 10)
    how_many(ours, theirs)
    which(ours, theirs)


def how_many(ours: list[bytes], theirs: list[bytes]) -> None:
    a, b = count.new_scalar(), count.new_scalar()
    with Timed() as once:
        blob = count.tags(theirs, b)
    held = tags_of(blob)
    with Timed() as blinding:
        asked = count.blind(ours, a)
    with Timed() as answering:
        answered = count.answer(asked, b)
    with Timed() as counting:
        found = count.count(answered, a, held)
    assert found == BOTH, found
    query = blinding.seconds + answering.seconds + counting.seconds
    tell(
        "matching_count_set_s",
        once.wall,
        10,
        "s",
        cpu_s=round(once.seconds, 2),
        set_bytes=len(blob),
    )
    tell(
        "matching_count_query_s", query, 5, padded=len(asked), asker_s=round(
            blinding.seconds + counting.seconds, 2
        ), answerer_s=round(answering.seconds, 2), wire_bytes=64 * len(asked),
    )  # fmt: skip


def which(ours: list[bytes], theirs: list[bytes]) -> None:
    seed = secrets.token_bytes(32)
    with Timed() as once:
        held = reveal.tags(theirs, seed)
    held = set(held)
    key = reveal.public_key(seed)
    with Timed() as asking:
        clients, points = reveal.blinded(ours)
    found, asker, answerer = 0, asking.seconds, 0.0
    for start in range(0, len(points), reveal.CHUNK):
        part = slice(start, start + reveal.CHUNK)
        with Timed() as evaluating:
            evaluated = reveal.evaluate(points[part], seed)
        with Timed() as finishing:
            found += sum(tag in held for tag in reveal.finish(clients[part], evaluated, key))
        answerer += evaluating.seconds
        asker += finishing.seconds
    assert found == BOTH, found
    tell("matching_reveal_set_s", once.wall, 10, "s", cpu_s=round(once.seconds, 2))
    tell(
        "matching_reveal_query_s", asker + answerer, 5, padded=len(points),
        asker_s=round(asker, 2), answerer_s=round(answerer, 2), wire_bytes=64 * len(points),
    )  # fmt: skip


class Timed:
    """CPU seconds, in which the machine's other work is not, and seconds of the clock."""

    def __enter__(self):
        self._start, self._wall = cpu(), time.perf_counter()
        return self

    def __exit__(self, *_):
        self.seconds, self.wall = cpu() - self._start, time.perf_counter() - self._wall


def cpu() -> float:
    """Seconds of this process and of those that it waited for."""
    return sum(os.times()[:4])


def tell(name: str, value: float, limit: float, unit: str = "CPU s", **beside) -> None:
    figure = {
        "name": name, "value": round(value, 2), "unit": unit, "limit": limit, "ok": value <= limit,
        "held": HELD, "asked": ASKED, **beside,
    }  # fmt: skip
    print(json.dumps(figure), flush=True)


if __name__ == "__main__":
    main()

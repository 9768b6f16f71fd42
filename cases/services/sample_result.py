"""What a sample tells: heads with their intervals, the verdict's sentence, an order's bound."""

from collections import Counter
from dataclasses import dataclass

from cases.agreement import krippendorff_alpha
from cases.models import Case, Sample, SampleAnswer
from cases.sampling import FINITE_FROM, Interval, Stratum, heads, weighted

Answer = SampleAnswer.Answer
DISPUTED = "disputed"
COUNTED = (*Answer.values, DISPUTED)


@dataclass(frozen=True)
class Bound:
    """Wrong accounts among those that an order reaches; uncovered: came after the draw."""

    wrong: Interval
    uncovered: int
    sample: Sample

    @property
    def share_at_least(self) -> float:
        return self.wrong.low / self.wrong.of if self.wrong.of else 0.0

    @property
    def share_at_most(self) -> float:
        return self.wrong.high / self.wrong.of if self.wrong.of else 0.0


def result_of(sample: Sample) -> dict:
    """Head counts by tier and for the case, from the readings that have ended, and in words.

    Surely wrong is whom every reader called out; possibly wrong whom any called out or was unsure
    of. Other abuse is counted apart: it is no false positive, but not this case either.
    """
    said = _said(sample)
    rows, strata = [], []
    for stratum in sample.strata.defer("frame").order_by("pk"):
        answers = [said[item] for item in said if item[0] == stratum.pk]
        counts = Counter(_outcome(one) for one in answers)
        numbers = _stratum(stratum.members, answers)
        interval = heads(numbers)
        strata.append(numbers)
        rows.append(
            {
                "tier": stratum.tier,
                "members": stratum.members,
                "sampled": stratum.drawn,
                **{name: counts.get(name, 0) for name in COUNTED},
                **_limits(interval),
                "finite": numbers.drawn > FINITE_FROM * numbers.of,
            }
        )
    whole = weighted(strata)
    counts = Counter({name: sum(row[name] for row in rows) for name in COUNTED})
    alpha = krippendorff_alpha(said.values())
    result = {
        "members": sample.members,
        "sampled": sample.size,
        **{name: counts[name] for name in COUNTED},
        **_limits(whole),
        "strata": rows,
        "readings": max((len(one) for one in said.values()), default=0),
        "alpha": None if alpha is None else round(alpha, 3),
        "twice": sum(len(one) > 1 for one in said.values()),
    }
    return result | {"says": _says(result)}


def newest_result(case: Case) -> Sample | None:
    """The sample that a verdict states: the newest that was read to its end."""
    return case.samples.finished().order_by("-pk").first()


def bound_of(sample: Sample, accounts: set[int]) -> Bound:
    """What the sample says of the accounts that an order would reach.

    Who was found possibly wrong and is not reached any more is taken off; a part of a stratum is
    taken at the stratum's rate; whoever came after the draw may all be wrong, for nobody drew them.
    """
    said = _said(sample)
    account_of = dict(sample.items.values_list("pk", "member__account_id"))
    parts, covered = [], 0
    for stratum in sample.strata.order_by("pk"):
        frame = set(stratum.frame)
        reached = accounts & frame
        covered += len(reached)
        if not reached:
            continue
        answers = {item: one for (of, item), one in said.items() if of == stratum.pk}
        gone = [
            one for item, one in answers.items()
            if account_of[item] not in accounts and (_surely(one) or _possibly(one))
        ]  # fmt: skip
        numbers = _stratum(stratum.members, list(answers.values()))
        interval = heads(numbers)
        left = max(stratum.members - len(gone), 1)
        part = len(reached) / left
        point = numbers.of * numbers.possibly / max(numbers.drawn, 1)
        taken = sum(_surely(one) for one in gone)
        parts.append(
            [
                min(max(value - off, 0.0) * part, len(reached))
                for value, off in (
                    (interval.low, taken), (interval.estimate, taken),
                    (point, len(gone)), (interval.high, len(gone)),
                )
            ]
        )  # fmt: skip
    low = sum(p[1] for p in parts) - sum((p[1] - p[0]) ** 2 for p in parts) ** 0.5
    high = sum(p[2] for p in parts) + sum((p[3] - p[2]) ** 2 for p in parts) ** 0.5
    uncovered = len(accounts) - covered
    wrong = Interval(
        sum(p[1] for p in parts), max(low, 0.0), min(high + uncovered, len(accounts)),
        len(accounts),
    )  # fmt: skip
    return Bound(wrong, uncovered, sample)


def _said(sample: Sample) -> dict[tuple[int, int], list[str]]:
    """By (stratum, item): what was said of it in the readings that have ended, first one first."""
    said: dict[tuple[int, int], list[str]] = {
        key: [] for key in sample.items.order_by("place").values_list("stratum_id", "pk")
    }
    rows = (
        SampleAnswer.objects.filter(reading__sample=sample, reading__finished_at__isnull=False)
        .order_by("reading__second", "reading_id")
        .values_list("item__stratum_id", "item_id", "answer")
    )
    for stratum, item, answer in rows:
        said[stratum, item].append(answer)
    return said


def _stratum(members: int, answers: list[list[str]]) -> Stratum:
    read = [one for one in answers if one]
    return Stratum(members, len(read), sum(map(_surely, read)), sum(map(_possibly, read)))


def _surely(answers: list[str]) -> bool:
    return all(answer == Answer.OUT for answer in answers)


def _possibly(answers: list[str]) -> bool:
    return any(answer in (Answer.OUT, Answer.UNSURE) for answer in answers)


def _outcome(answers: list[str]) -> str:
    return answers[0] if len(set(answers)) == 1 else DISPUTED


def _limits(interval: Interval) -> dict:
    return {
        "estimate": round(interval.estimate, 2),
        "low": interval.at_least,
        "high": interval.at_most,
    }


def _says(result: dict) -> str:
    """Sampled 60 of 5,000, blind: 0 wrong; at most 302 of 5,000 are (95 %)."""
    of, sampled, wrong = result["members"], result["sampled"], result[Answer.OUT]
    apart = [
        f"{result[name]:,} {word}"
        for name, word in (
            (Answer.UNSURE, "unsure"), (DISPUTED, "disputed"), (Answer.OTHER_ABUSE, "other abuse"),
        )
        if result[name]
    ]  # fmt: skip
    found = ", ".join([f"{wrong:,} wrong", *apart])
    if sampled == of:
        return f"All {of:,} read blind: {found}."
    low = f"between {result['low']:,} and" if result["low"] else "at most"
    return f"Sampled {sampled:,} of {of:,}, blind: {found}; {low} {result['high']:,} are (95 %)."

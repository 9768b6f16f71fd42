"""Accounts that a person reviewed one by one, and what came of it: what calibration learns from.

A bulk confirmation is a judgement of a case and says little of each account in it; it is no label.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

from django.db.models import Count, Max, Value

from cases.models import Case, LabelProbe, LabelStratum, Member, SampleAnswer, SampleItem
from ingest.models import Signal


class Label(StrEnum):
    """Another abuse is neither right nor wrong of a detector that looks for extraction."""

    ABUSE = "abuse"
    INNOCENT = "innocent"
    OTHER = "other abuse"


# (account id, the reviewer's in or out, the verdict of the case that it was reviewed in)
Review = tuple[int, str, str]


def judged_alone() -> Iterator[Review]:
    """Verdicts that were set on a single member, in the members table."""
    return (
        Member.objects.filter(verdict_alone=True, case__merged_into=None)
        .filter(verdict__in=[Member.Verdict.IN, Member.Verdict.OUT])
        .values_list("account_id", "verdict", "case__verdict")
        .iterator()
    )


def read_blind() -> Iterator[Review]:
    """Accounts of samples that were read blind, where all who have finished said one and the same.

    “Other abuse” is no word here: it says that the account is not of this case, and not what it is.
    """
    told = SampleAnswer.objects.filter(reading__finished_at__isnull=False)
    agreed = told.values("item").annotate(words=Count("answer", distinct=True)).filter(words=1)
    return (
        SampleItem.objects.filter(pk__in=agreed.values("item"), sample__case__merged_into=None)
        .filter(answers__answer__in=[Member.Verdict.IN, Member.Verdict.OUT])
        .filter(answers__reading__finished_at__isnull=False)
        .values_list("member__account_id", "answers__answer", "sample__case__verdict")
        .distinct()
        .iterator()
    )


def drawn_by_lot() -> Iterator[Review]:
    """Single accounts from below the threshold that a person decided on as a case of their own."""
    return (
        LabelProbe.objects.filter(stratum__kind=LabelStratum.Kind.ACCOUNT)
        .filter(case__members__verdict__in=["", Member.Verdict.IN])
        .values_list("case__members__account_id", Value(Member.Verdict.IN), "case__verdict")
        .iterator()
    )


# each tells of accounts that a person looked at one at a time; add a source here and nowhere else
SOURCES: list[Callable[[], Iterable[Review]]] = [judged_alone, read_blind, drawn_by_lot]


def reviewed_labels() -> dict[int, Label]:
    """A label for each reviewed account, by id. Who belongs to a confirmed campaign anywhere is
    abusive, whatever else was said of it."""
    labels: dict[int, Label] = {}
    for source in SOURCES:
        for account, word, verdict in source():
            label = label_of(word, verdict)
            if label and rank(label) > rank(labels.get(account)):
                labels[account] = label
    return labels


def label_of(word: str, verdict: str) -> Label | None:
    """in: what its case was found to be, nothing while that is open. out: it does not belong."""
    if word == Member.Verdict.OUT:
        return Label.INNOCENT
    if word != Member.Verdict.IN:
        return None
    return {
        Case.Verdict.CONFIRMED: Label.ABUSE,
        Case.Verdict.OTHER_ABUSE: Label.OTHER,
        Case.Verdict.BENIGN: Label.INNOCENT,
    }.get(verdict)


def rank(label: Label | None) -> int:
    return [None, Label.INNOCENT, Label.OTHER, Label.ABUSE].index(label)


def scored_labels(detector: int | None = None) -> list[tuple[int, float, Label]]:
    """(detector's key, its best score of an account, the account's label) of each reviewed account
    that a detector spoke of, accounts in the order of their keys; of one detector where it is
    named. Signals of a withdrawn release count for nothing here too."""
    labels = reviewed_labels()
    signals = Signal.objects.counting().filter(account__in=list(labels))
    if detector is not None:
        signals = signals.filter(detector=detector)
    best = signals.order_by("detector_id", "account_id").values_list("detector_id", "account_id")
    return [(pk, score, labels[account]) for pk, account, score in best.annotate(Max("score"))]

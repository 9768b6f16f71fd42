"""How a person judges: agreement in blind readings, stated probabilities against what came true."""

from typing import NamedTuple

from django.contrib.auth.models import User
from django.db.models import F, OuterRef, Q, Subquery

from analyst.access import visible_cases
from cases.agreement import Brier, brier, krippendorff_alpha
from cases.models import Case, Decision, LabelStratum, SampleAnswer
from cases.services.lots import estimate_recall

LISTED = 20


class Agreement(NamedTuple):
    """units: accounts that the person and at least one other read blind to the end."""

    alpha: float | None
    units: int
    same: int


class Scores(NamedTuple):
    """other: those that another person's verdict settled; waiting: stated and not settled yet."""

    all: Brier | None
    other: Brier | None
    waiting: int
    rows: list[dict]


def agreement_of(user: User) -> Agreement:
    mine = SampleAnswer.objects.filter(
        reading__reader=user, reading__finished_at__isnull=False,
        item__sample__case__in=visible_cases(user),
    )  # fmt: skip
    units: dict[int, list[str]] = {}
    rows = SampleAnswer.objects.filter(
        item__in=mine.values("item"), reading__finished_at__isnull=False
    )
    for item, answer in rows.order_by("item", "reading").values_list("item_id", "answer"):
        units.setdefault(item, []).append(answer)
    twice = [said for said in units.values() if len(said) > 1]
    return Agreement(
        krippendorff_alpha(twice), len(twice), sum(len(set(said)) == 1 for said in twice)
    )


def scores_of(user: User) -> Scores:
    """Stated probabilities of distillation against the verdict that stands.

    A case settles them when it is closed, or when a later verdict followed; inconclusive never.
    """
    last = Decision.objects.filter(case=OuterRef("case")).order_by("-pk")
    stated = (
        Decision.objects.filter(decided_by=user, stated_probability__isnull=False)
        .filter(case__in=visible_cases(user))
        .annotate(
            final=Subquery(last.values("outcome")[:1]),
            final_pk=Subquery(last.values("pk")[:1]),
            final_by=Subquery(last.values("decided_by")[:1]),
        )
    )
    settled = stated.filter(Q(case__status=Case.Status.CLOSED) | Q(final_pk__gt=F("pk")))
    rows = [
        {
            "ref": f"C-{number}", "stated": p, "outcome": final.replace("_", " "), "at": at,
            "true": final == Case.Verdict.CONFIRMED, "other": by != user.pk,
        }
        for number, p, final, by, at in settled.exclude(final=Case.Verdict.INCONCLUSIVE)
        .order_by("-pk")
        .values_list("case__number", "stated_probability", "final", "final_by", "decided_at")
    ]  # fmt: skip
    return Scores(
        brier((row["stated"], row["true"]) for row in rows),
        brier((row["stated"], row["true"]) for row in rows if row["other"]),
        stated.count() - len(rows),
        rows[:LISTED],
    )


def recalls() -> list[dict]:
    """Recall of accounts and of clusters, from the labels that were drawn by lot."""
    return [{"kind": kind.label, "recall": estimate_recall(kind)} for kind in LabelStratum.Kind]

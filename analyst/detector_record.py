"""How far to trust a detector: its record among reviewed accounts, its cost, what counts now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.db.models import Count, F, Max, Q, Sum

from analyst.figures import Drawn, Table
from cases import plots
from cases.calibration import FEWEST, PRIOR, measure
from cases.models import Activation, Calibration, Member
from cases.sampling import wilson
from cases.services.calibrate import FAMILIES
from cases.services.labels import Label, scored_labels
from cases.services.terms import current_prior
from ingest.models import Detector, DetectorCost

FEWEST_REVIEWED = 10  # below it no precision is told: its interval would span half of all
COST_DAYS = 30
VERSIONS_SHOWN = 20
RUNS_SHOWN = 20


@dataclass(frozen=True)
class Record:
    """What people found of the accounts that a detector told of, looked at one by one."""

    abusive: int = 0
    innocent: int = 0
    other_abuse: int = 0

    @property
    def reviewed(self) -> int:
        return self.abusive + self.innocent

    @property
    def precision(self) -> float | None:
        """None: not estimable. Other abuse is neither right nor wrong."""
        return self.abusive / self.reviewed if self.reviewed >= FEWEST_REVIEWED else None

    @property
    def interval(self) -> tuple[float, float] | None:
        known = self.reviewed >= FEWEST_REVIEWED
        return wilson(self.abusive, self.reviewed) if known else None


def records(detector: int | None = None) -> dict[int, Record]:
    """By detector's key; a detector of whose accounts none was reviewed is missing."""
    counts: dict[int, dict[Label, int]] = {}
    for pk, _, label in scored_labels(detector):
        told = counts.setdefault(pk, {})
        told[label] = told.get(label, 0) + 1
    return {
        pk: Record(*(told.get(label, 0) for label in (Label.ABUSE, Label.INNOCENT, Label.OTHER)))
        for pk, told in counts.items()
    }


def costs(now: datetime) -> dict[int, dict]:
    """By detector's key: {"runs", "seconds", "requests", "per_million"} of the last days; looks
    that could say nothing are left out."""
    rows = (
        DetectorCost.objects.filter(
            finished_at__gte=now - timedelta(days=COST_DAYS), not_tested="", requests__gt=0
        )
        .values("detector")
        .annotate(runs=Count("pk"), spent=Sum("seconds"), read=Sum("requests"))
        .order_by()
    )
    return {
        row["detector"]: {
            "runs": row["runs"],
            "seconds": row["spent"],
            "requests": row["read"],
            "per_million": 1e6 * row["spent"] / row["read"],
        }
        for row in rows
    }


@dataclass(frozen=True)
class Standing:
    """How a family counts now. now: the calibration in force, newest: the latest that was fitted,
    since: when now was activated."""

    family: str
    now: Calibration | None
    newest: Calibration | None
    since: datetime | None

    @property
    def cold(self) -> bool:
        return self.now is None or self.now.method == PRIOR

    @property
    def waits(self) -> Calibration | None:
        """A fit that would count for something, newer than what does."""
        newest = self.newest
        if newest is None or newest.method == PRIOR:
            return None
        return newest if self.now is None or newest.version > self.now.version else None

    @property
    def words(self) -> str:
        if self.family not in FAMILIES:
            return (
                "Never calibrated: a mark proves training on marked text, not who collected it, "
                "and adds nothing to an account's membership."
            )
        if not self.cold:
            now = self.now
            return (
                f"Calibrated: scores count by version {now.version} "
                f"({now.get_method_display()}), fitted to {now.abusive:,} abusive and "
                f"{now.innocent:,} innocent accounts that people reviewed one by one."
            )
        said = (
            "Cold start: the stated priors hold. A p-value is worth at most 1 / (−e·p·ln p), a "
            "score without one nothing."
        )
        if self.waits:
            return f"{said} Version {self.newest.version} is fitted and waits for a lead."
        if self.newest is None:
            return f"{said} No reviewed account was fitted yet."
        return (
            f"{said} {self.newest.abusive:,} abusive and {self.newest.innocent:,} innocent "
            f"accounts were reviewed at the last fit; {FEWEST} of each are needed."
        )


def standings(families: Sequence[str]) -> dict[str, Standing]:
    """How each family counts, in three queries."""
    now = {row.family: row for row in Calibration.objects.in_force()}
    newest = {
        row.family: row
        for row in Calibration.objects.order_by("family", "-version").distinct("family")
    }
    since = dict(
        Activation.objects.values_list("calibration")
        .annotate(at=Max("activated_at"))
        .values_list("calibration", "at")
        .order_by()
    )
    return {
        family: Standing(
            family,
            now.get(family),
            newest.get(family),
            since.get(now[family].pk) if family in now else None,
        )
        for family in sorted(set(families))
    }


def versions(family: str, counts: Standing) -> list[Calibration]:
    """Newest first, each with activations in .told; idle: it would change nothing."""
    rows = list(
        Calibration.objects.filter(family=family)
        .select_related("made_by")
        .order_by("-version")[:VERSIONS_SHOWN]
    )
    told: dict[int, list[Activation]] = {}
    for one in (
        Activation.objects.filter(calibration__in=rows)
        .select_related("activated_by")
        .order_by("-pk")
    ):
        told.setdefault(one.calibration_id, []).append(one)
    for row in rows:
        row.told = told.get(row.pk, [])
        row.idle = counts.cold and row.method == PRIOR
        row.alone = row.report.get("base rate", {}).get("brier")
    return rows


def latest_runs(detector: Detector) -> list[DetectorCost]:
    return list(detector.costs.select_related("run").order_by("-finished_at")[:RUNS_SHOWN])


def expected_innocent() -> list[dict]:
    """By tier, of members that people reviewed one by one: how many the probabilities expected not
    to belong, and how many were found not to. {"tier", "reviewed", "expected", "found"}"""
    reviewed = Q(verdict__in=[Member.Verdict.IN, Member.Verdict.OUT])
    rows = (
        Member.objects.filter(reviewed, verdict_alone=True, case__merged_into=None)
        .values("tier")
        .annotate(
            reviewed=Count("pk"),
            expected=Sum(1 - F("probability")),
            found=Count("pk", filter=Q(verdict=Member.Verdict.OUT)),
        )
        .order_by()
    )
    order = list(Member.Tier.values)
    return sorted(rows, key=lambda row: order.index(row["tier"]))


def prior_words() -> str:
    return f"1 in {1 / current_prior():,.0f}"


def scores_drawn(detector: Detector) -> Drawn:
    """Its own scores, taken for probabilities as they are, beside what was found."""
    known = [(score, label) for _, score, label in scored_labels(detector.pk)]
    known = [(score, label == Label.ABUSE) for score, label in known if label != Label.OTHER]
    bins = []
    if known:
        scores, abusive = (np.array(column) for column in zip(*known, strict=True))
        bins = binned(measure(scores.astype(float), abusive.astype(bool)).bins)
    return _drawn(bins, said="score as sent")


def calibrated_drawn(calibration: Calibration | None) -> Drawn:
    """What a fit said of accounts that it had not seen, beside what was found."""
    report = calibration.report.get(calibration.method, {}) if calibration else {}
    return _drawn(binned(report.get("bins", [])), said="P(abusive), out of fold")


def binned(told: Sequence[dict]) -> list[plots.Bin]:
    return [
        plots.Bin(
            one["mean"], one["accounts"], one["abusive"], *wilson(one["abusive"], one["accounts"])
        )
        for one in told
    ]


def _drawn(bins: list[plots.Bin], *, said: str) -> Drawn:
    rows = [
        [round(b.said, 4), b.accounts, b.abusive, round(b.low, 4), round(b.high, 4)] for b in bins
    ]
    people = [
        [
            f"{b.said:.2f}",
            b.accounts,
            b.abusive,
            f"{b.share:.2f} [{b.low:.2f}–{b.high:.2f}]",
            f"{b.accounts * (1 - b.said):.1f}",
            b.accounts - b.abusive,
        ]
        for b in bins
    ]
    columns = ["Said", "Reviewed", "Abusive", "Share, 95 %", "Innocent expected", "found"]
    return Drawn(
        plots.reliability(bins, said=said),
        ["said_mean", "reviewed", "abusive", "share_low", "share_high"],
        rows,
        Table(f"Reviewed accounts by {said}", columns, people),
    )

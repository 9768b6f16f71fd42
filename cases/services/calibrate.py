"""Fit what scores are worth to what people said, and say from when a fit counts."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Max

from cases.calibration import PRIOR, Curve, Fit, fit
from cases.errors import CaseError, NotAllowed
from cases.models import Activation, Calibration
from cases.services.labels import Label, reviewed_labels
from ingest.models import Detector, Signal

LOCK = 0x5711_00CA  # numbers versions and puts activations in a row
MAY_ACTIVATE = ("lead", "administrator")
# A mark proves training on marked text, not who collected it: it says nothing of a member.
FAMILIES = tuple(family for family in Detector.Family.values if family != "watermark")


@dataclass(frozen=True, slots=True)
class Standard:
    """The calibrations by which a grouping run counts: activation is the newest one, None where no
    calibration was ever activated; curves by family, none where the stated priors hold."""

    activation: Activation | None
    curves: Mapping[str, Curve]

    def with_calibration(self, calibration: Calibration) -> "Standard":
        """The same, as if this one were activated: what a preview groups by."""
        curves = {f: c for f, c in self.curves.items() if f != calibration.family}
        return Standard(self.activation, curves | curves_of([calibration]))


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fit of one family with what it was fitted to."""

    family: str
    fit: Fit
    other_abuse: int
    digest: str

    @property
    def parameters(self) -> dict:
        return dict(self.fit.curve.parameters) if self.fit.curve else {}


def in_force() -> Standard:
    """What counts now."""
    newest = Activation.objects.order_by("-pk").first()
    return Standard(newest, curves_of(Calibration.objects.in_force()) if newest else {})


def curves_of(calibrations: Sequence[Calibration]) -> dict[str, Curve]:
    return {
        row.family: Curve(row.method, row.parameters) for row in calibrations if row.method != PRIOR
    }


def fit_families(families: Sequence[str] = FAMILIES) -> list[Fitted]:
    """A fit for each family with a reviewed account that it spoke of; nothing is stored.

    An account counts once in a family, by the best of its scores there.
    """
    labels = reviewed_labels()
    rows: dict[str, list[tuple[str, float, Label]]] = {}
    best = (
        Signal.objects.counting()
        .filter(account__in=list(labels), detector__family__in=families)
        .order_by("detector__family", "account__external_id")
        .values_list("detector__family", "account__external_id", "account")
        .annotate(Max("score"))
    )
    for family, name, account, score in best:
        rows.setdefault(family, []).append((name, score, labels[account]))
    return [_fitted(family, told) for family, told in rows.items()]


def _fitted(family: str, told: list[tuple[str, float, Label]]) -> Fitted:
    known = [row for row in told if row[2] != Label.OTHER]
    names, scores, labels = zip(*known, strict=True) if known else ((), (), ())
    found = fit(scores, [label == Label.ABUSE for label in labels], names)
    # bytes, not the database's order of names, which depends on its locale
    digest = hashlib.sha256(json.dumps(sorted(told)).encode()).hexdigest()
    return Fitted(family, found, len(told) - len(known), digest)


@transaction.atomic
def fit_calibrations(
    *, actor: User | None, families: Sequence[str] = FAMILIES
) -> list[Calibration]:
    """Store a new version of each family whose verdicts or scores changed since its latest one.

    It counts for nothing until somebody activates it. Returns the new versions.
    """
    _in_a_row()
    latest = {
        row.family: row
        for row in Calibration.objects.filter(family__in=families)
        .order_by("family", "-version")
        .distinct("family")
    }
    made = []
    for fitted in fit_families(families):
        before = latest.get(fitted.family)
        if before and before.labels_digest == fitted.digest:
            continue
        made.append(_store(fitted, before.version + 1 if before else 1, actor))
    return made


@transaction.atomic
def state_priors(family: str, *, actor: User) -> Calibration:
    """A version of the family that goes back to the stated priors, whatever was reviewed."""
    if family not in FAMILIES:
        raise CaseError(f"{family} is no family that is calibrated: {', '.join(FAMILIES)}.")
    _in_a_row()
    last = Calibration.objects.filter(family=family).aggregate(last=Max("version"))["last"] or 0
    found = next(iter(fit_families([family])), None)
    return Calibration.objects.create(
        family=family,
        version=last + 1,
        method=PRIOR,
        abusive=found.fit.abusive if found else 0,
        innocent=found.fit.innocent if found else 0,
        other_abuse=found.other_abuse if found else 0,
        made_by=actor,
    )


@transaction.atomic
def activate_calibration(calibration: Calibration, *, actor: User, reason: str) -> Activation:
    """Let a version count from the next grouping run on, which groups everything anew.

    The row is the record of who did it and why. Raises NotAllowed, or CaseError when it counts
    already or no reason is given.
    """
    if not actor.groups.filter(name__in=MAY_ACTIVATE).exists():
        raise NotAllowed("A lead or an administrator activates calibrations.")
    if not reason.strip():
        raise CaseError("Say why: a calibration moves the probability of many accounts.")
    _in_a_row()
    now = Calibration.objects.in_force().filter(family=calibration.family).first()
    if now == calibration:
        raise CaseError(f"{calibration} counts already.")
    if now is None and calibration.method == PRIOR:
        raise CaseError(f"{calibration.family} counts by the stated priors already.")
    return Activation.objects.create(
        calibration=calibration, activated_by=actor, reason=reason.strip()[:500]
    )


def _store(fitted: Fitted, version: int, actor: User | None) -> Calibration:
    found = fitted.fit
    mine = found.measured.get(found.method)
    return Calibration.objects.create(
        family=fitted.family,
        version=version,
        method=found.method,
        parameters=fitted.parameters,
        abusive=found.abusive,
        innocent=found.innocent,
        other_abuse=fitted.other_abuse,
        brier=mine and mine.brier,
        ece=mine and mine.ece,
        report={name: asdict(measured) for name, measured in found.measured.items()},
        labels_digest=fitted.digest,
        made_by=actor,
    )


def _in_a_row() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])

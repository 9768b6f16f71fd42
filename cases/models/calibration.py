from django.conf import settings
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery

from ingest.models import Detector


class CalibrationQuerySet(models.QuerySet):
    def in_force(self):
        """What each family counts by now, in one query. A family that is missing was never
        calibrated: the stated priors hold."""
        newest = (
            Activation.objects.filter(calibration__family=OuterRef("family"))
            .order_by("-pk")
            .values("calibration")[:1]
        )
        return self.alias(now=Subquery(newest)).filter(pk=F("now")).order_by("family")


class Calibration(models.Model):
    """What scores of a family of detectors are worth, as fitted to reviewed accounts.

    A version is never changed (triggers refuse it): another fit is another version. parameters as
    cases.calibration.Curve takes them. Activation says which version counts.
    """

    class Method(models.TextChoices):
        PRIOR = "prior", "stated priors"
        PLATT = "platt", "Platt's sigmoid"
        ISOTONIC = "isotonic", "isotonic regression"

    family = models.CharField(max_length=16, choices=Detector.Family.choices)
    version = models.PositiveIntegerField(help_text="counted from 1 within the family")
    method = models.CharField(max_length=8, choices=Method.choices)
    parameters = models.JSONField(default=dict)
    abusive = models.PositiveIntegerField(help_text="reviewed accounts of confirmed campaigns")
    innocent = models.PositiveIntegerField(help_text="reviewed accounts that do not belong")
    other_abuse = models.PositiveIntegerField(
        default=0, help_text="reviewed; resale or a stolen key: in neither class"
    )
    brier = models.FloatField(null=True, help_text="out of fold; null: too few to fit")
    ece = models.FloatField(null=True, help_text="expected calibration error, out of fold")
    report = models.JSONField(
        default=dict, help_text="both methods out of fold, the base rate's score, reliability bins"
    )
    labels_digest = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="SHA-256 of the verdicts and scores that it was fitted to",
    )
    made_at = models.DateTimeField(auto_now_add=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="null: the desk itself",
    )

    objects = CalibrationQuerySet.as_manager()

    class Meta:
        constraints = [
            # read by the detectors page: the versions of a family
            models.UniqueConstraint(
                fields=["family", "version"], name="calibration_version_unique"
            ),
            # a mark proves training on marked text, not who collected it
            models.CheckConstraint(
                condition=~Q(family="watermark"), name="calibration_not_of_marks"
            ),
            models.CheckConstraint(
                condition=Q(method="prior") | Q(brier__isnull=False, ece__isnull=False),
                name="calibration_fit_is_measured",
            ),
        ]

    def __str__(self):
        return f"{self.family} v{self.version}"

    @property
    def base_rate(self) -> float | None:
        """Of the accounts that it was fitted to; what is abusive among all is the prior's word."""
        both = self.abusive + self.innocent
        return self.abusive / both if both else None


class Activation(models.Model):
    """From here on a calibration counts. Rows are only added; the newest of a family holds."""

    calibration = models.ForeignKey(
        Calibration, on_delete=models.PROTECT, related_name="activations"
    )
    reason = models.CharField(max_length=500, blank=True, default="")
    activated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    activated_at = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return f"{self.calibration} from {self.activated_at:%Y-%m-%d %H:%M}"

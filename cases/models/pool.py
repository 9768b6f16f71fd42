from django.conf import settings
from django.db import models
from django.db.models import Q

from ingest.models import Job

from .case import Case


class PoolTest(models.Model):
    """Whether a case's prompts, pooled, are from the law that those of accounts of no case are. It
    is about the case as a whole, and raises nobody's membership. Not tested is an answer too."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="pool_tests")
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="pool_test")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    requested_at = models.DateTimeField(auto_now_add=True)
    window_start = models.DateTimeField(null=True)
    window_end = models.DateTimeField(null=True)
    not_tested = models.CharField(max_length=300, blank=True, default="", help_text="why")
    p = models.FloatField(null=True)
    statistic = models.FloatField(null=True, help_text="unbiased squared MMD")
    permutations = models.PositiveIntegerField(null=True)
    accounts = models.PositiveIntegerField(null=True)
    prompts = models.PositiveIntegerField(null=True)
    reference_accounts = models.PositiveIntegerField(null=True)
    reference_prompts = models.PositiveIntegerField(null=True)
    wordings = models.PositiveIntegerField(null=True, help_text="whose prompts were left out")
    embedding = models.CharField(max_length=80, blank=True, default="")
    stalls = models.PositiveSmallIntegerField(
        default=0, help_text="workers that died on it, one after another"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(p__isnull=True) | Q(p__gt=0, p__lte=1), name="pool_test_p_range"
            ),
        ]
        indexes = [
            # the case page reads a case's newest test
            models.Index(fields=["case", "-id"], name="pool_test_newest"),
        ]

    def __str__(self):
        return f"pool test {self.pk} of case {self.case_id}"

    @property
    def is_told(self) -> bool:
        return self.p is not None or bool(self.not_tested)

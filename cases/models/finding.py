from django.db import models

from ingest.models import SuspectResult

from .case import Case


class WatermarkFinding(models.Model):
    """A key that members of the case were served with was found in a suspect model.

    It is about the case as a whole. It proves training on marked text, not who collected it, and
    raises no account's membership.
    """

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="findings")
    result = models.ForeignKey(SuspectResult, on_delete=models.PROTECT, related_name="findings")
    accounts = models.PositiveIntegerField(help_text="members that hold the key, when it was noted")
    attached_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # a finding is told to a case once
            models.UniqueConstraint(fields=["case", "result"], name="finding_case_result_unique"),
        ]

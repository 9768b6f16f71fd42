from django.conf import settings
from django.db import models
from django.db.models import F, Q

from .case import Operator
from .enforcement import Connector


class StandingAuthorisation(models.Model):
    """Two people approve in advance that an operator's successors are limited or asked to verify.

    Never a suspension. It has a least strength of the tie, a cap on heads and an end.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed", "waiting for a second person"
        STANDING = "standing", "standing"
        REFUSED = "refused", "refused"
        ENDED = "ended", "ended"

    operator = models.ForeignKey(Operator, on_delete=models.PROTECT, related_name="authorisations")
    kind = models.CharField(max_length=10)
    connector = models.ForeignKey(Connector, on_delete=models.PROTECT, related_name="+")
    parameters = models.JSONField(default=dict, blank=True)
    least_bits = models.FloatField(help_text="of what a successor took up, over all families")
    most_accounts = models.PositiveIntegerField(help_text="over all orders that rest on it")
    ends_at = models.DateTimeField()
    lasts_hours = models.PositiveIntegerField(help_text="each of its orders lapses after so long")
    reason = models.CharField(max_length=500)
    notice = models.TextField(max_length=4000, blank=True, default="")
    state = models.CharField(max_length=8, choices=State.choices, default=State.PROPOSED)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    proposed_at = models.DateTimeField(auto_now_add=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)
    used = models.PositiveIntegerField(default=0, help_text="accounts so far")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["limit", "verify"]), name="authorisation_never_suspends"
            ),
            models.CheckConstraint(
                condition=Q(reviewed_by=None) | ~Q(reviewed_by=F("proposed_by")),
                name="authorisation_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(state="standing") | Q(reviewed_by__isnull=False),
                name="authorisation_stands_approved",
            ),
            models.CheckConstraint(
                condition=Q(used__lte=F("most_accounts")), name="authorisation_head_count"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("proposed_at")), name="authorisation_ends_later"
            ),
        ]
        indexes = [
            # read by the sweep that acts on the next waves
            models.Index(
                fields=["operator"], condition=Q(state="standing"), name="authorisation_standing"
            ),
        ]

    def __str__(self):
        return self.ref

    @property
    def ref(self) -> str:
        return f"SA-{self.pk}"

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from ingest.models import Attribute


class AllowQuerySet(models.QuerySet):
    def standing(self, at=None):
        """Added, not ended, not expired."""
        at = at or timezone.now()
        return self.filter(added_at__isnull=False, ended_at=None, expires_at__gt=at)

    def in_force(self):
        """Those that the last grouping run obeyed."""
        return self.filter(taken_at__isnull=False, released_at=None)


class AllowEntry(models.Model):
    """What takes no part in grouping, because somebody answers for it, until a date.

    An account, or all of an organisation, is no member; an attribute makes no tie. Nothing is
    deleted: signals and uses are stored as ever, and count again once the entry has ended.
    """

    class Kind(models.TextChoices):
        ACCOUNT = "account", "account"
        ORGANISATION = "organisation", "organisation"
        ATTRIBUTE = "attribute", "attribute value"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    attribute_kind = models.CharField(
        max_length=16, choices=Attribute.Kind.choices, blank=True, default=""
    )
    value = models.CharField(max_length=500, db_collation="C")
    reason = models.CharField(max_length=500)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="allow_entries"
    )
    expires_at = models.DateTimeField()
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    proposed_at = models.DateTimeField(auto_now_add=True)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    added_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=500, blank=True, default="")
    taken_at = models.DateTimeField(null=True, help_text="grouping obeyed it from here")
    released_at = models.DateTimeField(null=True, help_text="and no longer from here")

    objects = AllowQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="attribute") ^ Q(attribute_kind=""),
                name="allow_attribute_has_kind",
            ),
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(value=""), name="allow_has_reason_and_value"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("proposed_at")), name="allow_expires_later"
            ),
            models.CheckConstraint(
                condition=Q(added_at=None, added_by=None)
                | Q(added_at__isnull=False, added_by__isnull=False),
                name="allow_added_by_somebody",
            ),
        ]
        indexes = [
            # read by every grouping run: those to obey from now on, or no longer
            models.Index(fields=["id"], condition=Q(released_at=None), name="allow_not_released"),
        ]

    def __str__(self):
        return self.ref

    @property
    def ref(self) -> str:
        return f"L-{self.pk}"

    @property
    def state(self) -> str:
        """proposed, standing, ended or expired."""
        if self.added_at is None:
            return "proposed"
        if self.ended_at:
            return "ended"
        return "standing" if self.expires_at > timezone.now() else "expired"

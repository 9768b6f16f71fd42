from django.conf import settings
from django.db import models

from ingest.models import Job

from .case import Case
from .signing import SigningKey


class EvidencePacket(models.Model):
    """A sealed copy of a case as of a moment: a BagIt zip (RFC 8493)."""

    class Profile(models.TextChoices):
        INTERNAL = "internal", "Internal"
        LEGAL = "legal", "Legal"
        PARTNER = "partner", "Partner"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="packets")
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="packet")
    profile = models.CharField(
        max_length=10, choices=Profile, default=Profile.INTERNAL, help_text="who will read it"
    )
    as_of = models.DateTimeField()
    chain_seq = models.PositiveIntegerField(null=True, help_text="last event that it holds")
    chain_head = models.CharField(max_length=64, blank=True, default="")
    file = models.FileField(upload_to="packets/", blank=True)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    signed_by = models.ForeignKey(
        SigningKey, null=True, on_delete=models.PROTECT, related_name="packets",
        help_text="null: sealed before packets were signed, or not yet",
    )  # fmt: skip
    size = models.PositiveBigIntegerField(null=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    requested_at = models.DateTimeField(auto_now_add=True)
    sealed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-requested_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(profile__in=["internal", "legal", "partner"]),
                name="packet_profile_known",
            ),
        ]

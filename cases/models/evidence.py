from django.conf import settings
from django.db import models

from ingest.models import Job

from .case import Case


class EvidencePacket(models.Model):
    """A sealed copy of a case as of a moment: a BagIt zip (RFC 8493)."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="packets")
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="packet")
    as_of = models.DateTimeField()
    chain_seq = models.PositiveIntegerField(null=True, help_text="last event that it holds")
    chain_head = models.CharField(max_length=64, blank=True, default="")
    file = models.FileField(upload_to="packets/", blank=True)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    size = models.PositiveBigIntegerField(null=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    requested_at = models.DateTimeField(auto_now_add=True)
    sealed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-requested_at", "-id"]

import hashlib
import secrets

from django.db import models
from django.utils import timezone


class MachineToken(models.Model):
    """A secret that lets a machine do one thing. Only its SHA-256 is kept."""

    token_digest = models.CharField(max_length=64, blank=True, default="", editable=False)
    token_prefix = models.CharField(max_length=12, blank=True, default="", editable=False)
    token_issued_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True

    @staticmethod
    def digest(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()

    def issue_token(self) -> str:
        """Set a fresh token and return it; it cannot be read again. The caller saves."""
        token = f"sw_{secrets.token_urlsafe(32)}"
        self.token_digest = self.digest(token)
        self.token_prefix = token[:8]
        self.token_issued_at = timezone.now()
        return token

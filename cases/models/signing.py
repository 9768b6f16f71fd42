from django.db import models
from django.db.models import Q


class SigningKey(models.Model):
    """An Ed25519 key (RFC 8032) that packets are signed with.

    Its public half stays published for ever, since old packets must still be verified.
    """

    key_id = models.CharField(max_length=16, unique=True, help_text="SHA-256 of the public half")
    public_key = models.BinaryField(help_text="32 bytes")
    sealed_secret = models.BinaryField(
        blank=True, default=b"", help_text="empty: the secret is in the settings, or was dropped"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                models.Value(1), condition=Q(retired_at=None), name="signing_key_one_signs"
            ),
        ]

    def __str__(self):
        return self.key_id

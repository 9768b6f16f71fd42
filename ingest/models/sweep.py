from django.db import models

from .account import BYTEWISE, Account
from .attribute import Attribute


class TemplateSlot(models.Model):
    """An account filled a template's slot with a value: who has covered what of a sweep. The value
    is a digest: what it says stays in the log."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="slots")
    template = models.ForeignKey(
        Attribute, on_delete=models.PROTECT, related_name="slots", db_index=False
    )
    slot = models.CharField(max_length=32, db_collation=BYTEWISE)
    first_at = models.DateTimeField()
    count = models.PositiveIntegerField(help_text="requests, of those that were looked at")

    class Meta:
        constraints = [
            # detect merges what an overlapping window tells again; the sweep map reads a template
            models.UniqueConstraint(
                fields=["template", "account", "slot"], name="template_slot_unique"
            ),
        ]

    def __str__(self):
        return f"slot {self.slot} of {self.template_id}"

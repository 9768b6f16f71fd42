from django.db import models

from .enforcement import Enforcement


class Aftermath(models.Model):
    """What came after an action, counted from rows; docs/grouping.md, "Waves", defines each figure.

    returned: by number of days {"1": {requests_before, accounts_before, requests_after,
    accounts_after, start, end, unknown}}; unknown says in words why a figure cannot be known, and
    is "" where it can. Null is never 0.
    """

    order = models.OneToOneField(Enforcement, on_delete=models.PROTECT, related_name="aftermath")
    acted_at = models.DateTimeField(help_text="when its first account was read back as ordered")
    accounts = models.PositiveIntegerField(help_text="that it took effect on")
    tokens_before = models.BigIntegerField(
        null=True, help_text="output tokens that they took before it; null: none recorded"
    )
    hours_missing = models.PositiveIntegerField(default=0, help_text="of theirs, without tokens")
    first_signal_at = models.DateTimeField(null=True, help_text="when the desk heard of one first")
    returned = models.JSONField(default=dict)
    successors = models.PositiveIntegerField(default=0, help_text="accounts of the next waves")
    as_of = models.DateTimeField()

    class Meta:
        verbose_name_plural = "aftermaths"
        indexes = [
            # read by the sweep: what was counted longest ago
            models.Index(fields=["as_of"], name="aftermath_as_of"),
        ]

from django.db import models
from django.db.models import Q

from .account import BYTEWISE, Account


class AccountPart(models.Model):
    """A key or an end user of an account, as the platform names it. Never the key's secret."""

    class Kind(models.TextChoices):
        KEY = "key", "key"
        END_USER = "end_user", "end user"

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="parts", db_index=False
    )
    kind = models.CharField(max_length=8, choices=Kind.choices)
    external_id = models.CharField(max_length=200, db_collation=BYTEWISE)
    is_aggregate = models.BooleanField(default=False, help_text="it stands for many people")
    state = models.CharField(max_length=10, default="active")
    state_actor = models.CharField(max_length=120, blank=True, default="")
    state_reason = models.CharField(max_length=300, blank=True, default="")
    state_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # read by orders about keys and end users
            models.UniqueConstraint(
                fields=["account", "kind", "external_id"], name="account_part_unique"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["active", "verify", "limited", "suspended", "revoked"]),
                name="account_part_state_known",
            ),
        ]

    def __str__(self):
        return self.external_id


class PlatformReport(models.Model):
    """One thing that the platform said of an account's or a part's state. Written once."""

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="platform_reports", db_index=False
    )
    part = models.ForeignKey(
        AccountPart, null=True, on_delete=models.PROTECT, related_name="platform_reports"
    )
    state = models.CharField(max_length=10)
    actor = models.CharField(max_length=120)
    reason = models.CharField(max_length=300, blank=True, default="")
    at = models.DateTimeField(help_text="at the platform")
    received_at = models.DateTimeField(auto_now_add=True)
    source = models.CharField(max_length=40, help_text="api, file, or the order that read it back")

    class Meta:
        constraints = [
            # told twice is kept once
            models.UniqueConstraint(
                fields=["account", "part", "at", "state", "actor"],
                name="platform_report_unique",
                nulls_distinct=False,
            ),
        ]
        indexes = [
            # read by the account's page: what the platform said, newest first
            models.Index(fields=["account", "-at", "-id"], name="platform_report_newest"),
        ]

from django.db import models
from django.db.models import Q

BYTEWISE = "C"  # what is paged or joined by key sorts by bytes, the same on every machine


class Account(models.Model):
    """The API account examined. Every text here is written by strangers."""

    class State(models.TextChoices):
        ACTIVE = "active"
        VERIFY = "verify"  # it must prove who it is before it goes on
        LIMITED = "limited"
        SUSPENDED = "suspended"

    external_id = models.CharField(max_length=200, unique=True, db_collation=BYTEWISE)
    organisation = models.CharField(
        max_length=200, blank=True, default="", db_collation=BYTEWISE, db_index=True
    )
    plan = models.CharField(max_length=60, blank=True, default="")
    created_at = models.DateTimeField(null=True, blank=True, help_text="at the platform")
    first_seen_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    is_aggregate = models.BooleanField(
        default=False, help_text="A reseller's or gateway's key: it stands for many people."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    state_actor = models.CharField(max_length=120, blank=True, default="")
    state_reason = models.CharField(max_length=300, blank=True, default="")
    state_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["active", "verify", "limited", "suspended"]),
                name="account_state_known",
            ),
        ]

    def __str__(self):
        return self.external_id


class ActivityHour(models.Model):
    """An account's hour on one model, from the logs. Null means not recorded, never 0."""

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="hours", db_index=False
    )
    hour = models.DateTimeField()
    model = models.CharField(max_length=80, db_collation=BYTEWISE)
    requests = models.PositiveIntegerField()
    input_tokens = models.BigIntegerField(null=True)
    cached_tokens = models.BigIntegerField(null=True)
    output_tokens = models.BigIntegerField(null=True)
    reasoning_tokens = models.BigIntegerField(null=True)
    refusals = models.PositiveIntegerField(null=True)
    templates = models.PositiveIntegerField(null=True, help_text="distinct templates in the hour")
    extraction_requests = models.PositiveIntegerField(
        null=True, help_text="requests that match an extraction family"
    )

    class Meta:
        constraints = [
            # ingest merges a repeated hour; plots read an account's span
            models.UniqueConstraint(
                fields=["account", "hour", "model"], name="hour_account_model_unique"
            ),
        ]

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from .timeline import TimelineEvent


class EventHook(models.Model):
    """An address that is told of events of orders and appeals, signed (Standard Webhooks 1.0)."""

    slug = models.SlugField(max_length=64, unique=True)
    url = models.URLField(max_length=300)
    sealed_secret = models.BinaryField()
    events = ArrayField(models.CharField(max_length=24), help_text="kinds of event that it is told")
    allowed_private_hosts = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    enabled = models.BooleanField(default=True)
    failures = models.PositiveIntegerField(default=0, help_text="in a row")
    open_until = models.DateTimeField(null=True, help_text="it rests until then")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return self.slug


class HookDelivery(models.Model):
    """One event on its way to one address. The row is the queue; the same key at every try."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        SENT = "sent", "sent"
        FAILED = "failed", "given up"

    hook = models.ForeignKey(
        EventHook, on_delete=models.PROTECT, related_name="deliveries", db_index=False
    )
    event = models.ForeignKey(TimelineEvent, on_delete=models.PROTECT, related_name="+")
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    body = models.JSONField(help_text="as it was when it happened, without what is kept back")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    last_status = models.PositiveIntegerField(null=True)
    last_error = models.CharField(max_length=300, blank=True, default="")
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # told once: an event and an address
            models.UniqueConstraint(fields=["hook", "event"], name="hook_delivery_unique"),
        ]
        indexes = [
            # read by the sweep
            models.Index(
                fields=["due_at", "id"], condition=Q(state="waiting"), name="hook_delivery_due"
            ),
        ]

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from ingest.models import Account

from .case import Case


class Connector(models.Model):
    """Where orders go. The secret is kept encrypted (AES-GCM)."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", "signed webhook"

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    url = models.URLField(max_length=300)
    sealed_secret = models.BinaryField()
    allowed_private_hosts = ArrayField(
        models.CharField(max_length=100),
        default=list,
        blank=True,
        help_text="private addresses that this connector alone may reach, by name",
    )
    enabled = models.BooleanField(default=True)
    failures = models.PositiveIntegerField(default=0, help_text="in a row")
    open_until = models.DateTimeField(null=True, help_text="the circuit breaker rests until then")

    def __str__(self):
        return self.name


class Enforcement(models.Model):
    """An order for a set of accounts; on screen, an action."""

    class Kind(models.TextChoices):
        WATCH = "watch", "watch"
        CONTACT = "contact", "contact customer"
        VERIFY = "verify", "require verification"
        LIMIT = "limit", "limit"
        SUSPEND = "suspend", "suspend"
        REVOKE = "revoke", "revoke key"
        REINSTATE = "reinstate", "reinstate"

    class State(models.TextChoices):
        REQUESTED = "requested", "waiting for approval"
        RUNNING = "running", "being delivered"
        DONE = "done", "done"
        REFUSED = "refused", "refused"
        CANCELLED = "cancelled", "cancelled"

    number = models.PositiveIntegerField(unique=True, help_text="12 of O-12")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="enforcements")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    connector = models.ForeignKey(Connector, on_delete=models.PROTECT, related_name="enforcements")
    tiers = ArrayField(models.CharField(max_length=8), default=list)
    reason = models.TextField(max_length=2000)
    notice = models.TextField(max_length=4000, blank=True, default="", help_text="to the customer")
    blast_radius = models.JSONField(default=dict, help_text="the preview that was approved")
    state = models.CharField(max_length=10, choices=State.choices, default=State.REQUESTED)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    requested_at = models.DateTimeField(auto_now_add=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True)
    review_note = models.CharField(max_length=500, blank=True, default="")
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # who asks never approves
            models.CheckConstraint(
                condition=Q(reviewed_by__isnull=True) | ~Q(reviewed_by=F("requested_by")),
                name="enforcement_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["running", "done"]) | Q(reviewed_by__isnull=False),
                name="enforcement_runs_only_approved",
            ),
        ]

    def __str__(self):
        return self.ref

    @property
    def ref(self) -> str:
        return f"O-{self.number}"


class EnforcementItem(models.Model):
    """One account of an order. The row is the truth; a message only makes it sooner."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"  # for approval, or for its (next) try
        SENDING = "sending", "being sent"  # leased by a worker until leased_until
        UNKNOWN = "unknown", "unknown"  # sent, no answer: read back before any retry
        DONE = "done", "done"  # read back as ordered
        FAILED = "failed", "failed"
        SKIPPED = "skipped", "skipped"  # the order was refused or cancelled first

    enforcement = models.ForeignKey(
        Enforcement, on_delete=models.PROTECT, related_name="items", db_index=False
    )
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="enforcement_items")
    key = models.UUIDField(
        default=uuid.uuid4, unique=True, editable=False, help_text="idempotency key at the target"
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True, help_text="when the next try may be made")
    leased_until = models.DateTimeField(null=True)
    last_status = models.PositiveIntegerField(null=True)
    last_error = models.CharField(max_length=300, blank=True, default="")
    state_before = models.CharField(max_length=10, blank=True, default="")
    state_after = models.CharField(max_length=10, blank=True, default="")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # one effect per account and order; read by the order's page
            models.UniqueConstraint(fields=["enforcement", "account"], name="item_unique"),
        ]
        indexes = [
            # read by the delivery sweep: what is due
            models.Index(
                fields=["due_at", "id"],
                condition=Q(state__in=["waiting", "sending", "unknown"]),
                name="item_due",
            ),
        ]

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from ingest.models import Account

from .case import Case
from .connector import Connector


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
        EXPIRED = "expired", "not approved in time"

    class Target(models.TextChoices):
        ACCOUNT = "account", "accounts"
        KEY = "key", "keys"
        END_USER = "end_user", "end users"
        ORGANISATION = "organisation", "organisations"

    class Plan(models.TextChoices):
        AT_ONCE = "at_once", "all at once"
        STAGES = "stages", "in stages"

    number = models.PositiveIntegerField(unique=True, help_text="12 of O-12")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="enforcements")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    connector = models.ForeignKey(
        Connector,
        null=True,
        on_delete=models.PROTECT,
        related_name="enforcements",
        help_text="null: the desk carries it out itself (watch, contact)",
    )
    target_kind = models.CharField(max_length=12, choices=Target.choices, default=Target.ACCOUNT)
    parameters = models.JSONField(default=dict, blank=True, help_text="of a limit: rpm, tpm")
    tiers = ArrayField(models.CharField(max_length=8), default=list)
    selection = models.JSONField(
        default=dict, blank=True, help_text="how the targets were chosen; they are frozen as items"
    )
    reverses = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="reversals"
    )
    authorisation = models.ForeignKey(
        "StandingAuthorisation",
        null=True,
        on_delete=models.PROTECT,
        related_name="orders",
        help_text="it was approved in advance by this",
    )
    reason = models.TextField(max_length=2000)
    notice = models.TextField(max_length=4000, blank=True, default="", help_text="to the customer")
    notice_version = models.ForeignKey(
        "NoticeVersion", null=True, on_delete=models.PROTECT, related_name="orders"
    )
    blast_radius = models.JSONField(default=dict, help_text="the preview that was approved")
    content_hash = models.CharField(
        max_length=64, blank=True, default="", help_text="SHA-256 of all that is approved"
    )
    approved_hash = models.CharField(max_length=64, blank=True, default="")
    second_person = models.BooleanField(
        default=True, db_default=True, help_text="it runs only when another person approved it"
    )
    approve_by = models.DateTimeField(null=True, help_text="not approved by then, it expires")
    p_at_request = models.FloatField(null=True, help_text="P(abuse) of the case when asked for")
    plan = models.CharField(max_length=8, choices=Plan.choices, default=Plan.AT_ONCE)
    stages = ArrayField(
        models.PositiveSmallIntegerField(),
        default=list,
        blank=True,
        help_text="percent, the last 100",
    )
    stage_minutes = models.PositiveIntegerField(
        default=0, help_text="a stage is watched so long before the next opens by itself"
    )
    stage = models.PositiveSmallIntegerField(default=0, help_text="the last that is open, from 0")
    stage_opened_at = models.DateTimeField(null=True)
    window_minutes = models.PositiveIntegerField(
        default=0, help_text="it starts at a random moment within so many minutes of its approval"
    )
    begins_at = models.DateTimeField(null=True, help_text="the moment that was drawn")
    paused_at = models.DateTimeField(null=True, help_text="nothing new is sent since")
    paused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="null while paused: a rule paused it",
    )
    pause_reason = models.CharField(max_length=300, blank=True, default="")
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
    resumed_from = models.JSONField(
        default=dict, blank=True, help_text="where the rules stood when a person let it go on"
    )
    renewal_asked_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True, help_text="its end was carried out, or renewed")

    class Meta:
        constraints = [
            # who asks never approves
            models.CheckConstraint(
                condition=Q(reviewed_by__isnull=True) | ~Q(reviewed_by=F("requested_by")),
                name="enforcement_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["running", "done"])
                | Q(reviewed_by__isnull=False)
                | Q(second_person=False),
                name="enforcement_runs_only_approved",
            ),
            # what runs is what was approved
            models.CheckConstraint(
                condition=~Q(state__in=["running", "done"]) | Q(approved_hash=F("content_hash")),
                name="enforcement_runs_as_approved",
            ),
            models.CheckConstraint(
                condition=Q(connector__isnull=False) ^ Q(kind__in=["watch", "contact"]),
                name="enforcement_leaves_by_connector",
            ),
        ]
        indexes = [
            # read by the sweep that opens stages, pauses, expires and ends
            models.Index(
                fields=["id"],
                condition=Q(state__in=["requested", "running"]),
                name="enforcement_open",
            ),
            # read by the sweep of ends
            models.Index(
                fields=["expires_at"],
                condition=Q(expires_at__isnull=False, ended_at=None),
                name="enforcement_ends",
            ),
        ]

    def __str__(self):
        return self.ref

    @property
    def ref(self) -> str:
        return f"O-{self.number}"

    @property
    def staged(self) -> bool:
        return self.plan == self.Plan.STAGES


class EnforcementItem(models.Model):
    """One account, key, end user or organisation of an order.

    The row is the truth; a message only makes it sooner.
    """

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
    target = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        db_collation="C",
        help_text="key, end user or organisation; empty: the account itself",
    )
    stage = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="of the plan")
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
    native_before = models.JSONField(
        null=True, help_text="the platform's own settings before it, for a reversal"
    )
    state_after = models.CharField(max_length=10, blank=True, default="")
    finished_at = models.DateTimeField(null=True)
    drifted_at = models.DateTimeField(
        null=True, help_text="others changed the target then; null: it is as we left it"
    )

    class Meta:
        constraints = [
            # one effect per target and order; read by the order's page
            models.UniqueConstraint(
                fields=["enforcement", "account", "target"], name="item_unique"
            ),
        ]
        indexes = [
            # read by the page of drift
            models.Index(
                fields=["-drifted_at", "-id"],
                condition=Q(drifted_at__isnull=False),
                name="item_drifted",
            ),
            # read by the delivery sweep: what is due
            models.Index(
                fields=["due_at", "id"],
                condition=Q(state__in=["waiting", "sending", "unknown"]),
                name="item_due",
            ),
        ]

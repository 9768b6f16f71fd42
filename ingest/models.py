"""What detectors saw. Nothing here is a judgement: those live in cases."""

import hashlib
import secrets

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

BYTEWISE = "C"  # what is paged or joined by key sorts by bytes, the same on every machine


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


class Detector(MachineToken):
    """A source of signals: ours, another team's, or a partner."""

    class Family(models.TextChoices):
        WATERMARK = "watermark"
        VOLUME = "volume"
        TEMPLATE = "template"
        BEHAVIOUR = "behaviour"
        TIMING = "timing"
        NETWORK = "network"
        PAYMENT = "payment"
        REGISTRATION = "registration"
        PARTNER = "partner"

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    family = models.CharField(max_length=16, choices=Family.choices)
    version = models.CharField(max_length=40, blank=True, default="")
    calibration = models.JSONField(default=dict, blank=True)
    enabled = models.BooleanField(default=True)
    last_heard_at = models.DateTimeField(null=True, blank=True)
    expected_interval = models.DurationField(
        null=True, blank=True, help_text="Silent for longer than this raises an alarm."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # read by the detectors' door at every delivery
            models.UniqueConstraint(
                fields=["token_digest"],
                condition=~Q(token_digest=""),
                name="detector_token_unique",
            ),
        ]

    def __str__(self):
        return self.slug


class Census(models.Model):
    """One counting of the whole population: within it N and every d(v) are frozen."""

    as_of = models.DateTimeField()
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    accounts = models.PositiveIntegerField(help_text="N, flagged or not")
    organisations = models.PositiveIntegerField()
    source = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "censuses"
        get_latest_by = "pk"

    def __str__(self):
        return f"census {self.pk} of {self.accounts} accounts"


class Account(models.Model):
    """The API account examined. Every text here is written by strangers."""

    class State(models.TextChoices):
        ACTIVE = "active"
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
                condition=Q(state__in=["active", "limited", "suspended"]),
                name="account_state_known",
            ),
        ]

    def __str__(self):
        return self.external_id


class Attribute(models.Model):
    """A typed value that accounts can share, with its prevalence in the whole population.

    Unknown prevalence (null) adds nothing to a tie; it is never estimated from flagged accounts.
    """

    class Kind(models.TextChoices):
        IP = "ip"
        IP_PREFIX = "ip_prefix"
        ASN = "asn"
        PAYMENT = "payment"
        EMAIL_DOMAIN = "email_domain"
        REGISTRATION = "registration"
        DEVICE = "device"
        USER_AGENT = "user_agent"
        TEMPLATE = "template"
        HARNESS = "harness"
        PARTNER_TOKEN = "partner_token"

    kind = models.CharField(max_length=16, choices=Kind.choices)
    value = models.CharField(max_length=500, db_collation=BYTEWISE)
    label = models.CharField(
        max_length=500, blank=True, default="", help_text="what a person reads, e.g. a template"
    )
    accounts = models.PositiveIntegerField(
        null=True, blank=True, help_text="d(v): accounts of the population that carry it"
    )
    organisations = models.PositiveIntegerField(null=True, blank=True)
    population = models.PositiveIntegerField(
        null=True, blank=True, help_text="N of the counting that gave d(v)"
    )
    census = models.ForeignKey(Census, null=True, blank=True, on_delete=models.PROTECT)

    class Meta:
        constraints = [
            # ingest finds an attribute by its value
            models.UniqueConstraint(fields=["kind", "value"], name="attribute_kind_value_unique"),
            models.CheckConstraint(
                condition=Q(accounts__isnull=True)
                | Q(population__isnull=False, accounts__lte=F("population")),
                name="attribute_prevalence_within_population",
            ),
        ]

    def __str__(self):
        return f"{self.kind}:{self.value}"


class AttributeUse(models.Model):
    """An account carried an attribute, from first to last."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="uses")
    attribute = models.ForeignKey(
        Attribute, on_delete=models.PROTECT, related_name="uses", db_index=False
    )
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    count = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            # grouping walks from an attribute to its accounts; ingest merges a repeated use
            models.UniqueConstraint(fields=["attribute", "account"], name="use_unique"),
        ]


class Batch(models.Model):
    """One accepted delivery."""

    class Door(models.TextChoices):
        API = "api"
        FILE = "file"
        LOGS = "logs"

    detector = models.ForeignKey(Detector, on_delete=models.PROTECT, related_name="batches")
    door = models.CharField(max_length=8, choices=Door.choices)
    source = models.CharField(max_length=300, blank=True, default="")
    received_at = models.DateTimeField(auto_now_add=True)
    stored = models.PositiveIntegerField(default=0)
    repeated = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "batches"
        indexes = [
            # read by the detectors page: the latest deliveries of one detector
            models.Index(fields=["detector", "-received_at"], name="batch_by_detector"),
        ]


class Signal(models.Model):
    """One detector's observation about one account over a window."""

    detector = models.ForeignKey(
        Detector, on_delete=models.PROTECT, related_name="signals", db_index=False
    )
    ref = models.CharField(
        max_length=200, db_collation=BYTEWISE, help_text="the detector's own reference"
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="signals", db_index=False
    )
    batch = models.ForeignKey(
        Batch, on_delete=models.PROTECT, related_name="signals", db_index=False
    )
    body_digest = models.CharField(
        max_length=64, help_text="SHA-256 of the record: a retry repeats it, a conflict does not"
    )
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    score = models.FloatField()
    p_value = models.FloatField(null=True, blank=True)
    summary = models.CharField(max_length=500)
    evidence = models.JSONField(default=dict, blank=True)
    samples = models.JSONField(default=list, blank=True)
    group_key = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_collation=BYTEWISE,
        help_text="shared by the signals of one observation about a cluster",
    )
    detector_version = models.CharField(max_length=40, blank=True, default="")
    received_at = models.DateTimeField(auto_now_add=True)
    taken_at = models.DateTimeField(
        null=True, blank=True, help_text="when a grouping run first used it"
    )

    class Meta:
        constraints = [
            # a retry stores nothing twice
            models.UniqueConstraint(fields=["detector", "ref"], name="signal_detector_ref_unique"),
            models.CheckConstraint(
                condition=Q(score__gte=0, score__lte=1), name="signal_score_range"
            ),
            models.CheckConstraint(
                condition=Q(p_value__isnull=True) | Q(p_value__gte=0, p_value__lte=1),
                name="signal_p_value_range",
            ),
            models.CheckConstraint(
                condition=Q(window_end__gte=F("window_start")), name="signal_window_order"
            ),
        ]
        indexes = [
            # read by the account page and by a case's evidence, newest first
            models.Index(fields=["account", "-window_end"], name="signal_by_account"),
            # read by grouping: what is new since the last run
            models.Index(
                fields=["id"], condition=Q(taken_at__isnull=True), name="signal_not_taken"
            ),
            # read by the detectors page and by retention
            BrinIndex(fields=["received_at"], name="signal_received_brin"),
        ]


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


class Rejection(models.Model):
    """A record that could not be stored, kept so that it can be mended and replayed."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="rejections")
    line = models.PositiveIntegerField(help_text="counted from 1 within the delivery")
    field = models.CharField(max_length=200, blank=True, default="")
    reason = models.CharField(max_length=500)
    body = models.BinaryField(help_text="the record's bytes as they came, cut at 64 KiB")
    replayed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # read by replay_rejections: what still waits
            models.Index(
                fields=["id"], condition=Q(replayed_at__isnull=True), name="rejection_waiting"
            ),
        ]


class ContextEvent(models.Model):
    """Something about the world that plots and baselines must know."""

    class Kind(models.TextChoices):
        RELEASE = "release"
        OUTAGE = "outage"
        PRICE = "price"
        SILENCE = "silence"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    label = models.CharField(max_length=120)
    start_at = models.DateTimeField()
    end_at = models.DateTimeField(null=True, blank=True)


class Job(models.Model):
    """Long work that a person waits for: the row is the truth, the page polls it."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    kind = models.CharField(max_length=40)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    step = models.CharField(max_length=120, blank=True, default="")
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True, default="")
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    beat_at = models.DateTimeField(
        null=True, help_text="last sign of life; a silent running job is taken again"
    )
    finished_at = models.DateTimeField(null=True)

    @property
    def percent(self) -> int:
        if self.state == self.State.DONE:
            return 100
        return min(99, 100 * self.done // self.total) if self.total else 0

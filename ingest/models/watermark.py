import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from .account import BYTEWISE, Account
from .job import Job


class WatermarkKey(models.Model):
    """A key that text served to some accounts is marked with. Its secret is sealed and never shown.

    The seal is bound to uid, scheme, parameters and tokenizer: a row whose test was changed behind
    our back no longer opens.
    """

    class State(models.TextChoices):
        ACTIVE = "active"
        RETIRED = "retired"  # marks nothing new; its old text is still about

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    sealed_secret = models.BinaryField()
    scheme = models.CharField(max_length=20)
    parameters = models.JSONField()
    tokenizer = models.CharField(max_length=80)
    issued_for = models.CharField(
        max_length=200, help_text="the accounts or the campaign that it was made for, in words"
    )
    accounts = models.ManyToManyField(
        Account, blank=True, related_name="watermark_keys", help_text="who is served text with it"
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="null: made at the command line",
    )
    retired_at = models.DateTimeField(null=True)
    retired_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="active", retired_at=None)
                | Q(state="retired", retired_at__isnull=False),
                name="watermark_key_retired_has_time",
            ),
        ]

    def __str__(self):
        return self.ref

    @property
    def ref(self) -> str:
        return f"K-{self.pk}"


class SuspectTest(models.Model):
    """One look at one suspect model: its outputs, the keys tried on them, how the control came out.

    Keys and seed are written down before the first output is looked at.
    """

    class Source(models.TextChoices):
        UPLOAD = "upload"
        ENDPOINT = "endpoint"

    name = models.CharField(max_length=120, help_text="what the model is called, by strangers")
    how = models.TextField(
        max_length=2000, blank=True, default="", help_text="how its outputs were got"
    )
    source = models.CharField(max_length=8, choices=Source.choices)
    tokenizer = models.CharField(
        max_length=80, blank=True, default="", help_text="of the token ids given; empty: text alone"
    )
    seed = models.BigIntegerField(help_text="of the wrong keys")
    control_keys = models.PositiveIntegerField(default=1000)
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="suspect_test")
    stalls = models.PositiveIntegerField(default=0, help_text="workers that died on it in a row")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    requested_at = models.DateTimeField(auto_now_add=True)
    tested_at = models.DateTimeField(null=True)
    is_sound = models.BooleanField(
        null=True, help_text="every wrong-key control came out as the null law says"
    )

    # An endpoint that is asked: what may be spent is taken before each request, so that a worker
    # killed in the middle loses some of it and never overruns it.
    url = models.CharField(max_length=300, blank=True, default="")
    model = models.CharField(max_length=120, blank=True, default="")
    sealed_token = models.BinaryField(blank=True, default=b"", help_text="emptied when it ends")
    temperature = models.FloatField(default=1.0)
    answer_tokens = models.PositiveIntegerField(default=512, help_text="at most, an answer")
    request_budget = models.PositiveIntegerField(default=0)
    token_budget = models.PositiveBigIntegerField(default=0)
    requests_spent = models.PositiveIntegerField(default=0)
    tokens_spent = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0, help_text="in a row")
    resume_at = models.DateTimeField(null=True, help_text="the endpoint asked to wait until then")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(requests_spent__lte=models.F("request_budget"))
                & Q(tokens_spent__lte=models.F("token_budget")),
                name="suspect_within_budget",
            ),
        ]

    def __str__(self):
        return self.ref

    @property
    def ref(self) -> str:
        return f"M-{self.pk}"


class SuspectText(models.Model):
    """A suspect's output, a prompt that waits for one, or text known to be marked with a key."""

    class Role(models.TextChoices):
        OUTPUT = "output"
        MARKED = "marked"

    test = models.ForeignKey(
        SuspectTest, on_delete=models.CASCADE, related_name="texts", db_index=False
    )
    role = models.CharField(max_length=6, choices=Role.choices, default=Role.OUTPUT)
    number = models.PositiveIntegerField(help_text="its line, counted from 1")
    key = models.ForeignKey(
        WatermarkKey, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    prompt = models.TextField(blank=True, default="", help_text="empty: not known")
    prompt_tokens = ArrayField(models.BigIntegerField(), null=True)
    text = models.TextField(blank=True, default="")
    tokens = ArrayField(models.BigIntegerField(), null=True)
    answered_at = models.DateTimeField(null=True, help_text="null: a prompt that waits to be sent")

    class Meta:
        constraints = [
            # the worker reads a test's texts in their order, and writes each answer once
            models.UniqueConstraint(
                fields=["test", "role", "number"], name="suspect_text_place_unique"
            ),
        ]


class SuspectResult(models.Model):
    """One key tried on one suspect. The row is made when the test is asked for: what is tried is
    settled before anything is seen, and a worker goes on with the keys that have no score yet.
    """

    class Finding(models.TextChoices):
        FOUND = "found"
        WEAK = "weak"
        NOT_FOUND = "not_found", "not found"
        VOID = "void"  # the control did not come out as it must, so nothing is concluded
        UNTESTED = "untested"

    test = models.ForeignKey(
        SuspectTest, on_delete=models.CASCADE, related_name="results", db_index=False
    )
    key = models.ForeignKey(WatermarkKey, on_delete=models.PROTECT, related_name="results")
    scored_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, blank=True, default="", help_text="why untested")
    filtered = models.BooleanField(default=False, help_text="only contexts known to be marked")
    rows = models.PositiveIntegerField(default=0, help_text="distinct (context, token) pairs")
    windows = models.PositiveIntegerField(default=0, help_text="pairs before de-duplication")
    total = models.FloatField(default=0)
    z = models.FloatField(default=0, help_text="for the eye; it decides nothing")
    log10_p = models.FloatField(default=0, help_text="exact; a logarithm, since p may be 1e-400")
    log10_corrected = models.FloatField(null=True, help_text="Holm, over the keys tried")
    detectable = models.FloatField(
        null=True, help_text="share or mean that would have been found nine times in ten"
    )
    trace = models.JSONField(default=list, help_text="[[pairs, z]] as they add up")
    finding = models.CharField(max_length=9, choices=Finding.choices, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["test", "key"], name="suspect_result_unique"),
            models.CheckConstraint(condition=Q(log10_p__lte=0), name="suspect_log10_p_range"),
        ]
        indexes = [
            # read by cases: which keys were found in a model
            models.Index(fields=["id"], condition=Q(finding="found"), name="suspect_found"),
        ]


class SuspectControl(models.Model):
    """Wrong keys of one scheme on the rows that its right keys saw. Grows as a worker goes on."""

    test = models.ForeignKey(
        SuspectTest, on_delete=models.CASCADE, related_name="controls", db_index=False
    )
    name = models.CharField(
        max_length=300, db_collation=BYTEWISE, help_text="scheme, parameters, tokenizer, filter"
    )
    rows = models.PositiveIntegerField(default=0)
    ps = ArrayField(models.FloatField(), default=list, help_text="randomised, in order of the keys")
    zs = ArrayField(models.FloatField(), default=list)
    below = models.PositiveIntegerField(null=True, help_text="how many p are below 0.05")
    ks_p = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["test", "name"], name="suspect_control_unique"),
        ]

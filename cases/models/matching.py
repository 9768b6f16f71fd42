import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from ingest.models import Job

from .case import Case
from .partner import Partner


class MatchPeer(models.Model):
    """The signing key that a partner's statements are held to: the first that it showed over its
    own credential, until a person says another."""

    partner = models.OneToOneField(Partner, on_delete=models.PROTECT, related_name="match_peer")
    signing_key = models.BinaryField(help_text="32 bytes, Ed25519")
    set_at = models.DateTimeField(auto_now=True)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+",
        help_text="null: the first that came",
    )  # fmt: skip


class MatchKey(models.Model):
    """What one partner may match against in one epoch: our set under a key of its own.

    Retired, its secret, its tags and its ledger are gone: nothing is evaluated under it again.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="match_keys")
    epoch = models.PositiveIntegerField()
    sealed_seed = models.BinaryField(help_text="32 bytes; empty once retired")
    public_key = models.BinaryField(help_text="32 bytes, of the OPRF")
    kinds = ArrayField(models.CharField(max_length=16))
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="match_key")
    values = models.PositiveIntegerField(null=True, help_text="how many are really in it")
    held = models.PositiveIntegerField(null=True, help_text="as it is told: padded")
    count_tags = models.BinaryField(default=b"", help_text="16 bytes each, sorted, padded")
    reveal_tags = models.BinaryField(default=b"", help_text="likewise, of the OPRF")
    ledger = models.BinaryField(
        default=b"", help_text="our own: 16 bytes of tag and 8 of an attribute's id, by tag"
    )
    count_sha256 = models.CharField(max_length=64, blank=True, default="")
    reveal_sha256 = models.CharField(max_length=64, blank=True, default="")
    made_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # the door finds the one key of a partner
            models.UniqueConstraint(
                fields=["partner"], condition=Q(retired_at=None), name="match_key_one_lives"
            ),
            models.CheckConstraint(
                condition=Q(retired_at=None) | Q(sealed_seed=b""), name="match_key_retired_is_gone"
            ),
        ]


class MatchSession(models.Model):
    """One private matching with a partner, asked by us or of us; transcript is the truth of it."""

    class State(models.TextChoices):
        WAITING = "waiting", "on its way"
        ANSWERED = "answered", "answered, not counted yet"
        COUNTED = "counted", "counted"
        WANTED = "wanted", "names wanted"
        AGREED = "agreed", "names agreed"
        REFUSED = "refused", "names refused"
        NAMED = "named", "named"
        FAILED = "failed", "failed"

    uid = models.UUIDField(default=uuid.uuid4, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="match_sessions")
    ours = models.BooleanField(help_text="we asked")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    case = models.ForeignKey(
        Case, null=True, on_delete=models.PROTECT, related_name="match_sessions",
        help_text="whose values we asked about; null: the partner asked",
    )  # fmt: skip
    job = models.OneToOneField(
        Job, null=True, on_delete=models.PROTECT, related_name="match_session"
    )
    poll_at = models.DateTimeField(null=True, help_text="not looked at before")
    polls = models.PositiveIntegerField(default=0)
    epoch = models.PositiveIntegerField()
    key = models.ForeignKey(
        MatchKey, null=True, on_delete=models.PROTECT, related_name="sessions",
        help_text="that we answer under; null: we asked",
    )  # fmt: skip
    kinds = ArrayField(models.CharField(max_length=16), default=list)
    asked = models.PositiveIntegerField(default=0, help_text="padded")
    values = models.PositiveIntegerField(null=True, help_text="how many really; ours alone")
    count = models.PositiveIntegerField(null=True, help_text="as the asker counted")
    attributes = models.JSONField(default=list, help_text="ids of the attributes asked about; ours")
    found = models.JSONField(null=True, help_text="ids of our attributes that both hold")
    sealed_scalar = models.BinaryField(default=b"", help_text="ours; empty once counted")
    points = models.BinaryField(default=b"", help_text="what was asked, until it is answered")
    answer = models.BinaryField(default=b"", help_text="what was answered, until it is counted")
    evaluated = models.JSONField(
        default=dict, help_text="{place: SHA-256 of the points evaluated there}; each once"
    )
    transcript = models.JSONField(default=list, help_text="signed statements, in order")
    problem = models.CharField(max_length=300, blank=True, default="")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+",
        help_text="null: the partner",
    )  # fmt: skip
    asked_at = models.DateTimeField(auto_now_add=True)
    agreed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+",
        help_text="our second person, or whoever answered the partner's wish",
    )  # fmt: skip
    agreed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # a statement finds its session; an id is used once
            models.UniqueConstraint(fields=["partner", "uid"], name="match_session_once"),
            models.CheckConstraint(
                condition=Q(agreed_by__isnull=True)
                | Q(asked_by__isnull=True)
                | ~Q(agreed_by=F("asked_by")),
                name="match_session_second_person",
            ),
            models.CheckConstraint(
                condition=Q(ours=True, key__isnull=True) | Q(ours=False, case__isnull=True),
                name="match_session_one_side",
            ),
        ]
        indexes = [
            # the quota of a partner and epoch; its page
            models.Index(fields=["partner", "epoch", "ours"], name="match_session_quota"),
        ]

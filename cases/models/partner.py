from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from ingest.models import Detector, MachineToken

from .case import Case


class Partner(MachineToken):
    """Another lab that we share with: how it is known here, and what its policy lets through.

    The token of MachineToken is what it shows at our doors (Basic, with the slug as user name).
    """

    class Field(models.TextChoices):
        """What may leave besides the campaign itself, its confidence and its label."""

        ACCOUNTS = "accounts", "tokens of core accounts"
        PAYMENT = "payment", "tokens of payment cards"
        TEMPLATES = "templates", "hashes of templates"
        SIZE = "size", "the size, to two figures"
        WINDOW = "window", "first and last day"
        VERDICT = "verdict", "the verdict"
        ACTIONS = "actions", "the kinds of action taken"

    class Return(models.TextChoices):
        """What goes back by itself about what it sent us."""

        SIGHTINGS = "sightings", "that we see it too"
        OPINIONS = "opinions", "what we made of it"

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=120, help_text="the name of its STIX identity")
    detector = models.OneToOneField(
        Detector,
        on_delete=models.PROTECT,
        related_name="partner",
        help_text="the source that its signals are written under",
    )
    enabled = models.BooleanField(default=True)

    sealed_secret = models.BinaryField(help_text="32 bytes that both desks hold, sealed")
    epoch = models.PositiveIntegerField(default=1, help_text="tokens of two epochs do not compare")
    epoch_started_at = models.DateTimeField(auto_now_add=True)

    clearance = models.CharField(
        max_length=12,
        choices=Case.TLP.choices,
        default=Case.TLP.AMBER,
        help_text="the narrowest label that it may be sent",
    )
    may_send = models.BooleanField(default=True, help_text="objects to our collection")
    may_delete = models.BooleanField(default=False, help_text="what it sent there itself")
    fields = ArrayField(
        models.CharField(max_length=12, choices=Field.choices), default=list, blank=True
    )
    returns = ArrayField(
        models.CharField(max_length=12, choices=Return.choices), default=list, blank=True
    )
    keep_days = models.PositiveSmallIntegerField(
        default=90, help_text="after which a share to it has expired"
    )
    legal_basis = models.CharField(
        max_length=300, blank=True, default="", help_text="the agreement that sharing rests on"
    )
    match_kinds = ArrayField(
        models.CharField(max_length=16),
        default=list,
        blank=True,
        help_text="kinds of few values that may be matched with it all the same",
    )
    match_asks = models.PositiveIntegerField(default=20, help_text="private matches in an epoch")
    match_items = models.PositiveIntegerField(
        default=100_000, help_text="values asked for in an epoch"
    )

    taxii_url = models.URLField(
        max_length=300, blank=True, default="", help_text="the API root of its server"
    )
    sealed_login = models.BinaryField(
        blank=True, default=b"", help_text="user:password that we show there, sealed"
    )
    allowed_private_hosts = ArrayField(
        models.CharField(max_length=100),
        default=list,
        blank=True,
        help_text="private addresses that its server alone may have, by name",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True, help_text="of the policy or its secrets")

    class Meta:
        ordering = ["slug"]
        constraints = [
            # read by the TAXII and matching doors at every request
            models.UniqueConstraint(
                fields=["token_digest"], condition=~Q(token_digest=""), name="partner_token_unique"
            ),
            models.CheckConstraint(condition=Q(epoch__gte=1), name="partner_epoch_from_1"),
        ]

    def __str__(self):
        return self.name


class PartnerExchange(models.Model):
    """One thing that went to a partner, came from it, or changed between us. Only ever added."""

    class Way(models.TextChoices):
        OUT = "out", "to the partner"
        IN = "in", "from the partner"
        HERE = "here", "at this desk"

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="exchanges")
    way = models.CharField(max_length=4, choices=Way.choices)
    kind = models.CharField(max_length=32, help_text="past tense: objects_read, share_pushed")
    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="null: the partner's machine or the desk itself",
    )
    objects_count = models.PositiveIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True, default="", help_text="of what was sent")
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        indexes = [
            # read by the partner's page, newest first
            models.Index(fields=["partner", "-id"], name="exchange_by_partner"),
        ]

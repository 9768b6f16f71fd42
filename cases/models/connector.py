from django.conf import settings as desk_settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

PERSON = desk_settings.AUTH_USER_MODEL


class Connector(models.Model):
    """Where orders go. The secret is kept encrypted (AES-GCM)."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", "signed webhook"
        LITELLM_LIST = "litellm-list", "LiteLLM proxy, by a list that it reads"
        LITELLM = "litellm", "LiteLLM proxy, by its admin calls"
        ENVOY = "envoy", "Envoy rate limit service"

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    url = models.URLField(max_length=300)
    sealed_secret = models.BinaryField()
    settings = models.JSONField(
        default=dict, blank=True, help_text="what its kind needs besides; no secrets"
    )
    allowed_private_hosts = ArrayField(
        models.CharField(max_length=100),
        default=list,
        blank=True,
        help_text="private addresses that this connector alone may reach, by name",
    )
    enabled = models.BooleanField(default=True)
    off_because = models.CharField(
        max_length=200, blank=True, default="", help_text="who or what switched it off"
    )
    switched_by = models.ForeignKey(
        PERSON,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="null: the platform's own answer, or the command line",
    )
    switched_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0, help_text="in a row")
    open_until = models.DateTimeField(null=True, help_text="the circuit breaker rests until then")
    probe_asked_at = models.DateTimeField(null=True, help_text="a worker is to ask it something")
    probed_at = models.DateTimeField(null=True)
    probe_ok = models.BooleanField(null=True)
    probe_says = models.CharField(max_length=300, blank=True, default="")

    def __str__(self):
        return self.name


class Exchange(models.Model):
    """One request to a platform and its answer, as it is kept for people: no header, no secret."""

    class Step(models.TextChoices):
        READ = "read", "read"
        SEND = "send", "send"
        PROBE = "probe", "probe"

    connector = models.ForeignKey(
        Connector, on_delete=models.CASCADE, related_name="exchanges", db_index=False
    )
    item = models.ForeignKey(
        "EnforcementItem",
        null=True,
        on_delete=models.CASCADE,
        related_name="exchanges",
        db_index=False,
        help_text="null: a probe",
    )
    attempt = models.PositiveIntegerField(default=0, help_text="of the item")
    step = models.CharField(max_length=8, choices=Step.choices)
    at = models.DateTimeField()
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=300)
    request = models.TextField(blank=True, default="")
    status = models.PositiveIntegerField(null=True, help_text="null: no answer came")
    answer = models.TextField(blank=True, default="")
    error = models.CharField(max_length=300, blank=True, default="")
    milliseconds = models.PositiveIntegerField()

    class Meta:
        indexes = [
            # read by the connectors' page: the last of each
            models.Index(fields=["connector", "-id"], name="exchange_connector"),
            # read by an item's page: all of it, in order
            models.Index(
                fields=["item", "id"], condition=Q(item__isnull=False), name="exchange_item"
            ),
        ]

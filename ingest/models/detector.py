from django.db import models
from django.db.models import Q

from .token import MachineToken


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

from django.conf import settings
from django.db import models
from django.db.models import Q

from ingest.models import Batch

from .case import Case
from .partner import Partner


class Tip(models.Model):
    """What somebody told us that is no STIX: an e-mail, a table, a MISP event, entered by hand.

    Kept as it came, with where it is from. What matches an account of ours becomes Signals of the
    family partner; what matches nothing stays a tip and is looked up again when asked.
    """

    class Form(models.TextChoices):
        TEXT = "text", "e-mail or note"
        CSV = "csv", "table (CSV)"
        MISP = "misp", "MISP event"

    class State(models.TextChoices):
        OPEN = "open", "no match"
        TAKEN = "taken", "signals written"
        ASIDE = "aside", "set aside"

    form = models.CharField(max_length=4, choices=Form.choices)
    state = models.CharField(max_length=5, choices=State.choices, default=State.OPEN)
    title = models.CharField(max_length=200)
    partner = models.ForeignKey(
        Partner, null=True, on_delete=models.PROTECT, related_name="tips",
        help_text="who told us; null: nobody that we have an agreement with",
    )  # fmt: skip
    told_by = models.CharField(max_length=120, help_text="who told us, in words")
    origin = models.CharField(
        max_length=120, blank=True, default="",
        help_text="who saw it first, where that is another; the same root counts once",
    )  # fmt: skip
    hops = models.PositiveSmallIntegerField(default=1, help_text="1: told by who saw it")
    tlp = models.CharField(max_length=12, choices=Case.TLP.choices, default=Case.TLP.AMBER)
    seen_at = models.DateTimeField(help_text="when it was seen, by what they say")
    body = models.TextField(help_text="as it came")
    sha256 = models.CharField(max_length=64)
    observables = models.JSONField(default=list, help_text="[[kind, value]]")
    words = models.JSONField(default=list, help_text="bare words: one may be an account's id")
    problems = models.JSONField(default=list, help_text="what was left out, and why")
    batch = models.ForeignKey(
        Batch, null=True, on_delete=models.PROTECT, related_name="+",
        help_text="the signals that it became",
    )  # fmt: skip
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    entered_at = models.DateTimeField(auto_now_add=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    settled_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints = [
            # the same text from the same source is one tip
            models.UniqueConstraint(
                fields=["sha256", "told_by"],
                name="tip_once",
                violation_error_message="told already",
            ),
            models.CheckConstraint(condition=Q(hops__gte=1), name="tip_hops_from_1"),
        ]

    @property
    def ref(self) -> str:
        return f"T-{self.pk}"

    @property
    def root(self) -> str:
        """Who saw it first: two tips of one root are heard once."""
        return self.origin or self.told_by

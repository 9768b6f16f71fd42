from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Operator(models.Model):
    """A hypothesis above cases: one actor, several waves or pools."""

    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="null: a wave was found after an action",
    )

    def __str__(self):
        return self.name


class CaseQuerySet(models.QuerySet):
    def open(self):
        return self.filter(status__in=Case.OPEN, merged_into=None)

    def visible_to(self, user):
        """Cases that this person may know of. A restricted case is seen only by its list."""
        on_list = Case.readers.through.objects.filter(case=models.OuterRef("pk"), user=user)
        return self.filter(Q(restricted=False) | models.Exists(on_list))

    def awake(self):
        now = timezone.now()
        return self.filter(Q(snoozed_until=None) | Q(snoozed_until__lte=now))

    def for_queue(self):
        """Rows for the queue page, highest priority first, in one query."""
        return self.select_related("owner").order_by("-priority", "-id")


class Case(models.Model):
    """A candidate campaign: a population of accounts with uncertain membership."""

    class Status(models.TextChoices):
        NEW = "new", "new"
        IN_REVIEW = "in_review", "in review"
        ESCALATED = "escalated", "escalated"
        DECIDED = "decided", "decided"
        CLOSED = "closed", "closed"
        REOPENED = "reopened", "reopened"

    class Verdict(models.TextChoices):
        UNDECIDED = "undecided", "undecided"
        CONFIRMED = "confirmed", "confirmed"
        BENIGN = "benign", "benign"
        OTHER_ABUSE = "other_abuse", "other abuse"
        INCONCLUSIVE = "inconclusive", "inconclusive"

    class TLP(models.TextChoices):
        """TLP 2.0 (FIRST), narrowest audience first."""

        RED = "red", "TLP:RED"
        AMBER_STRICT = "amber+strict", "TLP:AMBER+STRICT"
        AMBER = "amber", "TLP:AMBER"
        GREEN = "green", "TLP:GREEN"
        CLEAR = "clear", "TLP:CLEAR"

    OPEN = (Status.NEW, Status.IN_REVIEW, Status.ESCALATED, Status.REOPENED)

    number = models.PositiveIntegerField(unique=True, help_text="1042 of C-1042")
    name = models.CharField(max_length=120, help_text="two words to say aloud, never a verdict")
    reason = models.CharField(max_length=300, help_text="why it is here, in one line")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.NEW)
    verdict = models.CharField(max_length=12, choices=Verdict.choices, default=Verdict.UNDECIDED)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="owned_cases",
    )
    claimed_until = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    tlp = models.CharField(max_length=12, choices=TLP.choices, default=TLP.AMBER)
    legal_hold = models.BooleanField(default=False)
    restricted = models.BooleanField(default=False)
    readers = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="readable_cases"
    )
    operator = models.ForeignKey(
        Operator, null=True, blank=True, on_delete=models.PROTECT, related_name="cases"
    )
    wave = models.PositiveIntegerField(
        null=True, blank=True, help_text="place among its operator's waves, from 1"
    )
    predecessor = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="successors"
    )
    after_order = models.ForeignKey(
        "Enforcement",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="waves",
        help_text="the action on the predecessor that this wave followed",
    )
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="absorbed"
    )
    opened_at = models.DateTimeField(auto_now_add=True)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="null: grouping opened it",
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    # What the last grouping run computed. The queue reads only these.
    priority = models.FloatField(default=0)
    p_abuse = models.FloatField(default=0, help_text="1 − P(every benign explanation)")
    harm_per_day = models.FloatField(
        default=0, help_text="output tokens a day over the last active 7 days, reasoning weighted"
    )
    growth = models.FloatField(
        null=True, help_text="last 7 days over the 7 before, minus 1; null: not known"
    )
    core = models.PositiveIntegerField(default=0)
    likely = models.PositiveIntegerField(default=0)
    possible = models.PositiveIntegerField(default=0)
    expected_members = models.FloatField(default=0, help_text="Σ membership probability")
    new_since_decision = models.PositiveIntegerField(default=0)
    merges_proposed = models.PositiveIntegerField(
        default=0, help_text="open proposals to merge it with another case"
    )
    trend = ArrayField(
        models.FloatField(), default=list, blank=True, help_text="requests a day, 14 days"
    )
    first_activity_at = models.DateTimeField(null=True)
    last_activity_at = models.DateTimeField(null=True)
    explanation = models.JSONField(
        default=dict, blank=True, help_text="figures behind priority, evidence and benign fits"
    )
    search_text = models.TextField(
        blank=True,
        default="",
        help_text="ref, name, reason, attributes: what the queue's box finds",
    )

    objects = CaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(p_abuse__gte=0, p_abuse__lte=1), name="case_p_abuse_range"
            ),
            # a verdict exists exactly from the decision on
            models.CheckConstraint(
                condition=~Q(status__in=["decided", "closed"]) | ~Q(verdict="undecided"),
                name="case_decided_has_verdict",
            ),
        ]
        indexes = [
            # read by the queue: open cases by priority, paged by key
            models.Index(
                fields=["-priority", "-id"],
                condition=Q(status__in=["new", "in_review", "escalated", "reopened"]),
                name="case_queue",
            ),
            # read by the queue in the order of due times, by "due today" and "overdue"
            models.Index(
                fields=["due_at", "id"],
                condition=Q(status__in=["new", "in_review", "escalated", "reopened"]),
                name="case_due",
            ),
            # read by the queue in the order of harm
            models.Index(
                fields=["-harm_per_day", "-id"],
                condition=Q(status__in=["new", "in_review", "escalated", "reopened"]),
                name="case_harm",
            ),
            # read by the queue's tab "new since decision"
            models.Index(
                fields=["-priority", "-id"],
                condition=Q(new_since_decision__gt=0),
                name="case_grown",
            ),
            # read by the queue's tab "merge proposed"
            models.Index(
                fields=["-priority", "-id"],
                condition=Q(merges_proposed__gt=0),
                name="case_merge_proposed",
            ),
            # read by the queue's tab "decided"
            models.Index(
                fields=["-priority", "-id"],
                condition=Q(status__in=["decided", "closed"]),
                name="case_decided",
            ),
            # read by the queue's tab "snoozed" and by what wakes next
            models.Index(
                fields=["snoozed_until"],
                condition=Q(status__in=["new", "in_review", "escalated", "reopened"]),
                name="case_snoozed",
            ),
            # read by the queue's search box
            GinIndex(fields=["search_text"], opclasses=["gin_trgm_ops"], name="case_search_trgm"),
            # read by "mine" and by take next
            models.Index(fields=["owner", "status"], name="case_by_owner"),
        ]

    def __str__(self):
        return self.ref

    @property
    def ref(self) -> str:
        return f"C-{self.number}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN

    @property
    def members_total(self) -> int:
        return self.core + self.likely + self.possible

    @property
    def level(self) -> str:
        """P1, P2 or P3, the service level that a priority falls in."""
        return "P1" if self.priority >= 30 else "P2" if self.priority >= 10 else "P3"

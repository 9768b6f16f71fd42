"""Confirm by sample: who of a case's members was drawn, and what people said of them, blind."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from .case import Case
from .member import Member


class SampleQuerySet(models.QuerySet):
    def standing(self):
        return self.exclude(state=Sample.State.CANCELLED)

    def finished(self):
        return self.filter(state=Sample.State.FINISHED)


class Sample(models.Model):
    """A stratified random sample of a case's members. Seed and frames give the same draw again."""

    class State(models.TextChoices):
        OPEN = "open", "being read"
        FINISHED = "finished", "finished"
        CANCELLED = "cancelled", "cancelled"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="samples", db_index=False)
    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    seed = models.CharField(max_length=32, help_text="made by the desk, never chosen by a person")
    frame_digest = models.CharField(
        max_length=64, help_text="SHA-256 of the frames, stratum by stratum"
    )
    members = models.PositiveIntegerField(help_text="in the frames of all strata")
    size = models.PositiveIntegerField()
    drawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    drawn_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    result = models.JSONField(
        default=dict, help_text="head counts and intervals as of the last reading that ended"
    )

    objects = SampleQuerySet.as_manager()

    class Meta:
        constraints = [
            # two open samples of one case would be two chances to stop at the better one
            models.UniqueConstraint(
                fields=["case"], condition=Q(state="open"), name="sample_one_open"
            ),
            models.CheckConstraint(condition=Q(size__gt=0), name="sample_not_empty"),
        ]
        indexes = [
            # read by the case page and by orders: the newest of a case
            models.Index(fields=["case", "-id"], name="sample_by_case"),
        ]


class SampleStratum(models.Model):
    """The members of one tier as they were when the sample was drawn, and how many were drawn."""

    sample = models.ForeignKey(
        Sample, on_delete=models.PROTECT, related_name="strata", db_index=False
    )
    tier = models.CharField(max_length=8, choices=Member.Tier.choices)
    members = models.PositiveIntegerField()
    drawn = models.PositiveIntegerField()
    frame = ArrayField(models.BigIntegerField(), help_text="accounts, ascending")

    class Meta:
        constraints = [
            # read by the results, tier by tier
            models.UniqueConstraint(fields=["sample", "tier"], name="sample_stratum_unique"),
            models.CheckConstraint(
                condition=Q(drawn__lte=models.F("members")), name="sample_stratum_within"
            ),
        ]


class SampleItem(models.Model):
    """One account that was drawn. Its place mixes the tiers, so that the order tells nothing."""

    sample = models.ForeignKey(
        Sample, on_delete=models.PROTECT, related_name="items", db_index=False
    )
    stratum = models.ForeignKey(SampleStratum, on_delete=models.PROTECT, related_name="items")
    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="+")
    inclusion_probability = models.FloatField()
    place = models.PositiveIntegerField(help_text="from 1, in the order in which it is read")

    class Meta:
        constraints = [
            # read by the review page, one place after the other
            models.UniqueConstraint(fields=["sample", "place"], name="sample_item_place_unique"),
            models.UniqueConstraint(fields=["sample", "member"], name="sample_item_member_unique"),
            models.CheckConstraint(
                condition=Q(inclusion_probability__gt=0, inclusion_probability__lte=1),
                name="sample_item_probability",
            ),
        ]


class Reading(models.Model):
    """One person's blind pass over a sample. Nobody sees another's answers before the own end."""

    sample = models.ForeignKey(
        Sample, on_delete=models.PROTECT, related_name="readings", db_index=False
    )
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="readings"
    )
    second = models.BooleanField(default=False)
    assigned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    assigned_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # a person's second word on the same sample would not be another person's
            models.UniqueConstraint(fields=["sample", "reader"], name="reading_unique"),
            models.UniqueConstraint(
                fields=["sample"], condition=Q(second=False), name="reading_one_first"
            ),
        ]


class SampleAnswer(models.Model):
    class Answer(models.TextChoices):
        IN = "in", "in"
        OUT = "out", "out"
        UNSURE = "unsure", "unsure"
        OTHER_ABUSE = "other", "other abuse"

    reading = models.ForeignKey(
        Reading, on_delete=models.PROTECT, related_name="answers", db_index=False
    )
    item = models.ForeignKey(SampleItem, on_delete=models.PROTECT, related_name="answers")
    answer = models.CharField(max_length=6, choices=Answer.choices)
    answered_at = models.DateTimeField()

    class Meta:
        constraints = [
            # one answer a person and account; read by the results
            models.UniqueConstraint(fields=["reading", "item"], name="sample_answer_unique"),
        ]

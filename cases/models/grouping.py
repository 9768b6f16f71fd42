from django.db import models

from ingest.models import Census

from .calibration import Activation


class GroupingRun(models.Model):
    """One run of grouping: what it took and what it changed."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    census = models.ForeignKey(Census, null=True, on_delete=models.PROTECT)
    method = models.CharField(max_length=40)
    prior = models.FloatField(null=True, help_text="MEMBERSHIP_PRIOR as it was")
    activation = models.ForeignKey(
        Activation,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="the newest calibration that it counted by; null: the stated priors",
    )
    whole = models.BooleanField(default=True, help_text="everything was grouped, not only news")
    signals = models.PositiveIntegerField(default=0)
    accounts = models.PositiveIntegerField(default=0)
    opened = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    report = models.JSONField(default=dict)


class LookedAt(models.Model):
    """An account that the answer of a unit depended on. No keys to other tables: rows of this and
    the next table come and go by tens of thousands with every run.
    """

    unit = models.IntegerField()
    account_id = models.BigIntegerField()
    bound = models.BooleanField(help_text="of the unit, or asked for by it: in one unit only")

    class Meta:
        constraints = [
            # read by grouping: which units did these accounts touch
            models.UniqueConstraint(fields=["account_id", "unit"], name="looked_at_unique"),
        ]
        indexes = [
            # read by grouping: who is of these units
            models.Index(fields=["unit"], name="looked_at_by_unit"),
        ]


class SearchedBy(models.Model):
    """A value by which a unit looks for newcomers: an attribute's key, or the code of an
    observation about a cluster, which is below zero; with its domain of evidence.
    """

    unit = models.IntegerField()
    value = models.BigIntegerField()
    domain = models.SmallIntegerField()

    class Meta:
        constraints = [
            # read by grouping: which units would find whoever takes up these values
            models.UniqueConstraint(fields=["value", "unit", "domain"], name="searched_by_unique"),
        ]
        indexes = [
            # read by grouping: what a unit that is grouped again had searched
            models.Index(fields=["unit"], name="searched_by_unit"),
        ]


class FrozenPrevalence(models.Model):
    """The prevalence of a value that no census counted, as a detector told it when grouping first
    used it: it holds until the next census, whatever other detectors tell.
    """

    attribute_id = models.BigIntegerField(primary_key=True)
    carriers = models.FloatField()
    population = models.FloatField()

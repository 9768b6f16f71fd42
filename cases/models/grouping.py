from django.db import models

from ingest.models import Census


class GroupingRun(models.Model):
    """One run of grouping: what it took and what it changed."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    census = models.ForeignKey(Census, null=True, on_delete=models.PROTECT)
    method = models.CharField(max_length=40)
    signals = models.PositiveIntegerField(default=0)
    accounts = models.PositiveIntegerField(default=0)
    opened = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    report = models.JSONField(default=dict)

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q


class Notice(models.Model):
    """A letter to customers, in versions. Orders name an approved version."""

    slug = models.SlugField(max_length=64, unique=True)
    title = models.CharField(max_length=120)
    kinds = ArrayField(models.CharField(max_length=10), help_text="kinds of order that it is for")
    language = models.CharField(max_length=12, default="en", help_text="BCP 47")
    retired_at = models.DateTimeField(null=True)

    def __str__(self):
        return self.title


class NoticeVersion(models.Model):
    """One wording. A second person approves it; what was approved is never edited."""

    notice = models.ForeignKey(
        Notice, on_delete=models.PROTECT, related_name="versions", db_index=False
    )
    version = models.PositiveIntegerField()
    text = models.TextField(max_length=4000)
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    written_at = models.DateTimeField(auto_now_add=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    approved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notice", "version"], name="notice_version_unique"),
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=F("written_by")),
                name="notice_second_person",
            ),
        ]

    def __str__(self):
        return f"{self.notice.title}, version {self.version}"

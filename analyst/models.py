"""What people keep for themselves on the desk. Nothing here is about a case."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class SavedView(models.Model):
    """A filter of the queue under a name: one's own, or the team's."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="saved_views"
    )
    name = models.CharField(max_length=40)
    team = models.BooleanField(default=False, help_text="everybody sees it")
    query = models.CharField(
        max_length=1000, help_text="the parameters of its URL, as the queue says"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    forgotten_at = models.DateTimeField(null=True, help_text="set: it can be brought back")

    class Meta:
        constraints = [
            # two of one name could not be told apart
            models.UniqueConstraint(
                fields=["owner", "name"],
                condition=Q(forgotten_at=None),
                name="savedview_owner_name_unique",
            ),
        ]

    def __str__(self):
        return self.name


class OpenJudgement(models.Model):
    """A person lets leads see how they judge. Without a row it is theirs alone."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.PROTECT, related_name="+"
    )
    opened_at = models.DateTimeField(auto_now_add=True)

from django.conf import settings
from django.db import models
from django.db.models import Q

from ingest.models import Account, Attribute

from .case import Case


class MemberQuerySet(models.QuerySet):
    def current(self):
        """Members now: those that grouping left out stay as rows, for history."""
        return self.filter(left_at=None)


class Member(models.Model):
    """An account in a case, with how sure we are and why. It may be in several cases."""

    class Tier(models.TextChoices):
        CORE = "core"  # probability ≥ 0.95
        LIKELY = "likely"  # ≥ 0.70
        POSSIBLE = "possible"  # ≥ 0.20

    class Verdict(models.TextChoices):
        IN = "in"
        OUT = "out"
        UNSURE = "unsure"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="members", db_index=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="memberships")
    probability = models.FloatField()
    tier = models.CharField(max_length=8, choices=Tier.choices)
    evidence = models.JSONField(
        default=list,
        help_text="[{family, bits, capped, why}] in the order shown; bits add up to the log-odds",
    )
    method = models.CharField(max_length=40, help_text="version of the grouping that said so")
    flagged = models.BooleanField(default=True, help_text="false: came in by expansion")
    joined_at = models.DateTimeField(auto_now_add=True)
    left_at = models.DateTimeField(null=True, blank=True)
    since_decision = models.BooleanField(default=False)
    verdict = models.CharField(max_length=6, choices=Verdict.choices, blank=True, default="")
    verdict_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    verdict_at = models.DateTimeField(null=True, blank=True)
    verdict_alone = models.BooleanField(
        default=False,
        db_default=False,
        help_text="set on this member by itself, not on a selection of several",
    )

    objects = MemberQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "account"], name="member_unique"),
            models.CheckConstraint(
                condition=Q(probability__gte=0, probability__lte=1), name="member_probability_range"
            ),
        ]
        indexes = [
            # read by the case page: members by probability, paged by key
            models.Index(
                fields=["case", "-probability", "-id"],
                condition=Q(left_at=None),
                name="member_by_probability",
            ),
            # read by calibration: accounts that a person reviewed one by one
            models.Index(
                fields=["account"], condition=Q(verdict_alone=True), name="member_judged_alone"
            ),
        ]


class Link(models.Model):
    """Why a member is tied to the others: it carries an attribute that they carry.

    Stored account by attribute, d rows and not d²: two members with the same attribute in one case
    are tied by it.
    """

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="links", db_index=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    attribute = models.ForeignKey(Attribute, on_delete=models.PROTECT, related_name="+")
    bits = models.FloatField(
        null=True, help_text="rarity, log2(m/u); null: prevalence unknown or too common to link"
    )
    members = models.PositiveIntegerField(help_text="members of this case that carry it")
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # read by the members table and by "tied by"
            models.UniqueConstraint(
                fields=["case", "account", "attribute"], name="link_case_account_attribute_unique"
            ),
        ]

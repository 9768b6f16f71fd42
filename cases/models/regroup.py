from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q

from ingest.models import Account, Census, Job, Withdrawal

from .allow import AllowEntry
from .calibration import Calibration
from .case import Case
from .grouping import GroupingRun
from .member import Member


class GroupingTerms(models.Model):
    """What grouping is told besides the facts. The newest row holds; the setting, before any."""

    prior = models.FloatField(help_text="P(member of one given campaign) before any evidence")
    rationale = models.CharField(max_length=2000)
    set_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(prior__gte=1e-9, prior__lte=0.5), name="terms_prior_range"
            ),
        ]

    @property
    def one_in(self) -> float:
        return 1 / self.prior


class RegroupPreview(models.Model):
    """What a change would do to the cases, computed before anybody applies it."""

    class Kind(models.TextChoices):
        THRESHOLD = "threshold", "another threshold"
        CALIBRATION = "calibration", "another calibration"
        WITHDRAW = "withdraw", "withdraw a release"
        LIFT = "lift", "restore a release"
        ALLOW = "allow", "add to the allow-list"
        END = "end", "end an allow-list entry"
        HIDDEN = "hidden", "what the allow-list hides"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    prior = models.FloatField(null=True, help_text="the threshold that is tried")
    calibration = models.ForeignKey(
        Calibration, null=True, on_delete=models.PROTECT, related_name="previews"
    )
    withdrawal = models.ForeignKey(
        Withdrawal, null=True, on_delete=models.PROTECT, related_name="previews"
    )
    entry = models.ForeignKey(
        AllowEntry, null=True, on_delete=models.PROTECT, related_name="previews"
    )
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="regroup_preview")
    stalls = models.PositiveSmallIntegerField(default=0, help_text="workers that died on it")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="null: the desk counts by itself what the allow-list hides",
    )
    requested_at = models.DateTimeField(auto_now_add=True)

    # what it was computed from
    read_at = models.DateTimeField(null=True)
    run = models.ForeignKey(GroupingRun, null=True, on_delete=models.PROTECT, related_name="+")
    census = models.ForeignKey(Census, null=True, on_delete=models.PROTECT, related_name="+")
    basis = models.JSONField(default=dict, help_text="method, prior and counts that it rests on")
    summary = models.JSONField(default=dict, help_text="how many cases and accounts, by change")

    applied_at = models.DateTimeField(null=True)
    applied_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    rationale = models.CharField(max_length=2000, blank=True, default="")
    told_at = models.DateTimeField(
        null=True, help_text="when the cases that relied on the release were told"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(applied_at=None, applied_by=None, rationale="")
                | (Q(applied_at__isnull=False, applied_by__isnull=False) & ~Q(rationale="")),
                name="preview_applied_with_rationale",
            ),
            models.CheckConstraint(
                condition=(
                    Q(kind="threshold", prior__isnull=False)
                    | Q(kind="calibration", calibration__isnull=False)
                    | Q(kind__in=["withdraw", "lift"], withdrawal__isnull=False)
                    | Q(kind__in=["allow", "end"], entry__isnull=False)
                    | Q(kind="hidden")
                ),
                name="preview_names_what_changes",
            ),
        ]
        indexes = [
            # read by the sweep: applied, and the cases not told yet
            models.Index(
                fields=["id"],
                condition=Q(applied_at__isnull=False, told_at=None, kind__in=["withdraw", "lift"]),
                name="preview_to_tell",
            ),
        ]

    def __str__(self):
        return self.ref

    @property
    def ref(self) -> str:
        return f"R-{self.pk}"


class PreviewCase(models.Model):
    """One case in the difference. case null: a case that would open."""

    class Fate(models.TextChoices):
        OPENS = "opens", "opens"
        CHANGES = "changes", "changes"
        SPLITS = "splits", "splits"
        MERGES = "merges", "merges"
        CLOSES = "closes", "nothing ties it any more"
        HOLDS = "holds", "a person’s word holds it"

    preview = models.ForeignKey(
        RegroupPreview, on_delete=models.CASCADE, related_name="cases", db_index=False
    )
    place = models.PositiveIntegerField(help_text="in the order shown, from 1")
    case = models.ForeignKey(Case, null=True, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=12, blank=True, default="", help_text="as it was read")
    fate = models.CharField(max_length=8, choices=Fate.choices)
    before = models.PositiveIntegerField(default=0, help_text="members")
    core = models.PositiveIntegerField(default=0)
    likely = models.PositiveIntegerField(default=0)
    possible = models.PositiveIntegerField(default=0)
    joins = models.PositiveIntegerField(default=0)
    leaves = models.PositiveIntegerField(default=0)
    rises = models.PositiveIntegerField(default=0)
    falls = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0, help_text="stay by a person's word alone")
    shifted = models.PositiveIntegerField(default=0, help_text="other probabilities that move")
    others = models.JSONField(
        default=list, help_text="[{ref, accounts, how}]: where accounts come from or go to"
    )
    conflicts = models.JSONField(default=list, help_text="sentences about what people had said")

    class Meta:
        constraints = [
            # read by the preview's page, paged by key
            models.UniqueConstraint(fields=["preview", "place"], name="preview_case_place"),
        ]


class PreviewMember(models.Model):
    """One account that would join, leave or change tier, or stays by a person's word alone."""

    class Change(models.TextChoices):
        JOINS = "joins"
        LEAVES = "leaves"
        RISES = "rises"
        FALLS = "falls"
        KEPT = "kept"

    of = models.ForeignKey(
        PreviewCase, on_delete=models.CASCADE, related_name="members", db_index=False
    )
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    change = models.CharField(max_length=6, choices=Change.choices)
    tier_before = models.CharField(
        max_length=8, choices=Member.Tier.choices, blank=True, default=""
    )
    tier_after = models.CharField(max_length=8, choices=Member.Tier.choices, blank=True, default="")
    p_before = models.FloatField(null=True)
    p_after = models.FloatField(null=True)

    class Meta:
        constraints = [
            # read by the preview's page: the accounts of one case, paged by key
            models.UniqueConstraint(fields=["of", "account"], name="preview_member_unique"),
        ]


class Reliance(models.Model):
    """Something that was done about a case while a withdrawn release spoke of its members."""

    class Kind(models.TextChoices):
        DECISION = "decision", "decision"
        ACTION = "action", "action"
        SHARE = "share", "share"
        PACKET = "packet", "packet"

    withdrawal = models.ForeignKey(
        Withdrawal, on_delete=models.PROTECT, related_name="relied_on", db_index=False
    )
    kind = models.CharField(max_length=8, choices=Kind.choices)
    object_id = models.BigIntegerField(help_text="of the decision, order, share or packet")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    accounts = models.PositiveIntegerField(help_text="members that the release had spoken of")
    members = models.PositiveIntegerField(help_text="of so many in all, at that moment")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["withdrawal", "kind", "object_id"], name="reliance_unique"
            ),
        ]
        indexes = [
            # read by the withdrawal's page and API, newest first, paged by key
            models.Index(fields=["withdrawal", "-made_at", "-id"], name="reliance_by_withdrawal"),
            # read by the pages of actions, shares and packets
            models.Index(fields=["kind", "object_id"], name="reliance_of_object"),
        ]

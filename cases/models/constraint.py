"""What people did to who is in which case: kept as rows, undoable, and binding for grouping."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from ingest.models import Account

from .case import Case
from .member import Member


class ReshapingQuerySet(models.QuerySet):
    def standing(self):
        return self.filter(undone_at=None)

    def of_case(self, case):
        return self.filter(Q(case=case) | Q(other=case))


class Reshaping(models.Model):
    """One act of a person upon the shape of cases. Undoing marks the row, nothing is deleted.

    case: whose members were judged, that was split, that survived a merge, that was linked.
    other: the case that was split off, that was absorbed, or that it was declined to merge with.
    """

    class Kind(models.TextChoices):
        JUDGED = "judged"
        SPLIT = "split"
        MERGED = "merged"
        DECLINED = "declined"
        LINKED = "linked"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    case = models.ForeignKey(
        Case, on_delete=models.PROTECT, related_name="reshapings", db_index=False
    )
    other = models.ForeignKey(
        Case, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    verdict = models.CharField(
        max_length=6, choices=Member.Verdict.choices, blank=True, default="", help_text="judged"
    )
    reason = models.CharField(max_length=500, blank=True, default="")
    before = models.JSONField(default=dict, help_text="fields of the case as they were, for undo")
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    done_at = models.DateTimeField(auto_now_add=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    undone_at = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(
        null=True, help_text="when a grouping run first used it; an undo empties it again"
    )

    objects = ReshapingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(undone_at__isnull=True, undone_by__isnull=True)
                | Q(undone_at__isnull=False, undone_by__isnull=False),
                name="reshaping_undone_by_somebody",
            ),
        ]
        indexes = [
            # read by the case page: what was done to it, newest first
            models.Index(fields=["case", "-id"], name="reshaping_by_case"),
            models.Index(fields=["other", "-id"], name="reshaping_by_other"),
            # read by grouping: what no run has used yet
            models.Index(fields=["id"], condition=Q(taken_at=None), name="reshaping_not_taken"),
        ]


class ReshapedMember(models.Model):
    """A member that an act touched, as it was before: undo puts it back.

    The rows of one member, in order, are the history of the verdicts on it.
    """

    reshaping = models.ForeignKey(Reshaping, on_delete=models.PROTECT, related_name="members")
    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="reshaped", db_index=False
    )
    before = models.CharField(max_length=6, blank=True, default="")
    before_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    before_at = models.DateTimeField(null=True)
    before_alone = models.BooleanField(default=False, db_default=False)
    left_before = models.DateTimeField(null=True, help_text="its left_at as it was")
    created = models.BooleanField(default=False, help_text="the act made it: undo lets it leave")

    class Meta:
        constraints = [
            # read backwards by an undo: is there a later act upon this member
            models.UniqueConstraint(fields=["member", "reshaping"], name="reshaped_member_unique"),
        ]


class Constraint(models.Model):
    """A person's word that grouping obeys for ever, or until it is taken back.

    apart: no account of one side shares a case with one of the other. together: all accounts are
    in one case. Where two contradict each other, the newer one holds.
    """

    class Kind(models.TextChoices):
        APART = "apart", "stay apart"
        TOGETHER = "together", "stay together"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    left = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    right = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    reshaping = models.OneToOneField(
        Reshaping,
        null=True,
        on_delete=models.PROTECT,
        related_name="constraint",
        help_text="null: the desk keeps two waves apart",
    )
    since = models.DateTimeField(auto_now_add=True)
    lifted_at = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(
        null=True, help_text="when a grouping run first used it; more accounts empty it again"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(left=F("right")), name="constraint_two_cases"),
        ]
        indexes = [
            # read by every grouping run
            models.Index(fields=["id"], condition=Q(lifted_at=None), name="constraint_standing"),
            # read by grouping: what no run has used yet
            models.Index(fields=["id"], condition=Q(taken_at=None), name="constraint_not_taken"),
        ]


class ConstraintAccount(models.Model):
    """An account that a constraint is about, on the side of its left or its right case."""

    class Side(models.TextChoices):
        LEFT = "l"
        RIGHT = "r"

    constraint = models.ForeignKey(
        Constraint, on_delete=models.PROTECT, related_name="accounts", db_index=False
    )
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    side = models.CharField(max_length=1, choices=Side.choices)

    class Meta:
        constraints = [
            # read by every grouping run, constraint by constraint
            models.UniqueConstraint(
                fields=["constraint", "account"], name="constraint_account_unique"
            ),
        ]


class MergeProposal(models.Model):
    """Two cases have grown together, and a person decided on one of them: a person merges them."""

    class State(models.TextChoices):
        OPEN = "open", "open"
        ACCEPTED = "accepted", "accepted"
        DECLINED = "declined", "declined"

    left = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    right = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    reasons = models.JSONField(default=dict, help_text="what ties them, as of the last run")
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    proposed_at = models.DateTimeField(auto_now_add=True)
    as_of = models.DateTimeField(help_text="of the reasons")
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    answered_at = models.DateTimeField(null=True)
    reshaping = models.ForeignKey(
        Reshaping, null=True, on_delete=models.PROTECT, related_name="proposals"
    )

    class Meta:
        constraints = [
            # lower key first, so that a pair is one pair
            models.CheckConstraint(condition=Q(left__lt=F("right")), name="merge_proposal_ordered"),
            # one open question a pair
            models.UniqueConstraint(
                fields=["left", "right"],
                condition=Q(state="open"),
                name="merge_proposal_open_unique",
            ),
        ]

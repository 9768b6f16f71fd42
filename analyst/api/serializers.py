"""What the people's API shows and takes, field by field. Accounts' texts are strangers'."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analyst.api.door import Strict
from cases.models import Case, Decision, Member, Note, TimelineEvent
from ingest.models import Account

Choice = serializers.ChoiceField


class Person(serializers.CharField):
    """A username, or null where it was the desk itself."""

    def __init__(self, **options):
        super().__init__(read_only=True, allow_null=True, **options)

    def to_representation(self, user):
        return user.get_username()


class Probability(serializers.FloatField):
    """0 to 1; true is not 1."""

    def __init__(self, **options):
        super().__init__(min_value=0, max_value=1, **options)

    def to_internal_value(self, data):
        if isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class Page(serializers.Serializer):
    next = serializers.URLField(allow_null=True, help_text="the next page; null after the last")


class Tiers(serializers.Serializer):
    core = serializers.IntegerField(help_text="probability 0.95 and more")
    likely = serializers.IntegerField(help_text="0.70 and more")
    possible = serializers.IntegerField(help_text="0.20 and more")


class CaseRow(serializers.Serializer):
    ref = serializers.CharField(help_text="C-1042")
    name = serializers.CharField()
    reason = serializers.CharField(help_text="why it is here, in one line")
    status = Choice(Case.Status.choices)
    verdict = Choice(Case.Verdict.choices)
    owner = Person()
    claimed_until = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    snoozed_until = serializers.DateTimeField(allow_null=True)
    tlp = Choice(Case.TLP.choices)
    legal_hold = serializers.BooleanField()
    restricted = serializers.BooleanField(help_text="seen only by the people on its list")
    priority = serializers.FloatField()
    level = Choice(("P1", "P2", "P3"), help_text="the service level that the priority falls in")
    p_abuse = serializers.FloatField(help_text="1 − P(every benign explanation)")
    harm_per_day = serializers.FloatField(help_text="output tokens a day, reasoning weighted")
    growth = serializers.FloatField(
        allow_null=True, help_text="last 7 days over the 7 before, minus 1; null: not known"
    )
    members = Tiers(source="*")
    expected_members = serializers.FloatField(help_text="Σ membership probability")
    new_since_decision = serializers.IntegerField()
    trend = serializers.ListField(
        child=serializers.FloatField(), help_text="requests a day, 14 days, oldest first"
    )
    first_activity_at = serializers.DateTimeField(allow_null=True)
    last_activity_at = serializers.DateTimeField(allow_null=True)
    opened_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)


class CaseWhole(CaseRow):
    opened_by = Person(help_text="null: grouping opened it")
    operator = serializers.CharField(
        source="operator.name", allow_null=True, default=None, help_text="the actor above cases"
    )
    explanation = serializers.DictField(
        help_text="what the last grouping run computed and why: prior, census, evidence by tier, "
        "benign explanations, priority, extraction, what would change it"
    )


class CasePage(Page):
    results = CaseRow(many=True)


class MemberAccount(serializers.Serializer):
    id = serializers.CharField(source="external_id", help_text="as the platform names it")
    organisation = serializers.CharField()
    plan = serializers.CharField()
    state = Choice(Account.State.choices, help_text="at the platform, as last read")
    state_at = serializers.DateTimeField(allow_null=True)
    is_aggregate = serializers.BooleanField(help_text="a reseller's or gateway's key")
    first_seen_at = serializers.DateTimeField(allow_null=True)
    last_seen_at = serializers.DateTimeField(allow_null=True)


class Evidence(serializers.Serializer):
    """One line of the sum: the bits add up to the log2-odds of membership."""

    family = serializers.CharField(help_text="prior first, then the families of detectors")
    bits = serializers.FloatField()
    capped = serializers.BooleanField(default=False)
    why = serializers.CharField(default="")


class MemberRow(serializers.Serializer):
    account = MemberAccount()
    probability = serializers.FloatField()
    tier = Choice(Member.Tier.choices)
    evidence = Evidence(many=True)
    method = serializers.CharField(help_text="version of the grouping that said so")
    flagged = serializers.BooleanField(help_text="false: no detector flagged it, its ties did")
    joined_at = serializers.DateTimeField()
    since_decision = serializers.BooleanField()
    verdict = Choice(
        [*Member.Verdict.choices, ("", "none")], help_text="an analyst's; grouping never changes it"
    )
    verdict_by = Person()
    verdict_at = serializers.DateTimeField(allow_null=True)


class MemberPage(Page):
    results = MemberRow(many=True)


class Event(serializers.Serializer):
    """One link of the case's chain; docs/api.md shows how to verify it."""

    seq = serializers.IntegerField(help_text="1, 2, 3… without a gap")
    kind = Choice(TimelineEvent.Kind.choices)
    at = serializers.DateTimeField()
    actor = Person(help_text="null: the desk itself")
    actor_id = serializers.IntegerField(allow_null=True, help_text="what the hash covers")
    content = serializers.SerializerMethodField(help_text="null: erased")
    salt = serializers.SerializerMethodField(help_text="64 hex digits; null: erased")
    content_digest = serializers.CharField(help_text="SHA-256(salt ‖ canonical content)")
    previous_hash = serializers.CharField(help_text="empty at the first")
    hash = serializers.CharField(
        help_text="SHA-256(previous_hash|seq|kind|at|actor_id|content_digest)"
    )

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_content(self, event):
        content = getattr(event, "content", None)
        return content.body if content else None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_salt(self, event):
        content = getattr(event, "content", None)
        return bytes(content.salt).hex() if content else None


class EventPage(Page):
    results = Event(many=True)


class DecisionRow(serializers.Serializer):
    id = serializers.IntegerField()
    outcome = Choice(Decision._meta.get_field("outcome").choices)
    rationale = serializers.CharField()
    stated_probability = serializers.FloatField(allow_null=True)
    competing_hypothesis = Choice([*Decision.Hypothesis.choices, ("", "none")])
    decided_by = Person()
    decided_at = serializers.DateTimeField()


class DecisionPage(Page):
    results = DecisionRow(many=True)


class DecisionBody(Strict):
    outcome = Choice(Decision._meta.get_field("outcome").choices)
    rationale = serializers.CharField(max_length=5000)
    stated_probability = Probability(
        allow_null=True, default=None, help_text="how sure you are that it is distillation"
    )
    competing_hypothesis = Choice(Decision.Hypothesis.choices, allow_blank=True, default="")


class RationaleBody(Strict):
    rationale = serializers.CharField(max_length=5000)


class NoteRow(serializers.Serializer):
    id = serializers.IntegerField(help_text="what the timeline's note_added points at")
    author = Person()
    text = serializers.CharField()
    written_at = serializers.DateTimeField()


class NotePage(Page):
    results = NoteRow(many=True)


class NoteBody(Strict):
    text = serializers.CharField(max_length=Note._meta.get_field("text").max_length)

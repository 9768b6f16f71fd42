"""Forms about orders. What may be done, the services say."""

from django import forms

from analyst.forms import DeskForm, ReviewForm, long_text, words
from cases.errors import CaseError
from cases.kinds import INSIDE
from cases.models import Appeal, Connector, Enforcement, Member, NoticeVersion, Protected
from cases.services.notices import usable_versions
from cases.services.targets import QUERY, Choice, named_lines

Kind, Target = Enforcement.Kind, Enforcement.Target
BY = [
    ("tiers", "by tier"), ("query", "by a query over the tiers"), ("selection", "one by one"),
]  # fmt: skip
PLANS = [("at_once", "all at once: a ramp warns a pool"), ("stages", "in stages, surest first")]


def _moment(label: str, help_text: str) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        help_text=help_text,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


def _number(label: str, help_text: str = "", most: int = 1_000_000_000) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, required=False, min_value=0, max_value=most, help_text=help_text
    )


def choice_of(data) -> Choice:
    """Whom a form as it was sent means. Raises CaseError with what is wrong."""
    tiers = data.getlist("tiers") if hasattr(data, "getlist") else data.get("tiers", [])
    target = data.get("target_kind") or Target.ACCOUNT.value
    if target not in Target.values:
        raise CaseError("Targets are accounts, keys, end users or organisations.")
    by = data.get("by") or "tiers"
    if by == "selection":
        return named_lines(str(data.get("names") or ""), target)
    chosen = tuple(tier for tier in Member.Tier.values if tier in tiers)
    if by != "query":
        return Choice(target, tiers=chosen)
    query = {}
    for name in QUERY:
        value = str(data.get(name) or "").strip()[:200].replace("\0", "")
        if value:
            query[name] = value
    if "least" in query:
        try:
            query["least"] = float(query["least"])
        except ValueError:
            raise CaseError("The least probability is a number from 0 to 1.") from None
        if not 0 <= query["least"] <= 1:
            raise CaseError("The least probability is a number from 0 to 1.")
    if "since_decision" in query:
        query["since_decision"] = True
    return Choice(target, by="query", tiers=chosen, query=query)


class OrderForm(DeskForm):
    kind = forms.ChoiceField(label="Action", choices=Kind.choices, widget=forms.RadioSelect)
    target_kind = forms.ChoiceField(
        label="Upon", choices=Target.choices, required=False, widget=forms.RadioSelect
    )
    by = forms.ChoiceField(label="Chosen", choices=BY, required=False, widget=forms.RadioSelect)
    tiers = forms.MultipleChoiceField(
        label="Tiers",
        choices=words(Member.Tier),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    least = forms.FloatField(label="Probability at least", required=False, min_value=0, max_value=1)
    plan_name = forms.CharField(label="Plan", required=False, max_length=60)
    organisation = forms.CharField(label="Organisation", required=False, max_length=200)
    names = forms.CharField(
        label="One on each line",
        required=False,
        max_length=500_000,
        widget=long_text(4),
        help_text="An account; for keys and end users the account, a space, and the key. Keys that "
        "stand for many people are reached only so.",
    )
    rpm = _number("Requests a minute")
    tpm = _number("Tokens a minute")
    connector = forms.ModelChoiceField(
        label="Through", queryset=Connector.objects.none(), required=False, empty_label=None
    )
    reason = forms.CharField(
        label="Reason, as it goes with the order", max_length=2000, widget=long_text(3)
    )
    notice_version = forms.ModelChoiceField(
        label="Notice to the customer",
        queryset=NoticeVersion.objects.none(),
        required=False,
        empty_label="none of the library",
    )
    notice = forms.CharField(
        label="Or in your own words",
        required=False,
        max_length=4000,
        widget=long_text(3),
        help_text="Says what happened, by which rule, and how to object. The second person "
        "approves it with the order. Empty: none is sent.",
    )
    expires_at = _moment(
        "Ends, UTC",
        "A limit, a verification or a watch lapses then by itself; a suspension asks for renewal.",
    )
    plan = forms.ChoiceField(
        label="How it goes out", choices=PLANS, required=False, widget=forms.RadioSelect
    )
    stages = forms.CharField(
        label="Stages, in percent", required=False, initial="1, 10, 100", max_length=60
    )
    stage_minutes = _number("Minutes each stage is watched", "before the next opens by itself")
    window_minutes = _number(
        "Starts at random within, minutes", "0: as soon as it is approved", most=10_080
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["connector"].queryset = Connector.objects.filter(enabled=True).order_by("name")
        versions = usable_versions()
        self.fields["notice_version"].queryset = NoticeVersion.objects.filter(
            pk__in=[version.pk for version in versions]
        ).select_related("notice")

    def clean_stages(self) -> list[int]:
        text = self.cleaned_data["stages"] or "1, 10, 100"
        try:
            return [int(part) for part in text.replace("%", "").split(",")]
        except ValueError:
            raise forms.ValidationError("Write percents such as 1, 10, 100.") from None

    def clean(self):
        asked = super().clean()
        if asked.get("by") != "selection" and not asked.get("tiers") and "tiers" not in self.errors:
            self.add_error("tiers", "This field is required.")
        inside = asked.get("kind") in INSIDE
        missing = asked.get("kind") and not inside and not asked.get("connector")
        if missing and "connector" not in self.errors:
            self.add_error("connector", "This field is required.")
        return asked

    def order(self) -> dict:
        """What the service takes. Raises CaseError for a choice that cannot be meant."""
        asked = self.cleaned_data
        limits = {"rpm": asked["rpm"], "tpm": asked["tpm"]}
        return {
            "kind": asked["kind"],
            "connector": None if asked["kind"] in INSIDE else asked["connector"],
            "choice": choice_of(query_names(self.data)),
            "parameters": limits,
            "reason": asked["reason"],
            "notice": asked["notice"],
            "notice_version": asked["notice_version"],
            "expires_at": asked["expires_at"],
            "stages": asked["stages"] if asked["plan"] == "stages" else None,
            "stage_minutes": asked["stage_minutes"] or 0,
            "window_minutes": asked["window_minutes"] or 0,
        }


def query_names(data):
    """The form calls the customers' plan plan_name, since plan is how the order goes out."""
    if not hasattr(data, "copy"):
        return data
    data = data.copy()
    data["plan"] = data.get("plan_name", "")
    return data


class ReversalForm(DeskForm):
    reason = forms.CharField(label="Why is it put back?", max_length=2000, widget=long_text(3))
    notice = forms.CharField(
        label="Notice to the customer", required=False, max_length=4000, widget=long_text(4)
    )


class OrderReviewForm(ReviewForm):
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput())


class StepForm(DeskForm):
    """Pause, resume, open a stage, renew: a step with its reason."""

    step = forms.ChoiceField(
        choices=[(name, name) for name in ("pause", "resume", "stage", "renew", "contacted")]
    )
    reason = forms.CharField(required=False, max_length=300)
    until = forms.DateTimeField(required=False)


class AppealForm(DeskForm):
    account = forms.CharField(label="Account", max_length=200)
    text = forms.CharField(label="What the customer says", max_length=8000, widget=long_text(5))
    filed_at = _moment("Filed, UTC", "The clock runs from then. Empty: now.")


class AppealDecisionForm(DeskForm):
    outcome = forms.ChoiceField(
        label="Outcome", choices=Appeal.Outcome.choices, widget=forms.RadioSelect
    )
    rationale = forms.CharField(label="Why", max_length=4000, widget=long_text(4))


class ProtectForm(DeskForm):
    kind = forms.ChoiceField(
        label="What", choices=Protected.Kind.choices, widget=forms.RadioSelect, initial="account"
    )
    value = forms.CharField(label="Its name at the platform", max_length=200)
    reason = forms.CharField(label="Why nothing may happen to it", max_length=300)
    expires_at = _moment("Until, UTC", "Empty: until somebody ends it.")


class NoticeForm(DeskForm):
    slug = forms.CharField(
        label="Short name", max_length=64, help_text="That of a letter adds a version to it."
    )
    title = forms.CharField(label="Title", max_length=120)
    kinds = forms.MultipleChoiceField(
        label="For", choices=Kind.choices, widget=forms.CheckboxSelectMultiple
    )
    language = forms.CharField(label="Language", max_length=12, initial="en")
    text = forms.CharField(label="Text", max_length=4000, widget=long_text(8))


class StandingForm(DeskForm):
    kind = forms.ChoiceField(
        label="Action", choices=[("limit", "limit"), ("verify", "require verification")],
        widget=forms.RadioSelect, initial="limit", help_text="Never a suspension.",
    )  # fmt: skip
    connector = forms.ModelChoiceField(
        label="Through", queryset=Connector.objects.none(), empty_label=None
    )
    rpm = _number("Requests a minute")
    tpm = _number("Tokens a minute")
    least_bits = forms.FloatField(
        label="Tie at least, bits", initial=20, min_value=0.1, max_value=100,
        help_text="What a successor took up, in bits over all families but the prior.",
    )  # fmt: skip
    most_accounts = forms.IntegerField(
        label="At most so many accounts in all", initial=50, min_value=1, max_value=10_000
    )
    ends_at = forms.DateTimeField(
        label="Stands until, UTC", help_text="At most 90 days.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    lasts_hours = forms.IntegerField(
        label="Each order lasts, hours", initial=72, min_value=1, max_value=24 * 90
    )
    reason = forms.CharField(label="Why it may act by itself", max_length=500, widget=long_text(3))
    notice = forms.CharField(
        label="Notice to the customer", required=False, max_length=4000, widget=long_text(3)
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["connector"].queryset = Connector.objects.filter(enabled=True).order_by("name")

    def terms(self) -> dict:
        asked = dict(self.cleaned_data)
        asked["parameters"] = {"rpm": asked.pop("rpm"), "tpm": asked.pop("tpm")}
        return asked

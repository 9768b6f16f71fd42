"""What is asked before a change of grouping is previewed, and before it is applied."""

from django import forms
from django.contrib.auth.models import User

from analyst.access import READERS
from analyst.forms import DeskForm
from analyst.templatetags.desk import person, plain
from cases.models import AllowEntry
from ingest.models import Attribute, Detector

FIRST, LAST = 2000, 2200  # years
NONE = ("", "none: an account or organisation")


class MomentField(forms.DateTimeField):
    """UTC, as the desk shows it."""

    def __init__(self, **kwargs):
        super().__init__(
            widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
            **kwargs,
        )

    def clean(self, value):
        problem = forms.ValidationError(f"A moment in UTC, of the years {FIRST} to {LAST}.")
        try:
            moment = super().clean(value)
        except OverflowError:
            raise problem from None
        if moment is not None and not FIRST <= moment.year <= LAST:
            raise problem
        return moment


class DetectorField(forms.ModelChoiceField):
    def label_from_instance(self, detector):
        return f"{plain(detector.name)} ({detector.slug})"


class PersonField(forms.ModelChoiceField):
    def label_from_instance(self, user):
        return plain(person(user))


class ThresholdForm(DeskForm):
    one_in = forms.FloatField(
        label="One account in",
        min_value=2,
        max_value=1e9,
        help_text="How few accounts belong to any one campaign, before there is evidence. A larger "
        "number asks for more evidence of everybody.",
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )


class WithdrawForm(DeskForm):
    detector = DetectorField(
        label="Detector", queryset=Detector.objects.order_by("slug"), to_field_name="slug"
    )
    version = forms.CharField(
        label="Version",
        max_length=40,
        required=False,
        strip=False,
        help_text="Letter by letter as its signals carry it; empty for signals without one.",
    )
    since = MomentField(
        label="From", required=False, help_text="UTC. Empty: from its first signal on."
    )
    until = MomentField(
        label="Until",
        required=False,
        help_text="UTC. Empty: without an end, so that later signals are left out too.",
    )
    reason = forms.CharField(
        label="What is wrong with it", max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )


class AllowForm(DeskForm):
    kind = forms.ChoiceField(label="What", choices=AllowEntry.Kind.choices)
    attribute_kind = forms.ChoiceField(
        label="Kind of value",
        required=False,
        choices=[NONE, *((kind.value, kind.label.lower()) for kind in Attribute.Kind)],
    )
    value = forms.CharField(
        label="Value",
        max_length=500,
        strip=False,
        help_text="An account’s id, an organisation or a value, letter by letter. A network such "
        "as 198.51.100.0/24 holds the addresses inside it.",
    )
    owner = PersonField(label="Who answers for it", queryset=User.objects.none())
    expires_at = MomentField(
        label="Until", help_text="UTC, at most a year ahead. It ends by itself."
    )
    reason = forms.CharField(
        label="Why it is harmless", max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        people = User.objects.filter(is_active=True, groups__name__in=READERS)
        self.fields["owner"].queryset = people.distinct().order_by("username")


class ApplyForm(DeskForm):
    rationale = forms.CharField(
        label="Why it is applied", max_length=2000, widget=forms.Textarea(attrs={"rows": 4})
    )

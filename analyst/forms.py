"""A request becomes clean values. What may be done, the services say."""

from django import forms

from cases.models import Case, Decision, Member, Partner


def words(choices) -> list[tuple[str, str]]:
    """The desk writes its words small."""
    return [(choice.value, choice.label.lower()) for choice in choices]


class DeskForm(forms.Form):
    """A label is a question or a noun: no colon follows it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{"label_suffix": "", **kwargs})


def long_text(rows: int, placeholder: str = "") -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "placeholder": placeholder})


def posted(request):
    """What a form is bound to: an empty POST too is an answer, and a wrong one."""
    return request.POST if request.method == "POST" else None


class DecisionForm(DeskForm):
    outcome = forms.ChoiceField(
        label="Verdict",
        choices=[choice for choice in Case.Verdict.choices if choice[0] != "undecided"],
        widget=forms.RadioSelect,
    )
    stated_probability = forms.FloatField(
        label="How sure are you that it is distillation?",
        required=False,
        min_value=0,
        max_value=1,
        help_text="0 to 1. It is scored against the outcome when the case closes.",
        widget=forms.NumberInput(attrs={"step": "0.01", "inputmode": "decimal"}),
    )
    competing_hypothesis = forms.ChoiceField(
        label="What else could it be?",
        required=False,
        choices=[("", "nothing that I can name"), *words(Decision.Hypothesis)],
    )
    rationale = forms.CharField(
        label="Why",
        max_length=5000,
        widget=long_text(5, "What decides it, and what would change your mind"),
    )

    def __init__(self, *args, asked: str = "", **kwargs):
        """asked: the verdict that the page is about, so that it is not asked once more."""
        super().__init__(*args, **kwargs)
        if asked:
            self.fields["outcome"].widget = forms.HiddenInput()
            self.initial["outcome"] = asked


class RationaleForm(DeskForm):
    rationale = forms.CharField(label="Why", max_length=5000, widget=long_text(5))


class NoteForm(DeskForm):
    text = forms.CharField(label="Note", max_length=10_000, widget=long_text(3))


class RevealForm(DeskForm):
    reason = forms.CharField(
        label="Why do you need to read it?", max_length=300, widget=forms.TextInput
    )


class SnoozeForm(DeskForm):
    until = forms.DateTimeField(
        label="Until, UTC",
        help_text="At most 30 days from now. It comes back by itself.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


class JudgeForm(DeskForm):
    verdict = forms.ChoiceField(choices=[*words(Member.Verdict), ("", "not judged")])
    members = forms.TypedMultipleChoiceField(coerce=int, error_messages={"required": ""})

    def __init__(self, data):
        super().__init__(data)
        self.fields["verdict"].required = False
        chosen = [pk for pk in data.getlist("members") if pk.isascii() and pk.isdigit()][:500]
        self.fields["members"].choices = [(pk, pk) for pk in chosen if len(pk) < 19]


class ReviewForm(DeskForm):
    verdict = forms.ChoiceField(choices=[("approve", "approve"), ("refuse", "refuse")])
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=500,
        widget=long_text(2),
        help_text="A refusal says why.",
    )


class ShareForm(DeskForm):
    tlp = forms.ChoiceField(label="Widest audience", choices=Case.TLP.choices)
    partner = forms.ModelChoiceField(
        label="To",
        queryset=Partner.objects.none(),
        to_field_name="slug",
        required=False,
        empty_label="a file to be handed over",
    )
    legal_basis = forms.CharField(
        label="Legal basis",
        required=False,
        max_length=300,
        widget=forms.TextInput(attrs={"placeholder": "as agreed with the partner"}),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["partner"].queryset = Partner.objects.filter(enabled=True)


class RecallForm(DeskForm):
    reason = forms.CharField(label="Why is it taken back?", max_length=300, widget=long_text(2))


class ViewForm(DeskForm):
    name = forms.CharField(label="Name", max_length=40)
    team = forms.BooleanField(label="For the whole team", required=False)

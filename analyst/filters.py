"""The queue's filter: a form whose values live in the URL, and what each of them asks."""

import re
from datetime import datetime

from django import forms
from django.db.models import F, Lookup, Q

from analyst.templatetags.desk import person
from cases.models import Case

P1, P2 = 30, 10  # where Case.level draws its lines
UNCLAIMED = "-"
REF = re.compile(r"C-(\d{1,9})", re.IGNORECASE | re.ASCII)
WILD = re.compile(r"[%_\\]")


class ILike(Lookup):
    """ILIKE, which the trigram index serves; icontains asks UPPER(…), which it does not."""

    lookup_name = "ilike"
    prepare_rhs = False

    def as_sql(self, compiler, connection):
        left, left_values = self.process_lhs(compiler, connection)
        right, right_values = self.process_rhs(compiler, connection)
        return f"{left} ILIKE {right}", [*left_values, *right_values]


class QueueFilter(forms.Form):
    """The filter as a form; what does not fit is named beside its field and filters nothing."""

    q = forms.CharField(
        required=False,
        max_length=200,
        label="Search cases",
        widget=forms.TextInput(
            attrs={
                "type": "search",
                "placeholder": "Ref, account, attribute, template  ( / )",
                "autocomplete": "off",
            }
        ),
    )
    status = forms.ChoiceField(
        required=False, label="Status", choices=[("", "any"), *Case.Status.choices]
    )
    level = forms.ChoiceField(
        required=False,
        label="Level",
        choices=[("", "any"), ("P1", "P1"), ("P2", "P2"), ("P3", "P3")],
    )
    owner = forms.ChoiceField(required=False, label="Owner")
    p = forms.FloatField(
        required=False,
        min_value=0,
        max_value=1,
        label="P(abuse) at least",
        widget=forms.NumberInput(attrs={"step": "0.05", "placeholder": "0.15"}),
    )
    harm = forms.FloatField(
        required=False,
        min_value=0,
        max_value=1e9,
        label="Harm at least, M tokens a day",
        widget=forms.NumberInput(attrs={"step": "any", "placeholder": "2"}),
    )

    def __init__(self, data, *, people):
        """people: users who may own a case."""
        super().__init__(data)
        self.fields["owner"].choices = [
            ("", "anybody"),
            (UNCLAIMED, "unclaimed"),
            *((user.get_username(), person(user)) for user in people),
        ]
        self.full_clean()

    @property
    def filled(self) -> dict:
        """The fields that filter: their names and clean values."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if value not in ("", None) and name in self.fields
        }

    def matching(self, now: datetime) -> Q:
        tests = {
            "q": _text,
            "status": lambda value: Q(status=value),
            "level": _level,
            "owner": lambda value: _owner(value, now),
            "p": lambda value: Q(p_abuse__gte=value),
            "harm": lambda value: Q(harm_per_day__gte=value * 1e6),
        }
        found = Q()
        for name, value in self.filled.items():
            found &= tests[name](value)
        return found

    def chips(self) -> list[tuple[str, str, str]]:
        """(field, what it says, its value) of every filter that is on, but for the box's text."""
        says = {
            "status": "status",
            "level": "level",
            "owner": "owner",
            "p": "P(abuse) ≥",
            "harm": "harm ≥",
        }
        return [
            (name, says[name], self._shown(name, value))
            for name, value in self.filled.items()
            if name in says
        ]

    def _shown(self, name: str, value) -> str:
        if name in ("status", "owner"):
            return dict(self.fields[name].choices)[value]
        return {"p": "{:g}", "harm": "{:g} M a day"}.get(name, "{}").format(value)


def _text(text: str) -> Q:
    """Every word of it; a ref finds its case alone."""
    if ref := REF.fullmatch(text):
        return Q(number=int(ref[1]))
    found = Q()
    for word in text.split():
        literal = WILD.sub(r"\\\g<0>", word)
        found &= Q(ILike(F("search_text"), f"%{literal}%"))
    return found


def _level(level: str) -> Q:
    return {
        "P1": Q(priority__gte=P1),
        "P2": Q(priority__gte=P2, priority__lt=P1),
        "P3": Q(priority__lt=P2),
    }[level]


def _owner(name: str, now: datetime) -> Q:
    if name == UNCLAIMED:
        return Q(owner=None) | Q(claimed_until__lt=now)
    return Q(owner__username=name)

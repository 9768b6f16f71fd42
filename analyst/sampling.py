"""What the pages about samples show. Nothing here tells a reader what another person answered."""

from django import forms
from django.contrib.auth.models import User
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, F, OuterRef
from django.db.models.functions import JSONObject

from analyst.accounts import carried_by
from analyst.forms import DeskForm
from analyst.queue import possible_owners
from analyst.templatetags.desk import person
from cases.models import Case, Member, Reading, Sample, SampleAnswer, SampleItem
from cases.sampling import Z
from cases.services.sample import LARGEST
from ingest.models import Signal

USUAL = 60
SIGNALS_SHOWN = 8
ATTRIBUTES_SHOWN = 10
TIERS = [(tier.value, tier.label.lower()) for tier in Member.Tier]
# answer: the key that is printed on its button, icon, words
ANSWERS = {
    "in": ("i", "check", "In"),
    "out": ("o", "no", "Out"),
    "unsure": ("u", "half", "Unsure"),
    "other": ("a", "flag", "Other abuse"),
}


class DrawForm(DeskForm):
    size = forms.IntegerField(
        label="How many accounts",
        min_value=1,
        max_value=LARGEST,
        initial=USUAL,
        help_text=f"1 to {LARGEST}. Some 60 are read in an hour.",
    )
    tiers = forms.MultipleChoiceField(
        label="From which tiers",
        choices=TIERS,
        initial=[value for value, _ in TIERS],
        widget=forms.CheckboxSelectMultiple,
    )


class AnswerForm(forms.Form):
    answer = forms.ChoiceField(choices=SampleAnswer.Answer.choices)
    place = forms.IntegerField(min_value=1, max_value=LARGEST)


class ReaderForm(forms.Form):
    reader = forms.CharField(max_length=150)


class StopForm(DeskForm):
    reason = forms.CharField(label="Why is it stopped?", max_length=300, widget=forms.TextInput)


def panel_of(case: Case, user: User) -> dict | None:
    """What the case page tells of the newest sample that stands, in one query; None without one.

    Who still reads it blind is shown how far they are and no result.
    """
    readings = (
        Reading.objects.filter(sample=OuterRef("pk"))
        .order_by("second", "pk")
        .annotate(answered=Count("answers"))
        .values(
            json=JSONObject(
                pk="pk", reader="reader_id", name="reader__username",
                first_name="reader__first_name", last_name="reader__last_name", second="second",
                finished="finished_at", answered="answered",
            )
        )
    )  # fmt: skip
    sample = (
        case.samples.standing().annotate(passes=ArraySubquery(readings)).order_by("-pk").first()
    )
    if sample is None:
        return None
    passes = [
        one | {"who": person(User(username=one["name"], first_name=one["first_name"],
                                  last_name=one["last_name"]))}
        for one in sample.passes
    ]  # fmt: skip
    mine = next((p for p in passes if p["reader"] == user.pk and not p["finished"]), None)
    return {
        "sample": sample,
        "passes": passes,
        "mine": mine,
        "result": None if mine or not sample.result else dressed(sample.result),
    }


def dressed(result: dict) -> dict:
    """A result with where its intervals stand on a scale from 0 to 100 % of each row."""
    rows = [row | {"name": row["tier"]} for row in result["strata"]]
    rows.append(result | {"name": "case, weighted", "whole": True, "tier": ""})
    for row in rows:
        of = max(row["members"], 1)
        row["left"] = round(100 * row["low"] / of, 2)
        row["width"] = round(max(100 * (row["high"] - row["low"]) / of, 0.5), 2)
        row["dot"] = round(100 * row["estimate"] / of, 2)
        row["most"] = 100 * row["high"] / of
    return result | {"rows": rows}


def needed(most: float) -> int:
    """How many of one tier must be read, with nobody wrong, for its upper limit to be at most
    this share: Wilson's is z²/(n + z²)."""
    return -int(-(Z * Z * (1 - most) / most) // 1) if most > 0 else LARGEST


def readers_for(case: Case, taken: set[int]) -> list[User]:
    """Who may be asked for a second reading."""
    listed = set(case.readers.values_list("pk", flat=True)) if case.restricted else None
    return [
        user
        for user in possible_owners()
        if user.pk not in taken and (listed is None or user.pk in listed)
    ]


def reading_for(case: Case, user: User) -> Reading | None:
    """The reading of this person that is open on the case; the oldest first."""
    return (
        Reading.objects.filter(sample__case=case, reader=user, finished_at=None)
        .exclude(sample__state=Sample.State.CANCELLED)
        .select_related("sample")
        .order_by("pk")
        .first()
    )


def marks_of(reading: Reading) -> list[dict]:
    """Every place of the sample with the reader's own answer or none, in reading order."""
    own = dict(reading.answers.values_list("item__place", "answer"))
    return [
        {"place": place, "answer": own.get(place, "")}
        for place in range(1, reading.sample.size + 1)
    ]


def item_at(reading: Reading, place: int) -> SampleItem | None:
    """The account at a place. What was computed or said of it stays in the database."""
    return (
        SampleItem.objects.filter(sample=reading.sample_id, place=place)
        .select_related("member__account")
        .defer("member__evidence", "member__probability", "member__tier", "member__verdict")
        .first()
    )


def facts_of(item: SampleItem, user: User) -> dict:
    """What the account did and carries: no score, no p-value, no probability."""
    account = item.member.account
    carried, attributes = carried_by(account, user)
    signals = (
        Signal.objects.filter(account=account)
        .order_by("-window_end", "-id")
        .values("window_start", "window_end", "summary", slug=F("detector__slug"),
                prompts=F("samples"))[:SIGNALS_SHOWN]
    )  # fmt: skip
    return {
        "account": account,
        "carried": carried[:ATTRIBUTES_SHOWN],
        "attributes": attributes,
        "signals": [row | {"prompts": len(row["prompts"] or [])} for row in signals],
    }

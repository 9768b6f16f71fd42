"""One verb for several cases, as the bar under the queue asks it."""

from datetime import UTC, datetime, time, timedelta

from django import forms
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from cases.errors import CaseError
from cases.models import Case
from cases.services.triage import claim, release, snooze, wake

AT_ONCE = 100  # a page; more would hold the request for longer than a second
DAYS = {1: "until tomorrow", 3: "for 3 days", 7: "for a week"}


class BulkForm(forms.Form):
    do = forms.ChoiceField(
        choices=[(verb, verb) for verb in ("claim", "release", "snooze", "wake")]
    )
    days = forms.TypedChoiceField(
        choices=list(DAYS.items()), coerce=int, required=False, empty_value=1
    )


def numbers_of(refs: list[str]) -> list[int]:
    """C-7 as 7; what is no ref is left out."""
    texts = [ref.removeprefix("C-") for ref in refs[:AT_ONCE]]
    return [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 10]


def apply(
    cases: QuerySet[Case], *, actor: User, do: str, days: int
) -> tuple[list[Case], list[str]]:
    """Each case in a transaction of its own: those that were done, and the refusals in words."""
    until = datetime.combine(
        (timezone.now() + timedelta(days=days)).astimezone(UTC).date(), time(9), UTC
    )
    verb = {
        "claim": claim,
        "release": release,
        "wake": wake,
        "snooze": lambda case, *, actor: snooze(case, actor=actor, until=until),
    }[do]
    done, refusals = [], []
    for case in cases.order_by("pk"):
        try:
            done.append(verb(case, actor=actor))
        except CaseError as error:
            refusals.append(str(error))
    return done, refusals

"""Watermark findings come to the cases that hold the key. They change no membership."""

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef

from cases.models import Case, Member, TimelineEvent, WatermarkFinding
from cases.services.timeline import append_event
from ingest.models import SuspectResult, SuspectTest

HOLDER = "account__watermark_keys__results"
AT_ONCE = 100


def attach_findings() -> int:
    """The sweep: tell each case of the keys found that its members hold. Returns how many.

    Members that join later bring their key's findings with them at the next sweep.
    """
    told = WatermarkFinding.objects.filter(case=OuterRef("case"), result=OuterRef("result"))
    missing = (
        holders()
        .values("case", result=F(HOLDER))
        .annotate(held=Count("account", distinct=True))
        .filter(~Exists(told))
        .order_by("case", "result")[:AT_ONCE]
    )
    return sum(_attach(row["case"], row["result"], row["held"]) for row in list(missing))


def holders():
    """Members, of cases that stand, whose key was found; those judged out do not count."""
    return (
        Member.objects.current()
        .filter(case__merged_into=None, **{f"{HOLDER}__finding": SuspectResult.Finding.FOUND})
        .exclude(verdict=Member.Verdict.OUT)
    )


def cases_holding_keys_of(test: SuspectTest):
    """Cases with members that hold a key found in this model, as they are now."""
    members = holders().filter(**{f"{HOLDER}__test": test}).values("case")
    return Case.objects.filter(pk__in=members)


@transaction.atomic
def _attach(case_pk: int, result_pk: int, held: int) -> bool:
    finding, new = WatermarkFinding.objects.get_or_create(
        case_id=case_pk, result_id=result_pk, defaults={"accounts": held}
    )
    if new:
        result = SuspectResult.objects.select_related("test", "key").get(pk=result_pk)
        append_event(
            finding.case,
            TimelineEvent.Kind.WATERMARK_FOUND,
            actor=None,
            content={
                "suspect": result.test.ref,
                "name": result.test.name,
                "key": result.key.ref,
                "log10_p": round(result.log10_corrected, 3),
                "accounts": held,
            },
        )
    return new

from django.contrib.auth.models import User
from django.db import transaction

from cases.models import Case, Member, TimelineEvent
from cases.services.timeline import append_event
from ingest.models import Account, Signal

SAMPLES_SHOWN = 20


@transaction.atomic
def reveal_samples(case: Case, *, actor: User, reason: str) -> list[dict]:
    """Prompts of the case's members, newest first; who asked and why is written down first.

    Each is {"account", "text", "at", "model"}; the text is a stranger's.
    """
    members = Member.objects.current().filter(case=case).order_by("-probability", "-id")[:500]
    signals = (
        Signal.objects.filter(account__in=[m.account_id for m in members])
        .exclude(samples=[])
        .order_by("-window_end", "-id")
        .values_list("account__external_id", "samples")[:SAMPLES_SHOWN]
    )
    found = [
        {"account": account, **sample} for account, samples in signals for sample in samples[:3]
    ][:SAMPLES_SHOWN]
    append_event(
        case,
        TimelineEvent.Kind.CONTENT_REVEALED,
        actor=actor,
        content={"samples": len(found), "reason": reason},
    )
    return found


@transaction.atomic
def reveal_account(case: Case, *, actor: User, account: Account, reason: str) -> list[dict]:
    """Prompts of one member, newest first, as reveal_samples gives them; written down first."""
    rows = (
        Signal.objects.filter(account=account)
        .exclude(samples=[])
        .order_by("-window_end", "-id")
        .values_list("samples", flat=True)[:SAMPLES_SHOWN]
    )
    found = [{"account": account.external_id, **sample} for samples in rows for sample in samples]
    append_event(
        case,
        TimelineEvent.Kind.CONTENT_REVEALED,
        actor=actor,
        content={
            "samples": len(found[:SAMPLES_SHOWN]), "reason": reason, "account": account.external_id,
        },
    )  # fmt: skip
    return found[:SAMPLES_SHOWN]

"""The packet's data files, streamed: a case of a million signals does not pass through memory."""

from django.db.models import Count, Func, IntegerField, Sum
from django.db.models.functions import TruncDay

from cases.evidence.sheets import ROWS, Data
from cases.models import Case
from ingest.models import ActivityHour, Detector, Signal

# a signal's line: name there, and field here
SIGNAL = {
    "detector": "detector__slug",
    "family": "detector__family",
    "version": "detector_version",
    "ref": "ref",
    "account_id": "account__external_id",
    "window_start": "window_start",
    "window_end": "window_end",
    "score": "score",
    "p_value": "p_value",
    "accounts_tested": "accounts_tested",
    "base_rate": "base_rate",
    "summary": "summary",
    "evidence": "evidence",
    "group_key": "group_key",
    "received_at": "received_at",
    "body_sha256": "body_digest",
    "samples_left_out": "samples_left_out",
}


def write_members(case: Case, data: Data) -> None:
    """members.csv for spreadsheets, members.json faithful; those who left too, with the date."""
    members = case.members.select_related("account", "verdict_by").order_by("-probability", "pk")
    rows = (
        {
            "account_id": member.account.external_id,
            "organisation": member.account.organisation,
            "plan": member.account.plan,
            "aggregate": member.account.is_aggregate,
            "tier": member.tier,
            "probability": member.probability,
            "flagged": member.flagged,
            "verdict": member.verdict,
            "verdict_by": member.verdict_by.get_username() if member.verdict_by else "",
            "verdict_at": member.verdict_at,
            "joined_at": member.joined_at,
            "left_at": member.left_at,
            "state": member.account.state,
            "state_actor": member.account.state_actor,
            "state_reason": member.account.state_reason,
            "state_at": member.account.state_at,
            "method": member.method,
            "evidence": member.evidence,
        }
        for member in members.iterator(chunk_size=ROWS)
    )
    with data.open("members.csv") as table, data.open("members.json") as faithful:
        for row in data.beating(rows):
            faithful.add(row)
            table.add({name: value for name, value in row.items() if name != "evidence"})


def write_links(case: Case, data: Data) -> None:
    """links.csv: which account carries which shared attribute, and how rare that is."""
    links = case.links.select_related("account", "attribute").order_by("attribute_id", "account_id")
    data.write(
        "links.csv",
        (
            {
                "account_id": link.account.external_id,
                "kind": link.attribute.kind,
                "value": link.attribute.value,
                "members": link.members,
                "bits": link.bits,
                "population_accounts": link.attribute.accounts,
                "population": link.attribute.population,
                "first_at": link.first_at,
                "last_at": link.last_at,
            }
            for link in links.iterator(chunk_size=ROWS)
        ),
    )


def write_signals(case: Case, data: Data) -> None:
    """signals.jsonl: each observation about a member; samples of prompts stay out, counted."""
    samples = Func("samples", function="jsonb_array_length", output_field=IntegerField())
    signals = (
        Signal.objects.filter(account__in=case.members.values("account"))
        .order_by("pk")
        .annotate(samples_left_out=samples)
        .values_list(*SIGNAL.values())
    )
    rows = (dict(zip(SIGNAL, row, strict=True)) for row in signals.iterator(chunk_size=ROWS))
    data.write("signals.jsonl", rows)


def write_activity(case: Case, data: Data) -> dict[str, int]:
    """activity.csv: account by day. Returns the case's requests by day, for the chart."""
    days = (
        ActivityHour.objects.filter(account__in=case.members.filter(left_at=None).values("account"))
        .values("account__external_id", day=TruncDay("hour"))
        .annotate(
            hours=Count("hour", distinct=True),
            requests=Sum("requests"),
            input_tokens=Sum("input_tokens"),
            output_tokens=Sum("output_tokens"),
            reasoning_tokens=Sum("reasoning_tokens"),
            refusals=Sum("refusals"),
        )
        .order_by("account__external_id", "day")
    )
    per_day: dict[str, int] = {}
    with data.open("activity.csv") as table:
        for row in data.beating(days.iterator(chunk_size=ROWS)):
            day = f"{row.pop('day'):%Y-%m-%d}"
            table.add({"account_id": row.pop("account__external_id"), "day": day, **row})
            per_day[day] = per_day.get(day, 0) + row["requests"]
    return dict(sorted(per_day.items()))


def write_timeline(case: Case, data: Data) -> list[dict]:
    """timeline.jsonl: every event with its salt and hashes, so that the chain can be recomputed.

    "at" is written as it was hashed. A content that was erased, or that the profile leaves out, is
    null; its digest still stands.
    """
    events = case.events.select_related("content", "actor").order_by("seq")
    told = []
    with data.open("timeline.jsonl") as out:
        for event in data.beating(events.iterator(chunk_size=ROWS)):
            content = getattr(event, "content", None) if data.profile.words else None
            row = {
                "seq": event.seq,
                "kind": event.kind,
                "at": event.at.isoformat(),
                "actor": event.actor_id,
                "actor_name": event.actor.get_username() if event.actor else "",
                "content": content.body if content else None,
                "salt": bytes(content.salt).hex() if content else None,
                "content_digest": event.content_digest,
                "previous_hash": event.previous_hash,
                "hash": event.hash,
            }
            out.add(row)
            told.append(row)
    return told


def write_custody(events: list[dict], data: Data) -> None:
    """custody.jsonl: who had packets made, took them and sent the case out, up to the sealing.

    What happens to this packet afterwards lies beside it at the desk, and in the timeline.
    """
    data.write(
        "custody.jsonl",
        (
            {
                "at": event["at"], "who": event["actor_name"] or "the desk", "what": event["kind"],
                "about": event["content"], "event": event["seq"],
            }
            for event in events
            if event["kind"].startswith(("packet_", "share_"))
        ),
    )  # fmt: skip


def write_case(case: Case, data: Data, about: dict) -> None:
    """case.json: the case, how its figures were reached, and which detectors spoke."""
    detectors = Detector.objects.filter(
        signals__account__in=case.members.values("account")
    ).distinct()
    content = {
        **about,
        "ref": case.ref,
        "name": case.name,
        "reason": case.reason,
        "status": case.status,
        "verdict": case.verdict,
        "tlp": case.tlp,
        "legal_hold": case.legal_hold,
        "opened_at": case.opened_at,
        "decided_at": case.decided_at,
        "priority": case.priority,
        "p_abuse": case.p_abuse,
        "harm_per_day": case.harm_per_day,
        "growth": case.growth,
        "tiers": {"core": case.core, "likely": case.likely, "possible": case.possible},
        "expected_members": case.expected_members,
        "first_activity_at": case.first_activity_at,
        "last_activity_at": case.last_activity_at,
        "explanation": case.explanation,
        "notes": [
            {"written_at": note.written_at, "author": note.author.get_username(), "text": note.text}
            for note in case.notes.select_related("author").order_by("pk")
        ],
        "detectors": [
            {
                "slug": one.slug,
                "name": one.name,
                "family": one.family,
                "version": one.version,
                "calibration": one.calibration,
            }
            for one in detectors.order_by("slug")
        ],
    }
    data.put("case.json", content)

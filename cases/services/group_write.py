"""Writes what grouping found: cases, members, links, events. Only what changed is touched."""

from dataclasses import dataclass, field

from django.db import connection
from django.utils import timezone

from cases import scoring
from cases.grouping import Grouping
from cases.models import Case, Reshaping, TimelineEvent
from cases.names import case_name
from cases.services.group_explain import explain_clusters
from cases.services.group_members import save_links, save_members
from cases.services.growth import wake_grown
from cases.services.propose import hold_proposed, propose_merges
from cases.services.timeline import append_event
from ingest.models import Census

COMPUTED = (
    "reason", "priority", "p_abuse", "harm_per_day", "growth", "core", "likely", "possible",
    "expected_members", "new_since_decision", "trend", "first_activity_at", "last_activity_at",
    "explanation", "search_text",
)  # fmt: skip
BATCH = 2_000


@dataclass
class Written:
    """What a run changed; report is what the run's row keeps."""

    opened: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    report: dict = field(default_factory=dict)


def write_grouping(answer: Grouping, *, census: Census | None) -> Written:
    """Bring the tables to what grouping found, inside the caller's transaction.

    A case with a verdict keeps it and its members; accounts that join it are marked, and enough of
    them bring it back. It is proposed for a merge and not merged. Nobody leaves against a person's
    "in". A new case that nobody has touched and whose accounts went to another is merged into that
    one; any other that nothing holds together any more keeps its row and says so.
    """
    now = timezone.now()
    numbers = [cluster.case for cluster in answer.clusters]
    known = {
        case.number: case
        for case in Case.objects.filter(
            number__in=[n for n in numbers if n] + list(answer.absorbed)
        )
        .select_for_update(of=("self",))
        .order_by("pk")
    }
    answer, grown_together = hold_proposed(answer, known)
    explained = explain_clusters(answer.clusters, census=census)
    written = Written()
    cases = _cases(answer.clusters, known, explained, now, written)
    settled = {case.pk for case in known.values() if _settled(case)}
    released = [known[number] for number in answer.absorbed if _may_go(known[number])]
    found = list(zip(cases, answer.clusters, (told.evidence for told in explained), strict=True))
    moves = save_members(found, released, settled=settled, now=now)
    for case in released:
        if not moves[case.pk]["left"]:
            del moves[case.pk]
    targets = {}
    for number, place in answer.absorbed.items():
        case = known[number]
        if place is not None and case.pk in moves and _untouched(case):
            targets[case.pk] = cases[place]
    links = save_links(answer.clusters, cases)
    _finish(answer, cases, explained, known, moves, targets, links, written)
    propose_merges(grown_together)
    wake_grown()
    return written


def _cases(clusters, known, explained, now, written) -> list[Case]:
    """The case of each cluster, opened where there is none."""
    fresh = [place for place, cluster in enumerate(clusters) if cluster.case is None]
    opened = {}
    if fresh:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT nextval('cases_case_number') FROM generate_series(1, %s)", [len(fresh)]
            )
            numbers = [row[0] for row in cursor.fetchall()]
        # the worst first gets the lowest number
        fresh.sort(key=lambda place: (-explained[place].priority.value, place))
        for place, number in zip(fresh, numbers, strict=True):
            told = explained[place]
            opened[place] = Case(
                number=number,
                name=case_name(number),
                reason=told.reason,
                due_at=scoring.due_at(told.priority.value, now),
            )
        Case.objects.bulk_create([opened[place] for place in sorted(opened)], batch_size=BATCH)
        written.opened = [case.ref for case in opened.values()]
    return [
        opened[place] if cluster.case is None else known[cluster.case]
        for place, cluster in enumerate(clusters)
    ]


def _may_go(case: Case) -> bool:
    """Whether a case that nothing ties any more loses its members. What a wave took up after an
    action ties it, even where grouping sees no more."""
    return not (_settled(case) or case.opened_by_id or case.after_order_id)


def _settled(case: Case) -> bool:
    """Decided on, also while growth has brought it back: the verdict stands for its members."""
    return case.verdict != Case.Verdict.UNDECIDED


def _untouched(case: Case) -> bool:
    return (
        case.status == Case.Status.NEW
        and case.owner_id is None
        and case.after_order_id is None
        and not case.members.exclude(verdict="").exists()
        and not case.notes.exists()
        and not Reshaping.objects.of_case(case).exists()
    )


def _finish(answer, cases, explained, known, moves, targets, links, written) -> None:
    """Fill the computed fields, and write one event a case that changed."""
    counts = _counts([case.pk for case in cases] + [known[n].pk for n in answer.absorbed])
    changed, events = [], []
    for cluster, case, told in zip(answer.clusters, cases, explained, strict=True):
        tally = counts.get(case.pk, {})
        before = {name: getattr(case, name) for name in COMPUTED}
        told.fill(case, tally)
        if cluster.case is None:
            events.append(
                (case, TimelineEvent.Kind.CASE_OPENED,
                 {"members": len(cluster.members), "reason": told.reason})
            )  # fmt: skip
            changed.append(case)
            continue
        move = moves[case.pk]
        if move["joined"] or move["left"]:
            events.append((case, *_moved(move, tally)))
        if case.pk in links or before != {name: getattr(case, name) for name in COMPUTED}:
            changed.append(case)
            written.changed.append(case.ref)
    for number in answer.absorbed:
        case = known[number]
        if case.pk not in moves:
            continue
        target = targets.get(case.pk)
        told = (
            f"Its accounts fit {target.ref} better and are there now."
            if target
            else ("Nothing ties its accounts together any more.")
        )
        tally = counts.get(case.pk, {})
        case.core, case.likely, case.possible = (
            tally.get(t, 0) for t in ("core", "likely", "possible")
        )
        case.expected_members, case.priority = tally.get("expected", 0.0), 0.0
        case.explanation = case.explanation | {"summary": [told]}
        case.merged_into = target
        kind, content = _moved(moves[case.pk], tally)
        events.append((case, kind, content | ({"merged_into": target.ref} if target else {})))
        changed.append(case)
        written.changed.append(case.ref)
    Case.objects.bulk_update(changed, [*COMPUTED, "merged_into"], batch_size=200)
    for case, kind, content in sorted(events, key=lambda event: event[0].pk):
        append_event(case, kind, actor=None, content=content)
    written.report = {
        "clusters": len(answer.clusters),
        "opened": written.opened,
        "changed": written.changed,
        "merged": {case.ref: case.merged_into.ref for case in changed if case.merged_into_id},
        "joined": sum(move["joined"] for move in moves.values()),
        "left": sum(move["left"] for move in moves.values()),
    }


def _moved(move: dict, tally: dict):
    members = sum(tally.get(tier, 0) for tier in ("core", "likely", "possible"))
    return TimelineEvent.Kind.MEMBERS_CHANGED, {**move, "members": members}


def _counts(cases: list[int]) -> dict[int, dict]:
    """Current members by tier, their expected number, and those that are new since a decision;
    accounts that a person ruled out are not counted."""
    counts: dict[int, dict] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT case_id, tier, count(*), sum(probability), count(*) FILTER (WHERE since_decision)
            FROM cases_member
            WHERE case_id = ANY(%s) AND left_at IS NULL AND verdict <> 'out'
            GROUP BY case_id, tier ORDER BY case_id, tier
            """,
            [cases],
        )
        for case, tier, members, expected, since in cursor.fetchall():
            tally = counts.setdefault(case, {"expected": 0.0, "since": 0})
            tally[tier] = members
            tally["expected"] += expected
            tally["since"] += since
    return counts

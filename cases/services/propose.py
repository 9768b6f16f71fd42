"""Cases that grow together are proposed for a merge, with reasons, once a person decided on one."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from cases.errors import CaseError
from cases.grouping import Grouping
from cases.models import Case, Constraint, Member, MergeProposal, Reshaping, TimelineEvent
from cases.services.carry import mark_undone, why_no_undo
from cases.services.constrain import bind, hold_grouping, lock_cases
from cases.services.group_words import attribute_name, list_words, plural, prevalence
from cases.services.timeline import append_event
from ingest.models import Attribute

TIES_TOLD = 5
TIES = """
SELECT p.place, l.attribute_id, count(DISTINCT l.account_id), count(DISTINCT r.account_id)
FROM unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY p (a, b, place)
JOIN cases_link l ON l.case_id = p.a AND l.bits IS NOT NULL
JOIN cases_member m ON m.case_id = p.b AND m.left_at IS NULL
JOIN ingest_attributeuse r ON r.account_id = m.account_id AND r.attribute_id = l.attribute_id
GROUP BY 1, 2 ORDER BY 1, max(l.bits) DESC, 2
"""


def hold_proposed(
    answer: Grouping, known: Mapping[int, Case]
) -> tuple[Grouping, list[tuple[Case, Case]]]:
    """What grouping found without the merges that only a person may make, and the cases that it
    would have merged, for propose_merges. known: cases by number.

    Where a cluster holds most members of a second case and a person has decided on either, the
    second case stays as it is, and its members do not join the first.
    """
    pairs, held = [], {}
    for number, place in answer.absorbed.items():
        target = None if place is None else answer.clusters[place].case
        if target is None or number not in known or target not in known:
            continue
        case, other = known[number], known[target]
        if {case.verdict, other.verdict} != {Case.Verdict.UNDECIDED}:
            pairs.append((case, other))
            held.setdefault(place, []).append(case.pk)
    if not pairs:
        return answer, []
    cases = {case.pk for pair in pairs for case in pair}
    members: dict[int, set[int]] = {}
    rows = Member.objects.current().filter(case__in=cases).values_list("case_id", "account_id")
    for pk, account in rows.iterator(chunk_size=20_000):
        members.setdefault(pk, set()).add(account)
    clusters = list(answer.clusters)
    for place, others in held.items():
        cluster = clusters[place]
        theirs = set().union(*(members.get(pk, ()) for pk in others))
        theirs -= members.get(known[cluster.case].pk, set())
        clusters[place] = replace(
            cluster,
            members=tuple(m for m in cluster.members if m.account not in theirs),
            links=tuple(x for x in cluster.links if x.account not in theirs),
        )
    stay = {case.number for case, _ in pairs}
    absorbed = {n: place for n, place in answer.absorbed.items() if n not in stay}
    return replace(answer, clusters=tuple(clusters), absorbed=absorbed), pairs


def propose_merges(pairs: Iterable[tuple[Case, Case]]) -> list[MergeProposal]:
    """Write down that the cases of each pair have grown together, inside the caller's transaction.

    A pair that was proposed and not answered keeps its row and gets the newer reasons; one that a
    person declined is not asked again. Returns the proposals that are new.
    """
    ordered = {(min(a.pk, b.pk), max(a.pk, b.pk)): (a, b) for a, b in pairs if a.pk != b.pk}
    known = {
        (p.left_id, p.right_id): p
        for p in MergeProposal.objects.filter(
            left__in=[a for a, _ in ordered], right__in=[b for _, b in ordered]
        ).exclude(state=MergeProposal.State.ACCEPTED)
        if not (p.state == MergeProposal.State.DECLINED and p.reshaping.undone_at)
    }
    asked = [
        pair
        for pair in sorted(ordered)
        if pair not in known or known[pair].state == MergeProposal.State.OPEN
    ]
    if not asked:
        return []
    now, new = timezone.now(), []
    for pair, reasons in zip(asked, _reasons(asked), strict=True):
        if pair in known:
            MergeProposal.objects.filter(pk=known[pair].pk).update(reasons=reasons, as_of=now)
            continue
        new.append(MergeProposal(left_id=pair[0], right_id=pair[1], reasons=reasons, as_of=now))
    MergeProposal.objects.bulk_create(new)
    cases = {case.pk: case for pair in ordered.values() for case in pair}
    told = [(p.left_id, p.right_id, p.reasons) for p in new]
    told += [(p.right_id, p.left_id, p.reasons) for p in new]
    for case, other, reasons in sorted(told, key=lambda row: row[:2]):
        append_event(
            cases[case],
            TimelineEvent.Kind.MERGE_PROPOSED,
            actor=None,
            content={"other": cases[other].ref, "says": reasons["says"]},
        )
    count_proposals([pk for p in new for pk in (p.left_id, p.right_id)])
    return new


@transaction.atomic
def decline_merge(proposal: MergeProposal, *, actor: User, reason: str) -> Reshaping:
    """Say that two cases that grew together are two. They stay apart from now on.

    Raises CaseError when another person answered first.
    """
    hold_grouping()
    if not reason.strip():
        raise CaseError("Say why the two are not one campaign.")
    left, right = lock_cases(proposal.left, proposal.right, actor=actor)
    act = Reshaping.objects.create(
        kind=Reshaping.Kind.DECLINED, case=left, other=right, reason=reason[:500], done_by=actor
    )
    answer_proposal(proposal, MergeProposal.State.DECLINED, act)
    bind(
        Constraint.Kind.APART, left, right,
        left_accounts=accounts_of(left), right_accounts=accounts_of(right), reshaping=act,
    )  # fmt: skip
    kind = TimelineEvent.Kind.MERGE_DECLINED
    told = {"act": act.pk, "reason": reason}
    append_event(left, kind, actor=actor, content=told | {"other": right.ref})
    append_event(right, kind, actor=actor, content=told | {"other": left.ref})
    return act


@transaction.atomic
def undo_decline(act: Reshaping, *, actor: User) -> None:
    """Take back that two cases stay apart; where they still grow together it is proposed anew."""
    hold_grouping()
    act = Reshaping.objects.select_for_update().get(pk=act.pk)
    if reason := why_no_undo(act):
        raise CaseError(reason)
    left, right = lock_cases(act.case, act.other, actor=actor)
    mark_undone(act, actor=actor)
    kind = TimelineEvent.Kind.DECLINE_UNDONE
    append_event(left, kind, actor=actor, content={"act": act.pk, "other": right.ref})
    append_event(right, kind, actor=actor, content={"act": act.pk, "other": left.ref})


def answer_proposal(proposal: MergeProposal, state: str, act: Reshaping) -> None:
    """Close a proposal by the act of a person. Raises CaseError when another was first."""
    moved = MergeProposal.objects.filter(pk=proposal.pk, state=MergeProposal.State.OPEN).update(
        state=state, answered_by=act.done_by, answered_at=timezone.now(), reshaping=act
    )
    if not moved:
        raise CaseError("Another person answered this proposal first. Reload to see how.")
    count_proposals([proposal.left_id, proposal.right_id])


def accounts_of(case: Case) -> set[int]:
    """Its members now, without those that a person ruled out."""
    members = Member.objects.current().filter(case=case).exclude(verdict=Member.Verdict.OUT)
    return set(members.values_list("account_id", flat=True))


def count_proposals(cases: Iterable[int]) -> None:
    """Bring the number of open proposals on cases up to date; the queue reads only that."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE cases_case c SET merges_proposed = (
                SELECT count(*) FROM cases_mergeproposal p
                WHERE p.state = 'open' AND (p.left_id = c.id OR p.right_id = c.id)
            ) WHERE c.id = ANY(%s)
            """,
            [sorted(set(cases))],
        )


def _reasons(pairs: list[tuple[int, int]]) -> list[dict]:
    """What ties the cases of each pair: shared accounts, and values on members of both."""
    left, right = [a for a, _ in pairs], [b for _, b in pairs]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.place, count(*) FROM unnest(%s::bigint[], %s::bigint[])
                WITH ORDINALITY p (a, b, place)
            JOIN cases_member m ON m.case_id = p.a AND m.left_at IS NULL
            JOIN cases_member o ON o.case_id = p.b AND o.left_at IS NULL
                AND o.account_id = m.account_id
            GROUP BY 1
            """,
            [left, right],
        )
        shared = dict(cursor.fetchall())
        cursor.execute(TIES, [left, right])
        ties: dict[int, list] = {}
        for place, attribute, here, there in cursor.fetchall():
            ties.setdefault(place, []).append((attribute, here, there))
    attributes = Attribute.objects.in_bulk({row[0] for rows in ties.values() for row in rows})
    answer = []
    for place in range(1, len(pairs) + 1):
        rows = ties.get(place, [])
        told = [
            {
                "attribute": pk,
                "what": attribute_name(attributes[pk]),
                "prevalence": prevalence(attributes[pk]),
                "here": here,
                "there": there,
            }
            for pk, here, there in rows[:TIES_TOLD]
        ]
        both = shared.get(place, 0)
        said = [f"{plural(both, 'account')} in both"] if both else []
        said += [f"{t['what']} on {t['here']:,} and {t['there']:,} members" for t in told[:3]]
        answer.append(
            {
                "accounts": both,
                "values": len(rows),
                "ties": told,
                "says": list_words(said) if said else "Grouping finds one cluster where both are.",
            }
        )
    return answer

"""Members that move between cases, remembered so that each row can be put back as it was."""

from collections.abc import Sequence

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from cases.errors import CaseError
from cases.models import Case, Enforcement, EnforcementItem, Member, Reshaping, Share

# all that is said of a member beside where it is and what a person said; later columns go along
SAID = [
    field.column
    for field in Member._meta.concrete_fields
    if field.name
    not in (
        "id", "case", "account", "joined_at", "left_at", "since_decision", "verdict", "verdict_by",
        "verdict_at", "verdict_alone",
    )
]  # fmt: skip
WORD = ("verdict", "verdict_by_id", "verdict_at", "verdict_alone")

REMEMBER = """
INSERT INTO cases_reshapedmember
    (reshaping_id, member_id, before, before_by_id, before_at, before_alone, left_before, created)
SELECT %s, m.id, m.verdict, m.verdict_by_id, m.verdict_at, m.verdict_alone, m.left_at, false
FROM cases_member m WHERE m.id = ANY(%s)
ON CONFLICT (member_id, reshaping_id) DO NOTHING
"""
# A row that is current in the target stays as it is; one that had left takes what the source says.
# A person's word in the target outweighs one that comes along.
CARRY = f"""
INSERT INTO cases_member
    (case_id, account_id, joined_at, left_at, since_decision, {", ".join((*WORD, *SAID))})
SELECT %(target)s, account_id, %(now)s, NULL, %(fresh)s, {", ".join((*WORD, *SAID))}
FROM cases_member WHERE id = ANY(%(members)s)
ON CONFLICT (case_id, account_id) DO UPDATE SET
    left_at = NULL,
    since_decision = CASE WHEN cases_member.left_at IS NULL THEN cases_member.since_decision
                          ELSE EXCLUDED.since_decision END,
    {
    ", ".join(
        f"{c} = CASE WHEN cases_member.verdict = '' THEN EXCLUDED.{c} ELSE cases_member.{c} END"
        for c in WORD
    )
},
    {
    ", ".join(
        f"{c} = CASE WHEN cases_member.left_at IS NULL THEN cases_member.{c} ELSE EXCLUDED.{c} END"
        for c in SAID
    )
}
RETURNING id
"""
CREATED = """
INSERT INTO cases_reshapedmember (reshaping_id, member_id, before, before_alone, created)
SELECT %s, id, '', false, true FROM unnest(%s::bigint[]) AS m (id)
ON CONFLICT (member_id, reshaping_id) DO NOTHING
"""
# what an act made leaves again and says nothing any more: a word on it would pin it
RESTORE = """
UPDATE cases_member m SET
    left_at = CASE WHEN r.created THEN %(now)s ELSE r.left_before END,
    verdict = r.before, verdict_by_id = r.before_by_id, verdict_at = r.before_at,
    verdict_alone = r.before_alone
FROM cases_reshapedmember r WHERE r.reshaping_id = %(reshaping)s AND r.member_id = m.id
"""
RECOUNT = """
UPDATE cases_case c SET core = n.core, likely = n.likely, possible = n.possible,
    expected_members = n.expected, new_since_decision = n.since
FROM (
    SELECT k.id, count(*) FILTER (WHERE m.tier = 'core') AS core,
           count(*) FILTER (WHERE m.tier = 'likely') AS likely,
           count(*) FILTER (WHERE m.tier = 'possible') AS possible,
           COALESCE(sum(m.probability), 0) AS expected,
           count(*) FILTER (WHERE m.since_decision) AS since
    FROM unnest(%s::bigint[]) k (id)
    LEFT JOIN cases_member m
        ON m.case_id = k.id AND m.left_at IS NULL AND m.verdict <> 'out'
    GROUP BY k.id
) n WHERE n.id = c.id
"""
RELINK = """
UPDATE cases_link l SET members = n.members
FROM (
    SELECT case_id, attribute_id, count(*) AS members FROM cases_link
    WHERE case_id = ANY(%s) GROUP BY 1, 2
) n WHERE n.case_id = l.case_id AND n.attribute_id = l.attribute_id AND n.members <> l.members
"""


def remember(reshaping: Reshaping, members: Sequence[int]) -> None:
    """Keep how members are before the act touches them."""
    with connection.cursor() as cursor:
        cursor.execute(REMEMBER, [reshaping.pk, list(members)])


def carry_members(
    reshaping: Reshaping | None, source: Case, target: Case, members: Sequence[int], *, fresh: bool
) -> None:
    """Move members of source to target, with their links and what people said of them.

    Their rows in source stay and are left. fresh: they are new since target's decision. Without a
    reshaping nothing is remembered for an undo.
    """
    now, members = timezone.now(), list(members)
    with connection.cursor() as cursor:
        if reshaping:
            there = Member.objects.filter(
                case=target, account__in=Member.objects.filter(pk__in=members).values("account")
            )
            remember(reshaping, [*members, *there.values_list("pk", flat=True)])
        asked = {"target": target.pk, "now": now, "fresh": fresh, "members": members}
        cursor.execute(CARRY, asked)
        if reshaping:
            cursor.execute(CREATED, [reshaping.pk, [row[0] for row in cursor.fetchall()]])
        cursor.execute(
            "UPDATE cases_member SET left_at = %s, verdict = '', verdict_by_id = NULL,"
            " verdict_at = NULL, verdict_alone = false WHERE id = ANY(%s)",
            [now, members],
        )
    move_links(source, target, members)


def move_links(source: Case, target: Case, members: Sequence[int]) -> None:
    """The links of members of source become target's; grouping counts them anew when it runs."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH gone AS (
                DELETE FROM cases_link l USING cases_member m
                WHERE m.id = ANY(%s) AND l.case_id = %s AND l.account_id = m.account_id
                RETURNING l.account_id, l.attribute_id, l.bits, l.members, l.first_at, l.last_at
            )
            INSERT INTO cases_link
                (case_id, account_id, attribute_id, bits, members, first_at, last_at)
            SELECT %s, account_id, attribute_id, bits, members, first_at, last_at FROM gone
            ON CONFLICT (case_id, account_id, attribute_id) DO NOTHING
            """,
            [list(members), source.pk, target.pk],
        )
        cursor.execute(RELINK, [[source.pk, target.pk]])


def restore_members(reshaping: Reshaping) -> None:
    """Put every member that the act touched back as it was."""
    with connection.cursor() as cursor:
        cursor.execute(RESTORE, {"now": timezone.now(), "reshaping": reshaping.pk})


def recount(*cases: Case) -> None:
    """Bring the counts of cases to what their members are now."""
    with connection.cursor() as cursor:
        cursor.execute(RECOUNT, [[case.pk for case in cases]])


def refuse_pending(case: Case, members: Sequence[int] | None = None) -> None:
    """An order or a share that somebody still reviews must not change its meaning under them.

    members: only orders that name one of these. Raises CaseError.
    """
    running = [Enforcement.State.REQUESTED, Enforcement.State.RUNNING]
    orders = case.enforcements.filter(state__in=running)
    if members is not None:
        named = EnforcementItem.objects.filter(
            account__in=Member.objects.filter(pk__in=members).values("account")
        )
        orders = orders.filter(items__in=named).distinct()
    if order := orders.order_by("number").first():
        raise CaseError(
            f"{order.ref} on {case.ref} is {order.get_state_display()} and names these accounts: "
            "let it end, or cancel it."
        )
    if case.shares.filter(state=Share.State.PREPARED).exists():
        raise CaseError(f"A share of {case.ref} waits for approval: approve or refuse it first.")


def why_no_undo(reshaping: Reshaping) -> str:
    """Why an act cannot be undone, in words; "" when it can. Undo goes backwards, latest first."""
    if reshaping.undone_at:
        who = reshaping.undone_by.get_username()
        return f"{who} undid this already on {reshaping.undone_at:%-d %b %H:%M}."
    case, other = reshaping.case, reshaping.other
    merge = reshaping.kind == Reshaping.Kind.MERGED
    for one in (case, other):
        gone = one and one.merged_into_id
        if gone and not (merge and one == other and gone == case.pk):
            return f"{one.ref} was merged into {one.merged_into.ref} since: undo that first."
    if merge and other.merged_into_id != case.pk:
        return f"{other.ref} is not part of {case.ref} any more."
    later = Reshaping.objects.standing().filter(pk__gt=reshaping.pk)
    touched = later.filter(members__member__reshaped__reshaping=reshaping)
    if other is not None and reshaping.kind != Reshaping.Kind.DECLINED:
        shape = [Reshaping.Kind.SPLIT, Reshaping.Kind.MERGED]
        moved = Q(case__in=[case, other]) | Q(other__in=[case, other])
        if merge:
            touched = touched | later.filter(moved, kind__in=shape)
        else:
            touched = touched | later.filter(Q(case=other) | Q(other=other))
    if newer := touched.distinct().order_by("-pk").select_related("done_by", "case").first():
        return (
            f"{newer.done_by.get_username()} {WORDS[newer.kind]} {newer.case.ref} on "
            f"{newer.done_at:%-d %b %H:%M}, after this: undo that first."
        )
    return ""


WORDS = {
    Reshaping.Kind.JUDGED: "judged members of",
    Reshaping.Kind.SPLIT: "split",
    Reshaping.Kind.MERGED: "merged a case into",
    Reshaping.Kind.DECLINED: "declined a merge of",
    Reshaping.Kind.LINKED: "linked",
}


def mark_undone(reshaping: Reshaping, *, actor) -> None:
    """Of two people who undo at once one wins; raises CaseError for the other."""
    moved = Reshaping.objects.filter(pk=reshaping.pk, undone_at=None).update(
        undone_at=timezone.now(), undone_by=actor, taken_at=None
    )
    reshaping.refresh_from_db()
    if not moved:
        raise CaseError(why_no_undo(reshaping))
    if constraint := getattr(reshaping, "constraint", None):
        constraint.lifted_at = reshaping.undone_at
        constraint.save(update_fields=["lifted_at"])

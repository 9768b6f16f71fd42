"""What people said of whole sets of accounts, as grouping must obey it, and what is news to it."""

import time
from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection

from cases.errors import CaseError, CaseMoved
from cases.grouping import Constraints
from cases.models import Case, Constraint, ConstraintAccount, Reshaping
from cases.services.triage import free_for

# The one lock of grouping: locks per component deadlock when a signal joins two. A run holds it
# alone, acts upon the shape of cases share it.
LOCK = 0x5711_0001
PATIENCE = 0.9  # seconds that a request waits for a grouping run
BATCH = 5_000
Side = ConstraintAccount.Side


def hold_grouping() -> None:
    """Keep grouping from running until this transaction ends. Raises CaseError while it runs.

    A run reads who is where and writes it back: a split in between would be undone by it.
    """
    end = time.monotonic() + PATIENCE
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock_shared(%s)", [LOCK])
            if cursor.fetchone()[0]:
                return
        if time.monotonic() > end:
            raise CaseError("Grouping is at work on the cases. Try again in a moment.")
        time.sleep(0.05)


def lock_cases(*cases: Case, actor: User) -> list[Case]:
    """The cases as they are now, locked in key order, in the order given.

    Raises CaseMoved where another person holds one, CaseError where one was merged away.
    """
    pks = sorted({case.pk for case in cases})
    found = {c.pk: c for c in Case.objects.select_for_update().filter(pk__in=pks).order_by("pk")}
    free = set(Case.objects.filter(free_for(actor), pk__in=pks).values_list("pk", flat=True))
    for case in found.values():
        if case.merged_into_id:
            raise CaseError(f"{case.ref} was merged into {case.merged_into.ref}. Work there.")
        if case.pk not in free:
            raise CaseMoved(case)
    return [found[case.pk] for case in cases]


def bind(
    kind: str,
    left: Case,
    right: Case,
    *,
    left_accounts: Iterable[int],
    right_accounts: Iterable[int],
    reshaping: Reshaping | None,
) -> Constraint:
    """Write a constraint. An account named on both sides is on neither."""
    constraint = Constraint.objects.create(kind=kind, left=left, right=right, reshaping=reshaping)
    extend(constraint, left_accounts, right_accounts)
    return constraint


def extend(constraint: Constraint, left: Iterable[int], right: Iterable[int]) -> None:
    """Add accounts to the sides of a constraint; those that it names already stay as they are."""
    left, right = set(left), set(right)
    rows = [(account, Side.LEFT) for account in sorted(left - right)]
    rows += [(account, Side.RIGHT) for account in sorted(right - left)]
    ConstraintAccount.objects.bulk_create(
        (ConstraintAccount(constraint=constraint, account_id=a, side=side) for a, side in rows),
        batch_size=BATCH,
        ignore_conflicts=True,
    )
    Constraint.objects.filter(pk=constraint.pk).update(taken_at=None)


def standing() -> Constraints:
    """All constraints that stand, free of contradiction: of two that collide the newer holds."""
    rows = (
        ConstraintAccount.objects.filter(constraint__lifted_at=None)
        .order_by("constraint_id", "account_id")
        .values_list("constraint_id", "constraint__kind", "account_id", "side")
    )
    sides: dict[int, tuple[str, set[int], set[int]]] = {}
    for pk, kind, account, side in rows.iterator(chunk_size=20_000):
        entry = sides.setdefault(pk, (kind, set(), set()))
        entry[1 if side == Side.LEFT else 2].add(account)
    newest_first = [sides[pk] for pk in sorted(sides, reverse=True)]
    return reconcile(
        (kind, frozenset(left), frozenset(right)) for kind, left, right in newest_first
    )


def reconcile(newest_first: Iterable[tuple[str, frozenset[int], frozenset[int]]]) -> Constraints:
    """Constraints without contradictions from (kind, left, right), the newest word first.

    A newer *together* takes its pairs out of an older *apart*; a newer *apart* cuts an older
    *together* into the part that stayed and the part that moved.
    """
    apart: list[tuple[frozenset[int], frozenset[int]]] = []
    together: list[frozenset[int]] = []
    for kind, left, right in newest_first:
        if kind == Constraint.Kind.APART:
            pairs = [(left, right)]
            for united in together:
                pairs = [piece for pair in pairs for piece in _without(pair, united)]
            apart += pairs
        else:
            parts = [left | right]
            for stayed, moved in apart:
                parts = [
                    piece
                    for part in parts
                    for piece in ((part - moved, part & moved) if part & stayed else (part,))
                ]
            together += [part for part in parts if len(part) > 1]
    return Constraints(tuple(reversed(apart)), tuple(reversed(together)))


def _without(pair, united):
    left, right = pair
    if not left & united or not right & united:
        return [pair]
    pieces = [(left - united, right), (left & united, right - united)]
    return [(a, b) for a, b in pieces if a and b]


def has_news() -> bool:
    """Did a person do or undo something, or a wave grow, that no grouping run has used yet."""
    return (
        Reshaping.objects.filter(taken_at=None).exists()
        or Constraint.objects.filter(taken_at=None).exists()
    )


def take_news(at: datetime) -> set[int]:
    """Mark what people did as used by the run of this transaction; the accounts that it is about.

    A constraint concerns all accounts that it names. Undone or done a moment later, the row is
    news again.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH taken AS (
                UPDATE cases_reshaping SET taken_at = %s WHERE taken_at IS NULL RETURNING id
            ), bound AS (
                UPDATE cases_constraint SET taken_at = %s WHERE taken_at IS NULL RETURNING id
            )
            SELECT a.account_id FROM bound
                JOIN cases_constraintaccount a ON a.constraint_id = bound.id
            UNION
            SELECT m.account_id FROM taken
                JOIN cases_reshapedmember r ON r.reshaping_id = taken.id
                JOIN cases_member m ON m.id = r.member_id
            UNION
            SELECT a.account_id FROM taken
                JOIN cases_constraint c ON c.reshaping_id = taken.id
                JOIN cases_constraintaccount a ON a.constraint_id = c.id
            """,
            [at, at],
        )
        return {row[0] for row in cursor.fetchall()}

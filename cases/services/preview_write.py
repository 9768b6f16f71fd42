"""Keeps a difference as rows: a case each, and the accounts that move."""

from collections import Counter

from cases.grouping import Grouping
from cases.grouping.difference import Difference, Stands, differences
from cases.models import Case, Member, Note, PreviewCase, PreviewMember, RegroupPreview, Reshaping
from cases.services.left_out import accounts_of, entries_in_force
from cases.services.propose import hold_proposed

BATCH = 2_000
CHANGES = ("joins", "leaves", "rises", "falls", "kept")


def write_differences(preview: RegroupPreview, answer: Grouping) -> dict:
    """Store what an answer would change, inside the caller's transaction; returns the counts."""
    numbers = [cluster.case for cluster in answer.clusters if cluster.case]
    cases = {
        case.number: case
        for case in Case.objects.filter(number__in=[*numbers, *answer.absorbed])
        .only("pk", "number", "status", "verdict", "owner", "opened_by", "after_order")
        .order_by("number")
    }
    answer, grown_together = hold_proposed(answer, cases)
    found = differences(
        answer, _stands(cases), proposed=[(a.number, b.number) for a, b in grown_together]
    )
    rows = [
        PreviewCase(
            preview=preview,
            place=place,
            case=cases.get(d.number),
            verdict=cases[d.number].verdict if d.number else "",
            fate=d.fate,
            before=d.before,
            **d.tiers,
            **{change: d.count(change) for change in CHANGES},
            shifted=d.shifted,
            others=[
                {"ref": _name(other), "accounts": other.accounts, "how": other.how}
                for other in d.others
            ],
            conflicts=d.conflicts,
        )
        for place, d in enumerate(found, start=1)
    ]
    PreviewCase.objects.bulk_create(rows, batch_size=BATCH)
    PreviewMember.objects.bulk_create(
        (_member(row, move) for row, d in zip(rows, found, strict=True) for move in d.moves),
        batch_size=BATCH,
    )
    return _summary(found)


def _summary(found: list[Difference]) -> dict:
    fates = Counter(d.fate for d in found)
    return {
        "cases": {fate: fates[fate] for fate in PreviewCase.Fate.values},
        **{change: sum(d.count(change) for d in found) for change in CHANGES},
        "shifted": sum(d.shifted for d in found),
        "conflicts": sum(bool(d.conflicts) for d in found),
    }


def _member(row: PreviewCase, move) -> PreviewMember:
    (tier_before, p_before) = move.before or ("", None)
    (tier_after, p_after) = move.after or ("", None)
    return PreviewMember(
        of=row, account_id=move.account, change=move.change,
        tier_before=tier_before, tier_after=tier_after, p_before=p_before, p_after=p_after,
    )  # fmt: skip


def _name(other) -> str:
    if other.number:
        return f"C-{other.number}"
    return f"new case {other.place + 1}" if other.place is not None else "a new case"


def _stands(cases: dict[int, Case]) -> list[Stands]:
    """The cases as they are stored, in a constant number of queries."""
    keys = {case.pk: number for number, case in cases.items()}
    members: dict[int, dict[int, tuple[str, float]]] = {number: {} for number in cases}
    spoken: dict[int, set[int]] = {number: set() for number in cases}
    rows = Member.objects.filter(case__in=keys).values_list(
        "case_id", "account_id", "tier", "probability", "verdict", "left_at"
    )
    for case, account, tier, probability, verdict, left_at in rows.iterator(chunk_size=20_000):
        if verdict:
            spoken[keys[case]].add(account)
        if left_at is None and verdict != Member.Verdict.OUT:
            members[keys[case]][account] = (tier, probability)
    noted = set(Note.objects.filter(case__in=keys).values_list("case_id", flat=True))
    acts = Reshaping.objects.filter(case__in=keys).values_list("case_id", flat=True)
    others = Reshaping.objects.filter(other__in=keys).values_list("other_id", flat=True)
    touched = noted | set(acts) | set(others)
    aside = frozenset(accounts_of(entries_in_force()).tolist())
    return [
        Stands(
            number,
            members[number],
            spoken[number],
            _kept(case),
            _untied(case),
            case.status != Case.Status.NEW or case.owner_id is not None or case.pk in touched,
            aside,
        )
        for number, case in cases.items()
    ]


def _kept(case: Case) -> str:
    """Why a case keeps its members whatever the evidence says, as group_write holds it."""
    if case.verdict != Case.Verdict.UNDECIDED:
        return f"Decided as {case.get_verdict_display()}"
    return ""


def _untied(case: Case) -> str:
    """Why it keeps them even where no cluster takes it over."""
    if case.opened_by_id:
        return "Opened by hand"
    return "A wave after an action" if case.after_order_id else ""

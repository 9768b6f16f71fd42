"""Who may be behind several cases: waves and pools of one actor, linked by the desk or by hand."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max

from cases.errors import CaseError
from cases.models import Case, Operator, Reshaping, TimelineEvent
from cases.services.carry import mark_undone, why_no_undo
from cases.services.constrain import lock_cases
from cases.services.timeline import append_event

PLACE = ("operator_id", "wave", "predecessor_id")


@transaction.atomic
def link_case(
    case: Case,
    *,
    actor: User,
    reason: str,
    operator: Operator | None = None,
    name: str = "",
    predecessor: Case | None = None,
) -> Reshaping:
    """Say that an operator is behind a case: a known one, that of the predecessor, or a new one
    by this name. With a predecessor the case is the next wave after it.

    Raises CaseError where the case has an operator already, or the two do not fit together.
    """
    (case,) = lock_cases(case, actor=actor)
    if not reason.strip():
        raise CaseError("Say what makes you think that they are one operator.")
    if case.operator_id:
        raise CaseError(f"{case.ref} is linked to {case.operator}. Unlink it first.")
    if predecessor is not None:
        operator = _of_predecessor(case, predecessor, operator, actor)
    if operator is None:
        if not name.strip():
            raise CaseError("Name the operator, or choose one.")
        operator = Operator.objects.create(name=name.strip()[:120], created_by=actor)
    return _place(
        case, actor, reason,
        operator_id=operator.pk,
        wave=next_wave(operator),
        predecessor_id=predecessor and predecessor.pk,
    )  # fmt: skip


@transaction.atomic
def unlink_case(case: Case, *, actor: User, reason: str) -> Reshaping:
    """Say that the operator is not behind the case. The sweep for waves does not link it again."""
    (case,) = lock_cases(case, actor=actor)
    if not reason.strip():
        raise CaseError("Say why it does not belong to the operator.")
    if not case.operator_id:
        raise CaseError(f"{case.ref} is linked to no operator.")
    return _place(case, actor, reason, operator_id=None, wave=None, predecessor_id=None)


@transaction.atomic
def undo_link(act: Reshaping, *, actor: User) -> Case:
    """Put a case back to the operator, the wave and the predecessor that it had before an act."""
    act = Reshaping.objects.select_for_update().get(pk=act.pk)
    if reason := why_no_undo(act) or _moved_since(act):
        raise CaseError(reason)
    (case,) = lock_cases(act.case, actor=actor)
    mark_undone(act, actor=actor)
    was, became = act.before["was"], act.before["became"]
    for name in PLACE:
        setattr(case, name, was[name])
    case.save(update_fields=[name.removesuffix("_id") for name in PLACE])
    linked = was["operator_id"] is not None
    operator = Operator.objects.get(pk=was["operator_id"] or became["operator_id"])
    _tell(case, actor, operator, linked=linked, wave=was["wave"], act=act, reason="undone")
    return case


def next_wave(operator: Operator) -> int:
    return (operator.cases.aggregate(last=Max("wave"))["last"] or 0) + 1


def _of_predecessor(case: Case, predecessor: Case, operator, actor) -> Operator:
    """The predecessor's operator; a new one, of which the predecessor is the first wave."""
    if predecessor.pk == case.pk:
        raise CaseError(f"{case.ref} cannot follow itself. Name the case before it.")
    (predecessor,) = lock_cases(predecessor, actor=actor)
    if predecessor.predecessor_id == case.pk:
        raise CaseError(f"{predecessor.ref} came after {case.ref}.")
    if predecessor.operator_id is None:
        created = operator or Operator.objects.create(name=predecessor.name, created_by=actor)
        _place(
            predecessor, actor, f"first wave before {case.ref}",
            operator_id=created.pk, wave=next_wave(created), predecessor_id=None,
        )  # fmt: skip
        return created
    if operator is not None and operator.pk != predecessor.operator_id:
        raise CaseError(
            f"{predecessor.ref} is linked to {predecessor.operator}, not to {operator}."
        )
    return predecessor.operator


def _place(case: Case, actor: User, reason: str, **where) -> Reshaping:
    was = {name: getattr(case, name) for name in PLACE}
    for name, value in where.items():
        setattr(case, name, value)
    case.save(update_fields=[name.removesuffix("_id") for name in PLACE])
    act = Reshaping.objects.create(
        kind=Reshaping.Kind.LINKED,
        case=case,
        reason=reason[:500],
        before={"was": was, "became": where},
        done_by=actor,
    )
    linked = where["operator_id"] is not None
    operator = Operator.objects.get(pk=where["operator_id"] or was["operator_id"])
    wave = where["wave"] if linked else was["wave"]
    _tell(case, actor, operator, linked=linked, wave=wave, act=act, reason=reason)
    return act


def _tell(case, actor, operator, *, linked, wave, act, reason) -> None:
    kind = TimelineEvent.Kind
    append_event(
        case,
        kind.OPERATOR_LINKED if linked else kind.OPERATOR_UNLINKED,
        actor=actor,
        content={
            "act": act.pk, "operator": operator.name, "operator_id": operator.pk, "wave": wave,
            "reason": reason,
        },
    )  # fmt: skip


def _moved_since(act: Reshaping) -> str:
    case = Case.objects.get(pk=act.case_id)
    if {name: getattr(case, name) for name in PLACE} != act.before["became"]:
        return f"{case.ref} was linked anew since: undo that first."
    return ""

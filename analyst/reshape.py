"""What the pages show of a case's shape: acts and constraints, proposals, waves, operators."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Count, F, Q
from django.http import Http404

from analyst.access import visible_cases
from cases.models import Aftermath, Case, Constraint, Member, MergeProposal, Operator, Reshaping
from cases.services.aftermath import DAYS

ACTS_SHOWN = 8
Kind = Reshaping.Kind


def survivor_of(user: User, case: Case) -> Case:
    """The case that a merged one is part of now, through any number of merges. 404 where the
    person may not know of it."""
    seen = {case.pk}
    while case.merged_into_id and case.merged_into_id not in seen:
        seen.add(case.merged_into_id)
        case = Case.objects.only("number", "merged_into").get(pk=case.merged_into_id)
    found = visible_cases(user).filter(pk=case.pk).first()
    if found is None:
        raise Http404
    return found


def shape_of(user: User, case: Case, data) -> dict:
    """Everything that the partials of the case page expect, in a constant number of queries."""
    visible = visible_cases(user).values("pk")
    acts = list(
        Reshaping.objects.of_case(case)
        .filter(Q(other=None) | Q(other__in=visible), case__in=visible)
        .select_related("case", "other", "done_by", "undone_by", "constraint")
        .annotate(accounts=Count("members", filter=Q(members__member__case=F("case"))))
        .order_by("-pk")[: ACTS_SHOWN + 1]
    )
    came = data.get("from", "")
    absorbed = list(
        case.absorbed.filter(pk__in=visible)
        .only("number", "name", "verdict", "merged_into")
        .order_by("number")[:20]
    )
    return {
        "acts": [_told(act, case) for act in acts[:ACTS_SHOWN]],
        "more_acts": len(acts) > ACTS_SHOWN,
        "apart_from": _apart(case, visible),
        "absorbed": absorbed,
        "came_from": next((one for one in absorbed if one.ref == came), None),
        "proposals": proposals_of(case, visible) if case.merges_proposed else [],
        **waves_of(case, visible),
    }


def _told(act: Reshaping, case: Case) -> dict:
    """One act as the page says it: what was done, by whom, why, and whether undo is offered."""
    other = act.other if act.case_id == case.pk else act.case
    said = {
        Kind.JUDGED: f"{act.accounts:,} judged {act.verdict or 'not at all any more'}",
        Kind.SPLIT: "split off into" if act.case_id == case.pk else "split off from",
        Kind.MERGED: "took in" if act.case_id == case.pk else "merged into",
        Kind.DECLINED: "stays apart from",
        Kind.LINKED: "linked" if act.before.get("became", {}).get("operator_id") else "unlinked",
    }[act.kind]
    return {"act": act, "says": said, "other": other, "case": act.case}


def _apart(case: Case, visible) -> list[Case]:
    """Cases whose accounts a standing constraint keeps out of this one."""
    standing = Constraint.objects.filter(kind=Constraint.Kind.APART, lifted_at=None)
    pks = {
        pk
        for pair in standing.filter(Q(left=case) | Q(right=case)).values_list("left", "right")
        for pk in pair
    } - {case.pk}
    return list(
        Case.objects.filter(pk__in=pks)
        .filter(pk__in=visible, merged_into=None)
        .only("number", "name")
        .order_by("number")[:20]
    )


def proposals_of(case: Case, visible) -> list[dict]:
    """Open proposals to merge the case, each with the other case."""
    rows = (
        MergeProposal.objects.filter(state=MergeProposal.State.OPEN)
        .filter(Q(left=case) | Q(right=case), left__in=visible, right__in=visible)
        .select_related("left", "right")
        .defer("left__explanation", "right__explanation")
        .order_by("pk")[:20]
    )
    return [
        {"row": row, "other": row.right if row.left_id == case.pk else row.left} for row in rows
    ]


def waves_of(case: Case, visible) -> dict:
    """What came before and after the case, and what came back after each action on it."""
    following = list(
        Case.objects.filter(predecessor=case, pk__in=visible, merged_into=None)
        .select_related("after_order")
        .defer("explanation")
        .order_by("wave", "pk")[:20]
    )
    orders = Aftermath.objects.filter(order__case=case).select_related("order").order_by("-pk")
    before = None
    if case.predecessor_id:
        before = Case.objects.filter(pk=case.predecessor_id, pk__in=visible).first()
    return {
        "waves_after": following,
        "wave_before": before,
        "aftermaths": [aftermath_words(row) for row in orders[:5]],
    }


def aftermath_words(row: Aftermath) -> dict:
    """One action's figures as the page says them: the share, or why it is not known."""
    took = row.acted_at - row.first_signal_at if row.first_signal_at else None
    windows = []
    for days in DAYS:
        told = row.returned.get(str(days)) or {}
        windows.append(
            told
            | {
                "days": days,
                "start_at": _moment(told.get("start")),
                "end_at": _moment(told.get("end")),
                "percent": None if told.get("share") is None else _percent(told["share"]),
                "accounts_percent": (
                    None if told.get("accounts_share") is None else _percent(told["accounts_share"])
                ),
            }
        )
    return {"row": row, "order": row.order, "took": took, "windows": windows}


def _percent(share: float) -> str:
    """62 %; a little is not nothing."""
    return "under 1 %" if 0 < share < 0.01 else f"{share:.0%}".replace("%", " %")


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def operator_totals(operator: Operator, cases: list[Case]) -> dict:
    """Totals over the cases of an operator that the person may see: each account counted once."""
    members = Member.objects.current().filter(case__in=cases).exclude(verdict=Member.Verdict.OUT)
    taken = [case.explanation.get("extraction") or {} for case in cases]
    return {
        "accounts": members.values("account").distinct().count(),
        "in_several": members.values("account").annotate(n=Count("case")).filter(n__gt=1).count(),
        "core": sum(part.get("core") or 0 for part in taken),
        "weighted": sum(part.get("weighted") or 0 for part in taken),
        "all": sum(part.get("all") or 0 for part in taken),
        "uncounted": sum(not part for part in taken),
        "harm": sum(case.harm_per_day for case in cases),
    }

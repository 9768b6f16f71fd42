"""The doors to partners, matches and tips: first 404, then 403, as in access.py."""

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404

from analyst.access import SHARERS, desk_for_reading, may, visible_cases
from cases.models import MatchSession, Partner, Tip

APPROVERS = {"lead", "counsel"}
BLOBS = ("points", "answer", "sealed_scalar")


def may_approve(user: User) -> bool:
    return may(user, APPROVERS)


def desk_for_tips(user: User) -> None:
    desk_for_reading(user)
    if not may(user, SHARERS):
        raise PermissionDenied("Analysts, leads and counsel enter tips.")


def visible_matches(user: User) -> QuerySet[MatchSession]:
    """What partners asked, and what we asked about cases that the person may see."""
    cases = visible_cases(user)
    rows = MatchSession.objects.filter(Q(ours=False) | Q(case__in=cases))
    return rows.select_related("partner", "case", "asked_by", "agreed_by", "job").defer(*BLOBS)


def match_for_reading(user: User, uid) -> MatchSession:
    desk_for_reading(user)
    return get_object_or_404(visible_matches(user).order_by("ours"), pk=uid)


def match_for_approving(user: User, uid) -> MatchSession:
    session = match_for_reading(user, uid)
    if not may_approve(user):
        raise PermissionDenied("A lead or counsel says yes or no to names.")
    return session


def partner_for_reading(user: User, slug: str) -> Partner:
    desk_for_reading(user)
    return get_object_or_404(Partner.objects.select_related("detector"), slug=slug)


def tip_for_reading(user: User, pk: int) -> Tip:
    desk_for_reading(user)
    return get_object_or_404(
        Tip.objects.select_related("partner", "entered_by", "settled_by", "batch"), pk=pk
    )


def tip_for_settling(user: User, pk: int) -> Tip:
    tip = tip_for_reading(user, pk)
    desk_for_tips(user)
    return tip

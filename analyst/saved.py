"""Saved views of the queue: kept, forgotten, brought back; and how many cases each shows."""

from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from analyst.access import DECIDERS, REVIEWERS, may
from analyst.models import SavedView
from analyst.queue import QueueQuery, UpTo
from cases.errors import CaseError

SHOWN = 8  # tabs; more would not be seen at a glance
MOST = 50  # kept by one person
COUNTED = 200


class SavedViewRefused(CaseError):
    """Says what to do instead."""


class ViewTab(NamedTuple):
    view: SavedView
    href: str
    count: int
    current: bool


def views_of(user: User) -> QuerySet[SavedView]:
    """The person's own and the team's, in the order of their names."""
    return SavedView.objects.filter(
        Q(owner=user) | Q(team=True, owner__is_active=True), forgotten_at=None
    ).order_by("team", "name", "pk")


def tabs_for(user: User, here: str, people: list[User]) -> list[ViewTab]:
    """Tabs of the saved views with their counts, in two queries; here: this page's parameters."""
    views = list(views_of(user).select_related("owner")[:SHOWN])
    if not views:
        return []
    asked = [QueueQuery(QueryDict(view.query), user=user, people=people) for view in views]
    columns = {f"n{i}": UpTo(query.cases(), COUNTED) for i, query in enumerate(asked)}
    counts = User.objects.filter(pk=user.pk).values_list(*columns.values()).get()
    return [
        ViewTab(view, query.url(), count, query.string() == here)
        for view, query, count in zip(views, asked, counts, strict=True)
    ]


def save_view(name: str, *, actor: User, query: str, team: bool) -> SavedView:
    """Keep these parameters under a name. Raises SavedViewRefused."""
    if team and not may(actor, DECIDERS):
        raise SavedViewRefused("Analysts and leads save views for the team: keep it for yourself.")
    if not query:
        raise SavedViewRefused("This is the queue without any filter: choose one, then save it.")
    if SavedView.objects.filter(owner=actor, forgotten_at=None).count() >= MOST:
        raise SavedViewRefused(f"You keep {MOST} views already: forget one first.")
    try:
        with transaction.atomic():
            return SavedView.objects.create(owner=actor, name=name, query=query, team=team)
    except IntegrityError:
        raise SavedViewRefused(f"You have a view named “{name}”: choose another name.") from None


def may_forget(view: SavedView, user: User) -> bool:
    return view.owner_id == user.pk or (view.team and may(user, REVIEWERS))


def forget_view(view: SavedView, *, actor: User) -> None:
    _only(view, actor)
    SavedView.objects.filter(pk=view.pk, forgotten_at=None).update(forgotten_at=timezone.now())


def restore_view(view: SavedView, *, actor: User) -> None:
    _only(view, actor)
    try:
        with transaction.atomic():
            SavedView.objects.filter(pk=view.pk).update(forgotten_at=None)
    except IntegrityError:
        raise SavedViewRefused(f"There is a view named “{view.name}” again.") from None


def _only(view: SavedView, actor: User) -> None:
    if not may_forget(view, actor):
        raise SavedViewRefused("Its owner or a lead forgets a view of the team.")

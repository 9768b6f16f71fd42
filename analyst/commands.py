"""What a person may do on a case now: the buttons of its foot and the palette's commands."""

from datetime import datetime
from typing import NamedTuple

from django.contrib.auth.models import User
from django.urls import reverse

from analyst.access import DECIDERS, REVIEWERS, SHARERS, may
from cases.models import Case


class Command(NamedTuple):
    """key: what is printed on it. part: those of one stand together. posts: a form of its own."""

    key: str
    label: str
    href: str
    part: int
    icon: str = ""
    main: bool = False
    posts: bool = False
    wide: bool = False  # left out of a narrow foot
    focus: str = ""  # the field that it goes to, where it leads no further


def holds(case: Case, user: User, now: datetime) -> tuple[bool, bool]:
    """(this person owns it, another person's claim still runs)."""
    others = case.owner_id is not None and case.owner_id != user.pk
    running = case.claimed_until is None or case.claimed_until > now
    return case.owner_id == user.pk, others and running


def commands_for(case: Case, user: User, now: datetime) -> list[Command]:
    """In the order of the foot; nobody is offered what the door behind it would refuse."""
    found = []

    def add(part, key, label, name, query="", **more):
        found.append(
            Command(key, label, reverse(f"analyst:{name}", args=[case.ref]) + query, part, **more)
        )

    decides, mine_held = may(user, DECIDERS), holds(case, user, now)
    if decides and case.is_open:
        add(0, "c", "Confirm", "case-decide", "?outcome=confirmed", icon="flag", main=True)
        add(0, "d", "Dismiss", "case-decide", "?outcome=benign", icon="no")
        add(0, "i", "Inconclusive", "case-decide", "?outcome=inconclusive", icon="half")
        if case.status != Case.Status.ESCALATED:
            add(0, "e", "Escalate", "case-escalate", icon="up")
    elif decides:
        add(0, "u", "Reopen", "case-reopen", icon="again")
    if decides and case.is_open:
        add(1, "s", "Split", "case-split", icon="go", wide=True)
    if decides:
        add(1, "m", "Merge", "case-merge", icon="join", wide=True)
        add(1, "o", "Action", "case-act", icon="order")
    if may(user, SHARERS):
        add(1, "h", "Share", "case-share", icon="share")
        add(1, "k", "Packet", "case-packets", icon="doc")
    if decides:
        add(1, "n", "Note", "case", "#note", icon="chat", focus="note")
    if decides and case.is_open:
        mine, held = mine_held
        if mine or (held and may(user, REVIEWERS)):
            add(2, "a", "Release", "case-release", icon="user", posts=True)
        elif not held:
            add(2, "a", "Claim", "case-claim", icon="user", posts=True)
        add(2, "z", "Snooze", "case-snooze", icon="clock", wide=True)
    return found

"""What the command palette offers for a text: cases, what may be done, accounts, pages."""

import re
from datetime import datetime
from typing import NamedTuple

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from analyst.access import visible_cases
from analyst.accounts import AccountFilter, memberships_of
from analyst.commands import commands_for
from analyst.filters import QueueFilter
from analyst.queue_rows import STATUS
from analyst.templatetags.desk import plain
from cases.models import Case

LONGEST = 200
CASES, ACCOUNTS = 6, 4
COMMANDS_ONLY = ">"


class Entry(NamedTuple):
    """One line. says is marked where it matches; posts: chosen by a form, else a link."""

    icon: str
    says: SafeString
    detail: str
    aside: str
    href: str
    posts: bool = False


class Group(NamedTuple):
    name: str
    entries: list[Entry]


def groups_for(
    text: str, *, user: User, case: Case | None, pages: list[dict], now: datetime
) -> list[Group]:
    """At most five groups, none of them empty, each bounded; a constant number of queries.

    text beginning with ">" asks for commands and pages alone. case: the one that the person is at.
    pages: the navigation, [{label, href, key}].
    """
    text = text[:LONGEST].strip()
    only = text.startswith(COMMANDS_ONLY)
    text = text.removeprefix(COMMANDS_ONLY).strip()
    words = text.casefold().split()
    groups = []
    if not only:
        groups.append(Group("Cases", _cases(text, user)))
    if case is not None:
        groups.append(Group(f"Do on {case.ref}", _commands(words, case, user, now)))
    if not only and text:
        groups.append(Group("Accounts", _accounts(text, user)))
    groups.append(Group("Go to", _pages(words, pages)))
    return [group for group in groups if group.entries]


def _cases(text: str, user: User) -> list[Entry]:
    rows = visible_cases(user).filter(merged_into=None)
    if text:
        rows = rows.filter(QueueFilter({"q": text}, people=[]).matching(None))
    else:
        rows = rows.open().awake()
    rows = rows.only("number", "name", "status", "verdict", "core", "likely", "possible")
    rows = rows.order_by("-priority", "-id")
    # what a person types is mostly a name: those before what matches by an account or a value
    named = list(rows.filter(name__icontains=text)[:CASES]) if text else []
    others = rows.exclude(pk__in=[case.pk for case in named])[: CASES - len(named)]
    return [
        Entry(
            STATUS.get(case.status, ("new",))[0],
            format_html("{} {}", marked(case.name, text), marked(case.ref, text)),
            f"{case.members_total:,} accounts",
            case.get_verdict_display() if not case.is_open else case.get_status_display(),
            reverse("analyst:case", args=[case.ref]),
        )
        for case in [*named, *others]
    ]


def _commands(words: list[str], case: Case, user: User, now: datetime) -> list[Entry]:
    return [
        Entry(
            command.icon,
            marked(command.label, " ".join(words)),
            case.name if command.main else "",
            command.key.upper(),
            command.href,
            command.posts,
        )
        for command in commands_for(case, user, now)
        if all(word in command.label.casefold() for word in words)
    ]


def _accounts(text: str, user: User) -> list[Entry]:
    form = AccountFilter({"q": text})
    if not form.is_valid():
        return []
    found = list(form.matching(user).order_by("external_id")[:ACCOUNTS])
    homes = {}
    for member in memberships_of(found, user):
        homes.setdefault(member.account_id, f"{member.tier} in {member.case.ref}")
    return [
        Entry(
            "user",
            marked(account.external_id, text),
            plain(account.organisation),
            homes.get(account.pk, account.state),
            reverse("analyst:account", args=[account.external_id]),
        )
        for account in found
    ]


def _pages(words: list[str], pages: list[dict]) -> list[Entry]:
    return [
        Entry("go", marked(page["label"], " ".join(words)), "", f"G {page['key']}", page["href"])
        for page in pages
        if all(word in page["label"].casefold() for word in words)
    ]


def marked(name: str, text: str) -> SafeString:
    """The name with the first occurrence of each word of text marked; all of it escaped."""
    name = plain(name)
    words = sorted({re.escape(plain(word)) for word in text.split()}, key=len, reverse=True)
    if not words:
        return conditional_escape(name)
    parts = re.split(f"({'|'.join(words)})", name, flags=re.IGNORECASE)
    return format_html_join(
        "",
        "{}",
        ((format_html("<mark>{}</mark>", part) if place % 2 else part,)
         for place, part in enumerate(parts)),
    )  # fmt: skip

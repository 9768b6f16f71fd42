"""The library of letters to customers: written by one person, approved by another, then fixed."""

import re

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from cases.errors import CaseError, NotAllowed
from cases.models import Enforcement, Notice, NoticeVersion

LONGEST = 4000


@transaction.atomic
def write_notice(
    *, actor: User, slug: str, title: str, kinds: list[str], text: str, language: str = "en"
) -> NoticeVersion:
    """Begin a letter with its first version, or add a version to the letter of that slug."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", slug):
        raise CaseError("The short name is of small letters, digits and dashes.")
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", language) or len(language) > 12:
        raise CaseError("The language is a tag such as en or pt-BR.")
    if not kinds or not set(kinds) <= set(Enforcement.Kind.values):
        raise CaseError("Choose the kinds of action that it is for.")
    if not title.strip() or not text.strip() or len(text) > LONGEST:
        raise CaseError(f"Give it a title and a text of at most {LONGEST:,} characters.")
    notice, made = Notice.objects.select_for_update().get_or_create(
        slug=slug, defaults={"title": title[:120], "kinds": sorted(kinds), "language": language}
    )
    if notice.retired_at:
        raise CaseError(f"{notice} was retired: begin a letter of another short name.")
    if not made and notice.kinds != sorted(kinds):
        raise CaseError(f"{notice} is for {', '.join(notice.kinds)}: a version keeps its kinds.")
    last = notice.versions.aggregate(last=Max("version"))["last"] or 0
    return NoticeVersion.objects.create(
        notice=notice, version=last + 1, text=text, written_by=actor
    )


@transaction.atomic
def approve_notice(version: NoticeVersion, *, actor: User) -> NoticeVersion:
    """A second person lets a version be sent. From then on it is fixed."""
    if version.written_by_id == actor.pk:
        raise NotAllowed("You wrote it: another person approves it.")
    moved = NoticeVersion.objects.filter(pk=version.pk, approved_at=None).update(
        approved_by=actor, approved_at=timezone.now()
    )
    version.refresh_from_db()
    if not moved:
        raise CaseError(f"{version} is approved already. Reload to see it.")
    return version


@transaction.atomic
def retire_notice(notice: Notice, *, actor: User) -> Notice:
    """No order may send it any more; orders that did keep their text."""
    if not Notice.objects.filter(pk=notice.pk, retired_at=None).update(retired_at=timezone.now()):
        raise CaseError(f"{notice} is retired already. Reload to see it.")
    notice.refresh_from_db()
    return notice


def usable_versions(kind: str = "") -> list[NoticeVersion]:
    """The newest approved version of each letter that is in use, of a kind."""
    rows = NoticeVersion.objects.filter(approved_at__isnull=False, notice__retired_at=None)
    if kind:
        rows = rows.filter(notice__kinds__contains=[kind])
    rows = rows.select_related("notice").order_by("notice", "-version").distinct("notice")
    return sorted(rows, key=lambda row: row.notice.title)

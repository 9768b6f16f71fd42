"""What the pages about previews, withdrawn releases and the allow-list show."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet

from analyst.access import counted, visible_cases
from cases.models import (
    AllowEntry,
    Decision,
    Enforcement,
    PreviewCase,
    PreviewMember,
    RegroupPreview,
    Reliance,
)
from cases.services.hidden import hidden_by
from cases.services.preview_basis import why_stale
from cases.services.reliance import withdrawals_behind
from ingest.models import DetectorCost, Job, Signal, Withdrawal

PAGE = 100
VERSIONS_SHOWN = 8
Kind = RegroupPreview.Kind
FATES = {  # icon, tone, words
    "opens": ("join", "good", "opens"),
    "changes": ("half", "", "changes"),
    "splits": ("go", "up", "splits"),
    "merges": ("join", "up", "merges"),
    "closes": ("no", "bad", "comes apart"),
    "holds": ("lock", "", "held by a person"),
}
STATES = {
    "proposed": ("new", "", "proposed"),
    "standing": ("no", "bad", "withdrawn"),
    "ended": ("again", "", "restored"),
}
ENTRY_STATES = {
    "proposed": ("new", "", "proposed"),
    "standing": ("check", "good", "in force"),
    "ended": ("no", "", "ended"),
    "expired": ("clock", "", "expired"),
}
UNSEEN_CASE = "a case that you may not see"


@dataclass(frozen=True, slots=True)
class Standing:
    icon: str
    tone: str
    words: str


def standing_of(preview: RegroupPreview) -> Standing:
    state = preview.job.state
    if preview.applied_at:
        return Standing("check", "good", "applied")
    if state == Job.State.FAILED:
        return Standing("x", "bad", "failed")
    if state == Job.State.STOPPED:
        return Standing("no", "", "stopped")
    if state == Job.State.DONE:
        return Standing("eye", "", "to look at")
    return Standing("review", "", "computing" if state == Job.State.RUNNING else "waiting")


def title_of(preview: RegroupPreview) -> str:
    """What the change is, without a stranger's text in it."""
    if preview.kind == Kind.THRESHOLD:
        return f"Threshold: one account in {1 / preview.prior:,.0f}"
    if preview.kind == Kind.CALIBRATION:
        return f"Calibration {preview.calibration}"
    if preview.kind == Kind.WITHDRAW:
        return f"Withdraw {preview.withdrawal.ref}"
    if preview.kind == Kind.LIFT:
        return f"Restore {preview.withdrawal.ref}"
    if preview.kind == Kind.ALLOW:
        return f"Add {preview.entry.ref} to the allow-list"
    if preview.kind == Kind.END:
        return f"End {preview.entry.ref} of the allow-list"
    return "What the allow-list hides"


def latest_previews(**of) -> list[RegroupPreview]:
    """The newest twenty, dressed."""
    rows = RegroupPreview.objects.filter(**of).select_related(
        "job", "withdrawal", "entry", "calibration", "requested_by"
    )
    found = list(rows.order_by("-pk")[:20])
    for preview in found:
        preview.standing, preview.title = standing_of(preview), title_of(preview)
    return found


def staleness(preview: RegroupPreview) -> str:
    """Why it can't be applied any more; nothing of one that is not computed or was applied."""
    if preview.applied_at or preview.job.state != Job.State.DONE:
        return ""
    return why_stale(preview)


def cases_of(preview: RegroupPreview, user: User, after: str) -> tuple[list, int | None, str]:
    """A page of the difference, the key of the next, and how many cases the person may not see."""
    seen = visible_cases(user)
    rows = preview.cases.select_related("case").order_by("place")
    unseen = counted(rows.filter(case__isnull=False).exclude(case__in=seen))
    rows = rows.filter(Q(case=None) | Q(case__in=seen))
    found, following = page(rows, after, "place")
    dress_cases(found, user)
    return found, following, "" if unseen == "0" else unseen


def dress_cases(rows: list[PreviewCase], user: User) -> None:
    """Words and links; other cases are named only where the person may see them."""
    numbers = {
        int(other["ref"][2:])
        for row in rows
        for other in row.others
        if other["ref"].startswith("C-")
    }
    known = set(visible_cases(user).filter(number__in=numbers).values_list("number", flat=True))
    for row in rows:
        row.standing = Standing(*FATES[row.fate])
        row.after = row.core + row.likely + row.possible
        row.masked = False
        row.near = []
        for other in row.others:
            is_case = other["ref"].startswith("C-")
            hidden = is_case and int(other["ref"][2:]) not in known
            row.masked |= hidden
            name = UNSEEN_CASE if hidden else other["ref"]
            row.near.append(other | {"ref": name, "link": is_case and not hidden})


def members_of(row: PreviewCase, after: str) -> tuple[list[PreviewMember], int | None]:
    rows = row.members.select_related("account").order_by("account_id")
    return page(rows, after, "account_id")


def latest_withdrawals(after: str) -> tuple[list[Withdrawal], int | None]:
    rows = Withdrawal.objects.select_related("detector", "proposed_by", "applied_by")
    found, following = page(rows.order_by("-pk"), after, "pk", rises=False)
    relied = dict(
        Reliance.objects.filter(withdrawal__in=found)
        .order_by()
        .values_list("withdrawal")
        .annotate(Count("pk"))
    )
    for row in found:
        row.standing, row.relied = release_standing(row), relied.get(row.pk, 0)
    return found, following


def release_standing(row: Withdrawal) -> Standing:
    if row.lifted_at:
        return Standing(*STATES["ended"])
    return Standing(*STATES["standing" if row.applied_at else "proposed"])


def versions_seen() -> list[dict]:
    """The versions with which our own detectors ran, latest first, to write into the form."""
    rows = DetectorCost.objects.order_by("-pk").values_list("detector__slug", "version")[:200]
    return [{"slug": slug, "version": version} for slug, version in dict.fromkeys(rows)][
        :VERSIONS_SHOWN
    ]


def relied_on(withdrawal: Withdrawal, user: User) -> QuerySet[Reliance]:
    """What relied on a release, of the cases that the person may see."""
    return (
        Reliance.objects.filter(withdrawal=withdrawal, case__in=visible_cases(user))
        .select_related("case")
        .order_by("-made_at", "-pk")
    )


def relied_page(withdrawal: Withdrawal, user: User, after: str):
    """(a page, the next key, how many are about cases that the person may not see)."""
    rows = relied_on(withdrawal, user)
    every = Reliance.objects.filter(withdrawal=withdrawal)
    unseen = counted(every.exclude(case__in=visible_cases(user)))
    last = every.filter(pk=int(after)).first() if is_key(after) else None
    if last:
        rows = rows.filter(Q(made_at__lt=last.made_at) | Q(made_at=last.made_at, pk__lt=last.pk))
    found = list(rows[: PAGE + 1])
    following = found[PAGE - 1].pk if len(found) > PAGE else None
    found = found[:PAGE]
    dress_reliance(found)
    return found, following, "" if unseen == "0" else unseen


def dress_reliance(rows: list[Reliance]) -> None:
    """Each with its ref and what it says, in a query a kind."""
    of_kind = {kind: [r.object_id for r in rows if r.kind == kind] for kind in Reliance.Kind.values}
    decisions = Decision.objects.select_related("decided_by").in_bulk(of_kind["decision"])
    orders = Enforcement.objects.in_bulk(of_kind["action"])
    for row in rows:
        if row.kind == Reliance.Kind.DECISION:
            made = decisions[row.object_id]
            row.ref, row.what = "Decision", made.get_outcome_display()
        elif row.kind == Reliance.Kind.ACTION:
            made = orders[row.object_id]
            row.ref = made.ref
            row.what = f"{made.get_kind_display()}, {made.get_state_display()}"
        else:
            row.ref = f"S-{row.object_id}" if row.kind == Reliance.Kind.SHARE else "Packet"
            row.what = "STIX bundle" if row.kind == Reliance.Kind.SHARE else "evidence packet"


def latest_entries(after: str) -> tuple[list[AllowEntry], int | None]:
    rows = AllowEntry.objects.select_related("owner", "added_by").order_by("-pk")
    found, following = page(rows, after, "pk", rises=False)
    count = newest_count()
    hides = count.summary.get("hides", {}) if count else {}
    for row in found:
        row.standing = Standing(*ENTRY_STATES[row.state])
        row.hides = hides.get(str(row.pk)) if row.state == "standing" else None
    return found, following


def newest_count() -> RegroupPreview | None:
    """The last time that the desk counted what the allow-list hides."""
    rows = RegroupPreview.objects.filter(kind=Kind.HIDDEN, job__state=Job.State.DONE)
    rows = rows.select_related("job")
    return rows.order_by("-pk").first()


def hidden_page(entry: AllowEntry, count: RegroupPreview, user: User, after: str):
    """(a page of hidden accounts with their signals and case, the next key)."""
    rows = hidden_by(entry, count).select_related("account", "of__case").order_by("pk")
    found, following = page(rows, after, "pk")
    seen = set(
        visible_cases(user)
        .filter(pk__in=[row.of.case_id for row in found if row.of.case_id])
        .values_list("pk", flat=True)
    )
    signals = dict(
        Signal.objects.counting()
        .filter(account__in=[row.account_id for row in found])
        .order_by()
        .values_list("account")
        .annotate(Count("pk"))
    )
    for row in found:
        row.signals = signals.get(row.account_id, 0)
        row.shows_case = row.of.case_id is None or row.of.case_id in seen
    return found, following


def marks_of(kind: str, pk: int) -> list[Reliance]:
    """Withdrawn releases that one action, share or packet relied on, for its own page."""
    return withdrawals_behind(kind, [pk]).get(pk, [])


def page(rows: QuerySet, after: str, column: str, *, rises: bool = True) -> tuple[list, int | None]:
    """A page of rows that rise, or fall, by a column, and the key that the next begins after."""
    if is_key(after):
        rows = rows.filter(**{f"{column}__{'gt' if rises else 'lt'}": int(after)})
    rows = list(rows[: PAGE + 1])
    following = getattr(rows[PAGE - 1], column) if len(rows) > PAGE else None
    return rows[:PAGE], following


def is_key(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10

"""The only doors from a request to a case: first 404, then 403.

Roles are groups. Whoever is in none sees nothing. An auditor reads all and changes nothing.
"""

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse

from cases.models import (
    AllowEntry,
    Appeal,
    Case,
    Connector,
    Enforcement,
    EvidencePacket,
    PreviewCase,
    RegroupPreview,
    Share,
)
from ingest.models import Account, Detector, SuspectTest, WatermarkKey, Withdrawal

READERS = {"analyst", "lead", "counsel", "platform owner", "auditor", "administrator"}
DECIDERS = {"analyst", "lead"}
REVIEWERS = {"lead"}
CONNECTORS = {"platform owner", "administrator"}
SHARERS = {"analyst", "lead", "counsel"}
KEY_MAKERS = {"lead", "platform owner", "administrator"}
WITHDRAWERS = {"lead", "platform owner"}
PREVIEWERS = DECIDERS | WITHDRAWERS
APPLIERS = {  # by kind of preview; what only counts is applied by nobody
    "threshold": {"lead"},
    "calibration": {"lead", "administrator"},
    "withdraw": WITHDRAWERS,
    "lift": WITHDRAWERS,
    "allow": {"lead"},
    "end": {"lead"},
}
PAGES = [  # name of the URL, what the navigation says, the key after G
    ("queue", "Queue", "Q"),
    ("accounts", "Accounts", "A"),
    ("actions", "Actions", "O"),
    ("sharing", "Sharing", "S"),
    ("suspects", "Suspect models", "M"),
    ("detectors", "Detectors", "D"),
    ("thresholds", "Grouping", "R"),
    ("reports", "Reports", "P"),
]
COUNTED = 500  # a count stops here, so that no page's cost grows with the desk


def roles_of(user: User) -> set[str]:
    """The person's roles, asked once a request."""
    if not hasattr(user, "_roles"):
        user._roles = set(user.groups.values_list("name", flat=True)) if user.is_active else set()
    return user._roles


def may(user: User, roles: set[str]) -> bool:
    return bool(roles_of(user) & roles)


def desk_for_reading(user: User) -> None:
    """Pages that show no single case."""
    if not may(user, READERS):
        raise Http404


def visible_cases(user: User):
    desk_for_reading(user)
    return Case.objects.visible_to(user)


def case_for_reading(user: User, ref: str) -> Case:
    """The case; an old ref of a merged one still finds its row."""
    number = ref.removeprefix("C-")
    if not ref.startswith("C-") or not number.isascii() or not number.isdigit():
        raise Http404
    if len(number) > 9:
        raise Http404
    return get_object_or_404(visible_cases(user).select_related("owner"), number=int(number))


def case_for_deciding(user: User, ref: str) -> Case:
    return _only(user, DECIDERS, case_for_reading(user, ref), "Analysts and leads decide cases.")


def case_for_sharing(user: User, ref: str) -> Case:
    return _only(
        user, SHARERS, case_for_reading(user, ref), "Analysts, leads and counsel share and export."
    )


def order_for_reading(user: User, ref: str) -> Enforcement:
    number = ref.removeprefix("O-")
    if not ref.startswith("O-") or not number.isascii() or not number.isdigit() or len(number) > 9:
        raise Http404
    return get_object_or_404(
        Enforcement.objects.filter(case__in=visible_cases(user)).select_related(
            "case",
            "connector",
            "requested_by",
            "reviewed_by",
            "paused_by",
            "reverses",
            "authorisation",
            "notice_version__notice",
        ),
        number=int(number),
    )


def order_for_changing(user: User, ref: str) -> Enforcement:
    return _only(user, DECIDERS, order_for_reading(user, ref), "Analysts and leads act.")


def order_for_reviewing(user: User, ref: str) -> Enforcement:
    return _only(user, REVIEWERS, order_for_reading(user, ref), "A lead approves actions.")


def may_connect(user: User) -> bool:
    return may(user, CONNECTORS)


def connector_for_switching(user: User, slug: str) -> Connector:
    desk_for_reading(user)
    connector = get_object_or_404(Connector, slug=slug)
    if not may_connect(user):
        raise PermissionDenied("A platform owner or an administrator switches connectors.")
    return connector


def appeal_for_reading(user: User, ref: str) -> Appeal:
    rows = Appeal.objects.filter(order__case__in=visible_cases(user)).select_related(
        "order__case", "order__connector", "item__account", "reviewer", "restored_by", "entered_by"
    )
    return get_object_or_404(rows, pk=_number(ref, "A-"))


def appeal_for_reviewing(user: User, ref: str) -> Appeal:
    return _only(
        user, DECIDERS, appeal_for_reading(user, ref), "Analysts and leads review appeals."
    )


def desk_for_acting(user: User) -> None:
    desk_for_reading(user)
    if not may(user, DECIDERS):
        raise PermissionDenied("Analysts and leads act.")


def desk_for_protecting(user: User) -> None:
    """What binds every order: the protected list, letters, what is approved in advance."""
    desk_for_reading(user)
    if not may(user, REVIEWERS):
        raise PermissionDenied("A lead answers for what every action keeps to.")


def may_hook(user: User) -> bool:
    return may(user, {"platform owner", "administrator"})


def desk_for_hooks(user: User) -> None:
    desk_for_reading(user)
    if not may_hook(user):
        raise PermissionDenied("A platform owner or an administrator switches hooks.")


def share_for_reading(user: User, pk: int) -> Share:
    return get_object_or_404(
        Share.objects.filter(case__in=visible_cases(user)).select_related(
            "case", "partner", "prepared_by", "reviewed_by", "ended_by"
        ),
        pk=pk,
    )


def share_for_reviewing(user: User, pk: int) -> Share:
    return _only(
        user, {"lead", "counsel"}, share_for_reading(user, pk), "A lead or counsel approves shares."
    )


def packet_for_reading(user: User, pk: int) -> EvidencePacket:
    return get_object_or_404(
        EvidencePacket.objects.filter(case__in=visible_cases(user)).select_related("case", "job"),
        pk=pk,
    )


def account_for_reading(user: User, external_id: str) -> Account:
    desk_for_reading(user)
    return get_object_or_404(Account, external_id=external_id)


def detector_for_reading(user: User, slug: str) -> Detector:
    desk_for_reading(user)
    return get_object_or_404(Detector, slug=slug)


def desk_for_testing(user: User) -> None:
    """Tests of suspect models belong to no case: every reader sees them, these may ask for one."""
    desk_for_reading(user)
    if not may(user, DECIDERS):
        raise PermissionDenied("Analysts and leads test suspect models.")


def suspect_for_reading(user: User, ref: str) -> SuspectTest:
    desk_for_reading(user)
    tests = SuspectTest.objects.select_related("job", "requested_by").defer("sealed_token")
    return get_object_or_404(tests, pk=_number(ref, "M-"))


def suspect_for_testing(user: User, ref: str) -> SuspectTest:
    return _only(
        user, DECIDERS, suspect_for_reading(user, ref), "Analysts and leads test suspect models."
    )


def keys_for_making(user: User) -> None:
    desk_for_reading(user)
    if not may(user, KEY_MAKERS):
        raise PermissionDenied("A lead, a platform owner or an administrator makes keys.")


def key_for_retiring(user: User, ref: str) -> WatermarkKey:
    desk_for_reading(user)
    key = get_object_or_404(WatermarkKey, pk=_number(ref, "K-"))
    keys_for_making(user)
    return key


def may_preview(user: User) -> bool:
    return may(user, PREVIEWERS)


def may_apply(user: User, kind: str) -> bool:
    return may(user, APPLIERS.get(kind, set()))


def desk_for_previewing(user: User) -> None:
    """A preview changes nothing, but costs a worker's time."""
    desk_for_reading(user)
    if not may_preview(user):
        raise PermissionDenied("Analysts, leads and platform owners preview changes of grouping.")


def desk_for_withdrawing(user: User) -> None:
    desk_for_reading(user)
    if not may_apply(user, "withdraw"):
        raise PermissionDenied("A lead or a platform owner withdraws and restores releases.")


def desk_for_allowing(user: User) -> None:
    """Whoever is on the allow-list is seen by nobody: a lead answers for that."""
    desk_for_reading(user)
    if not may_apply(user, "allow"):
        raise PermissionDenied("A lead changes the allow-list.")


def preview_for_reading(user: User, pk: int) -> RegroupPreview:
    desk_for_reading(user)
    rows = RegroupPreview.objects.select_related(
        "job", "calibration", "entry", "withdrawal__detector", "requested_by", "applied_by"
    )
    return get_object_or_404(rows, pk=_whole(pk))


def preview_for_applying(user: User, pk: int) -> RegroupPreview:
    preview = preview_for_reading(user, pk)
    if not may_apply(user, preview.kind):
        raise PermissionDenied(
            "A lead applies it; a calibration also an administrator, a release also a platform "
            "owner."
        )
    return preview


def preview_case_for_reading(user: User, pk: int) -> PreviewCase:
    """One case of a difference; a case that would open has no list of readers yet."""
    seen = visible_cases(user)
    rows = PreviewCase.objects.filter(Q(case=None) | Q(case__in=seen)).select_related("case")
    row = get_object_or_404(rows, pk=_whole(pk))
    row.preview = preview_for_reading(user, row.preview_id)
    return row


def withdrawal_for_reading(user: User, pk: int) -> Withdrawal:
    desk_for_reading(user)
    rows = Withdrawal.objects.select_related("detector", "proposed_by", "applied_by", "lifted_by")
    return get_object_or_404(rows, pk=_whole(pk))


def entry_for_reading(user: User, pk: int) -> AllowEntry:
    desk_for_reading(user)
    rows = AllowEntry.objects.select_related("owner", "proposed_by", "added_by", "ended_by")
    return get_object_or_404(rows, pk=_whole(pk))


def counted(rows: QuerySet) -> str:
    """How many rows there are, as people read it; above COUNTED it stops and says so: 500+."""
    number = rows.order_by()[: COUNTED + 1].count()
    return f"{COUNTED:,}+" if number > COUNTED else f"{number:,}"


def _only(user: User, roles: set[str], thing, reason: str):
    if not may(user, roles):
        raise PermissionDenied(reason)
    return thing


def _whole(pk: int) -> int:
    """A key as the database takes it; a longer number names nothing."""
    if pk >= 2**63:
        raise Http404
    return pk


def _number(ref: str, prefix: str) -> int:
    number = ref.removeprefix(prefix)
    if not ref.startswith(prefix) or not number.isascii() or not number.isdigit():
        raise Http404
    if len(number) > 18:
        raise Http404
    return int(number)


def _waiting_orders(user: User) -> int:
    seen = Case.objects.visible_to(user)
    return Enforcement.objects.filter(state=Enforcement.State.REQUESTED, case__in=seen).count()


def pages() -> list[dict]:
    """The desk's pages in the order of its navigation."""
    return [
        {"name": name, "label": label, "key": key, "href": reverse(f"analyst:{name}")}
        for name, label, key in PAGES
    ]


def desk(request) -> dict:
    """Template context of every page: the navigation, the colour mode, what the person may do."""
    theme = request.COOKIES.get("theme", "auto")
    themes = [
        {"value": "auto", "label": "As the system", "icon": "auto"},
        {"value": "light", "label": "Light", "icon": "sun"},
        {"value": "dark", "label": "Dark", "icon": "moon"},
    ]
    context = {
        "theme": theme if theme in {"light", "dark"} else "auto",
        "themes": themes,
        "navigation": [],
    }
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return context
    if not may(user, READERS):
        return context  # nothing to go to
    open_cases = counted(Case.objects.visible_to(user).open().awake())
    waiting = Enforcement.objects.filter(state=Enforcement.State.REQUESTED).count()
    counts = {"queue": open_cases, "actions": waiting}
    here = request.resolver_match.url_name if request.resolver_match else ""
    part_of = {
        "case": "queue", "account": "accounts", "action": "actions", "appeal": "actions",
        "appeals": "actions", "drift": "actions", "protected": "actions", "notices": "actions",
        "standing": "actions", "hooks": "actions", "share": "sharing",
        "match": "sharing", "matches": "sharing", "partners": "sharing", "partner": "sharing",
        "tips": "sharing", "tip": "sharing",
        "suspect": "suspects", "preview": "thresholds", "calibration": "thresholds",
        "allow": "thresholds", "withdrawal": "detectors", "withdrawals": "detectors",
        "detector": "detectors", "connectors": "actions", "connector": "actions",
    }  # fmt: skip
    current = part_of.get((here or "").split("-")[0], here)
    context["navigation"] = [
        page | {"count": counts.get(page["name"]), "current": page["name"] == current}
        for page in pages()
    ]
    context["may_decide"] = may(user, DECIDERS)
    context["may_review"] = may(user, REVIEWERS)
    context["may_share"] = may(user, SHARERS)
    return context

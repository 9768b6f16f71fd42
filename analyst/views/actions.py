from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from analyst.access import (
    case_for_deciding,
    case_for_reading,
    desk_for_reading,
    order_for_changing,
    order_for_reading,
    order_for_reviewing,
    visible_cases,
)
from analyst.forms import OrderForm, ReversalForm, ReviewForm, posted
from analyst.regroup import marks_of
from analyst.views.case import head_of
from cases.errors import CaseError
from cases.models import Case, Enforcement, EnforcementItem, Member
from cases.services.blast_radius import preview
from cases.services.enforce import (
    approve_enforcement,
    cancel_enforcement,
    refuse_enforcement,
    request_enforcement,
)
from cases.services.reverse import request_reversal

Kind, State = Enforcement.Kind, Enforcement.State
PAGE = 100
WAITING_SHOWN = 200

# state of an item: words of the desk, class of its bar, icon, tone
ITEM_WORDS = [
    ("done", "read back", "ok", "check", "good"),
    ("sending", "being sent", "run", "clock", ""),
    ("unknown", "unknown", "unk", "warn", "up"),
    ("failed", "failed", "no", "x", "bad"),
    ("waiting", "waiting", "track", "new", ""),
    ("skipped", "left out", "skip", "no", ""),
]


@require_http_methods(["GET", "POST"])
@login_required
def order(request, ref):
    """Ask for an action on a case; what it would touch stands beside the form."""
    case = case_for_deciding(request.user, ref)
    if request.GET.get("reverse"):
        return _reversal(request, case)
    form = OrderForm(posted(request), initial=_first_choice(request, case))
    if request.GET.get("part") == "preview":
        return render(request, "analyst/_blast_radius.html", _preview(case, request.GET))
    only_preview = request.POST.get("do") == "preview"
    if request.method == "POST" and not only_preview and form.is_valid():
        try:
            asked = request_enforcement(case, actor=request.user, **form.cleaned_data)
        except CaseError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{asked.ref} waits for a second person.")
            return redirect("analyst:action", ref=asked.ref)
    data = request.POST if request.method == "POST" else form.initial
    context = head_of(request, case) | _preview(case, data) | {"form": form}
    status = 422 if request.method == "POST" and not only_preview else 200
    return render(request, "analyst/act.html", context, status=status)


@require_GET
@login_required
def actions(request):
    """All actions, those that wait for approval first; ?case=C-1 those of one case."""
    desk_for_reading(request.user)
    found = Enforcement.objects.filter(case__in=visible_cases(request.user))
    case = None
    if request.GET.get("case"):
        case = case_for_reading(request.user, request.GET["case"])
        found = found.filter(case=case)
    rows = found.select_related("case", "connector", "requested_by", "reviewed_by")
    waiting = rows.filter(state=State.REQUESTED).order_by("number")[:WAITING_SHOWN]
    others = rows.exclude(state=State.REQUESTED)
    after = request.GET.get("after", "")
    if after.isascii() and after.isdigit() and len(after) < 10:
        others, waiting = others.filter(number__lt=int(after)), []
    others = list(others.order_by("-number")[: PAGE + 1])
    more, others = len(others) > PAGE, others[:PAGE]
    _set_progress([o for o in others if o.state == State.RUNNING])
    context = {
        "case": case,
        "waiting": waiting,
        "orders": others,
        "following": others[-1].number if more else None,
    }
    return render(request, "analyst/actions.html", context)


@require_GET
@login_required
def action(request, ref):
    """An action: what it reaches, how far it is, its accounts. ?part=progress alone for polling."""
    order = order_for_reading(request.user, ref)
    if request.GET.get("part") == "progress":
        response = render(request, "analyst/_action_progress.html", _progress(order))
        if order.finished_at:
            response["HX-Refresh"] = "true"  # head, buttons and rows have changed with it
        return response
    return _show(request, order, ReviewForm())


@require_POST
@login_required
def review(request, ref):
    """A second person approves or refuses."""
    order = order_for_reviewing(request.user, ref)
    form = ReviewForm(request.POST)
    if form.is_valid():
        note = form.cleaned_data["note"]
        try:
            if form.cleaned_data["verdict"] == "approve":
                approve_enforcement(order, actor=request.user, note=note)
                messages.success(request, f"{order.ref} is approved and on its way.")
            else:
                refuse_enforcement(order, actor=request.user, note=note)
                messages.success(request, f"{order.ref} is refused. Nothing was sent.")
            return redirect("analyst:action", ref=order.ref)
        except CaseError as error:
            form.add_error(None, str(error))
    return _show(request, order, form, status=422)


@require_POST
@login_required
def cancel(request, ref):
    order = order_for_changing(request.user, ref)
    form = ReviewForm({"verdict": "refuse"})
    try:
        cancel_enforcement(order, actor=request.user)
    except CaseError as error:
        form.add_error(None, str(error))
        return _show(request, order, form, status=422)
    messages.success(request, f"{order.ref} is cancelled. What was sent already is read back.")
    return redirect("analyst:action", ref=order.ref)


def _reversal(request, case: Case):
    order = order_for_changing(request.user, request.GET["reverse"])
    form = ReversalForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            asked = request_reversal(order, actor=request.user, **form.cleaned_data)
        except CaseError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{asked.ref} waits for a second person.")
            return redirect("analyst:action", ref=asked.ref)
    context = head_of(request, case) | {
        "form": form,
        "title": f"Put back what {order.ref} changed",
        "say": f"Each account of {order.ref} goes back to the state it had before. Whoever changed "
        "one since keeps it: such an account stays as it is. A second person approves this too.",
        "button": "Ask to reinstate",
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "analyst/decide.html", context, status=status)


def _first_choice(request, case: Case) -> dict:
    asked = request.GET.get("kind", "")
    usual = Kind.SUSPEND if case.verdict == Case.Verdict.CONFIRMED else Kind.LIMIT
    tiers = [tier for tier in request.GET.getlist("tiers") if tier in Member.Tier.values]
    kind = asked if asked in Kind.values else usual.value
    return {"kind": kind, "tiers": tiers or [Member.Tier.CORE.value]}


def _preview(case: Case, data) -> dict:
    kind = data.get("kind")
    chosen = data.getlist("tiers") if hasattr(data, "getlist") else data.get("tiers", [])
    tiers = [tier for tier in Member.Tier.values if tier in chosen]
    if kind not in Kind.values:
        return {"radius": None}
    return {"radius": preview(case, kind=kind, tiers=tiers), "kind_word": Kind(kind).label}


def _set_progress(orders: list[Enforcement]) -> None:
    """Set on each how many of its accounts are finished, in one query."""
    counts: dict[int, dict[str, int]] = {}
    items = EnforcementItem.objects.filter(enforcement__in=orders)
    for pk, state, n in items.values_list("enforcement", "state").annotate(n=Count("pk")):
        counts.setdefault(pk, {})[state] = n
    for order in orders:
        order.parts = _parts(counts.get(order.pk, {}))


def _progress(order: Enforcement) -> dict:
    found = order.items.values_list("state").annotate(n=Count("pk")).order_by()
    counts = dict(found)
    parts = _parts(counts)
    return {
        "order": order,
        "counts": counts,
        "parts": parts,
        "said": ", ".join(f"{part['count']:,} {part['words']}" for part in parts if part["count"]),
        "total": sum(counts.values()),
    }


def _parts(counts: dict[str, int]) -> list[dict]:
    """Counts by state with their place in the bar, in percent."""
    total, left, parts = sum(counts.values()), 0.0, []
    for state, words, css, icon, tone in ITEM_WORDS:
        count = counts.get(state, 0)
        width = 100 * count / total if total else 0.0
        parts.append(
            {
                "state": state, "words": words, "css": css, "icon": icon, "tone": tone,
                "count": count, "left": f"{left:.2f}", "width": f"{width:.2f}",
            }
        )  # fmt: skip
        left += width
    return parts


def _items(order: Enforcement, data) -> tuple[list[EnforcementItem], int | None, str]:
    """A screenful of accounts, paged by the account's key; the next key; the state shown."""
    state = data.get("state") if data.get("state") in EnforcementItem.State.values else ""
    rows = order.items.select_related("account")
    if state:
        rows = rows.filter(state=state)
    after = data.get("after", "")
    if after.isascii() and after.isdigit() and len(after) < 19:
        rows = rows.filter(account_id__gt=int(after))
    rows = list(rows.order_by("account_id")[: PAGE + 1])
    more, rows = len(rows) > PAGE, rows[:PAGE]
    words = {state: (words, icon, tone) for state, words, _, icon, tone in ITEM_WORDS}
    for row in rows:
        row.words, row.icon, row.tone = words[row.state]
    return rows, rows[-1].account_id if more else None, state


def _show(request, order: Enforcement, form: ReviewForm, *, status: int = 200):
    items, following, state = _items(order, request.GET)
    ended = order.finished_at is not None
    context = {
        "form": form,
        "items": items,
        "following": following,
        "state": state,
        "radius": order.blast_radius,
        "kind_word": order.get_kind_display(),
        "own": order.requested_by_id == request.user.pk,
        "may_cancel": order.state in (State.REQUESTED, State.RUNNING),
        "may_reverse": ended
        and order.kind != Kind.REINSTATE
        and order.state in (State.DONE, State.CANCELLED),
        "relies": marks_of("action", order.pk),
        "earlier": order.case.enforcements.exclude(pk=order.pk).order_by("-number")[:5],
        **_progress(order),
    }
    return render(request, "analyst/action.html", context, status=status)

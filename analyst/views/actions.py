from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from analyst.access import (
    REVIEWERS,
    case_for_deciding,
    case_for_reading,
    desk_for_reading,
    may,
    order_for_changing,
    order_for_reading,
    order_for_reviewing,
    visible_cases,
)
from analyst.forms import posted
from analyst.order_forms import OrderForm, OrderReviewForm, ReversalForm, choice_of, query_names
from analyst.order_rows import PAGE, items_of, progress_of, set_progress, stops_of
from analyst.regroup import marks_of
from analyst.views.case import head_of
from cases.errors import CaseError
from cases.models import Appeal, Case, Enforcement, Member
from cases.services.appeal import overturn_rate
from cases.services.blast_radius import preview
from cases.services.drift import drifted_items
from cases.services.enforce import (
    approve_enforcement,
    cancel_enforcement,
    refuse_enforcement,
    request_enforcement,
)
from cases.services.reverse import request_reversal
from cases.services.targets import refuse_unfit_choice

Kind, State = Enforcement.Kind, Enforcement.State
WAITING_SHOWN = 200


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
            asked = request_enforcement(case, actor=request.user, **form.order())
        except CaseError as error:
            form.add_error(None, str(error))
        else:
            waits = asked.state == State.REQUESTED
            said = "waits for a second person" if waits else "is on its way"
            messages.success(request, f"{asked.ref} {said}.")
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
    set_progress([o for o in others if o.state == State.RUNNING])
    context = {
        "case": case,
        "stands": standing_of(request.user),
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
        response = render(request, "analyst/_action_progress.html", progress_of(order))
        if order.finished_at:
            response["HX-Refresh"] = "true"  # head, buttons and rows have changed with it
        return response
    return _show(request, order, OrderReviewForm())


@require_POST
@login_required
def review(request, ref):
    """A second person approves or refuses."""
    order = order_for_reviewing(request.user, ref)
    form = OrderReviewForm(request.POST)
    if form.is_valid():
        note = form.cleaned_data["note"]
        try:
            if form.cleaned_data["verdict"] == "approve":
                seen = form.cleaned_data["seen"]
                approve_enforcement(order, actor=request.user, note=note, seen=seen)
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
    form = OrderReviewForm({"verdict": "refuse"})
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


def standing_of(user) -> dict:
    """What stands beside the orders on the board: appeals, drift, renewals, for the tabs."""
    seen = visible_cases(user)
    appeals = overturn_rate(Appeal.objects.filter(order__case__in=seen))
    drifted = drifted_items().filter(enforcement__case__in=seen)
    return appeals | {"drifted": min(drifted.order_by()[:1000].count(), 1000)}


def _first_choice(request, case: Case) -> dict:
    asked = request.GET.get("kind", "")
    usual = Kind.SUSPEND if case.verdict == Case.Verdict.CONFIRMED else Kind.LIMIT
    tiers = [tier for tier in request.GET.getlist("tiers") if tier in Member.Tier.values]
    kind = asked if asked in Kind.values else usual.value
    return {
        "kind": kind, "tiers": tiers or [Member.Tier.CORE.value], "target_kind": "account",
        "by": "tiers", "plan": "at_once", "stages": "1, 10, 100",
    }  # fmt: skip


def _preview(case: Case, data) -> dict:
    kind = data.get("kind")
    if kind not in Kind.values:
        return {"radius": None}
    try:
        choice = choice_of(query_names(data))
        refuse_unfit_choice(case, kind, choice)
    except CaseError as error:
        return {"radius": None, "problem": str(error)}
    radius = preview(case, kind=kind, choice=choice)
    return {"radius": radius, "kind_word": Kind(kind).label}


def _show(request, order: Enforcement, form: OrderReviewForm, *, status: int = 200):
    items, following, state = items_of(order, request.GET)
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
        and order.connector_id is not None
        and order.state in (State.DONE, State.CANCELLED),
        "may_step": order.state == State.RUNNING and not order.finished_at,
        "may_lead": may(request.user, REVIEWERS),
        "may_renew": order.kind == Kind.SUSPEND
        and order.state == State.DONE
        and order.expires_at is not None
        and order.ended_at is None,
        "stops": stops_of(order),
        "appeals": order.appeals.select_related("item__account").order_by("-pk")[:5],
        "now": timezone.now(),
        "relies": marks_of("action", order.pk),
        "earlier": order.case.enforcements.exclude(pk=order.pk).order_by("-number")[:5],
        **progress_of(order),
    }
    return render(request, "analyst/action.html", context, status=status)

"""Appeals: the list by the clock, entering one, reviewing one."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import F
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from analyst.access import (
    DECIDERS,
    appeal_for_reading,
    appeal_for_reviewing,
    desk_for_reading,
    may,
    order_for_changing,
    visible_cases,
)
from analyst.forms import posted
from analyst.order_forms import AppealDecisionForm, AppealForm
from analyst.views.actions import standing_of
from analyst.views.case import head_of
from cases.errors import CaseError
from cases.models import Appeal
from cases.services.appeal import conflict_of, decide_appeal, file_appeal, take_appeal

PAGE = 100


@require_GET
@login_required
def appeals(request):
    """Open ones by their clock, then the decided, newest first."""
    desk_for_reading(request.user)
    seen = Appeal.objects.filter(order__case__in=visible_cases(request.user)).select_related(
        "order__case", "item__account", "reviewer"
    )
    waiting = list(seen.filter(decided_at=None).order_by("due_at", "pk")[: PAGE + 1])
    decided = seen.exclude(decided_at=None)
    after = request.GET.get("after", "")
    if after.isascii() and after.isdigit() and len(after) < 19:
        decided, waiting = decided.filter(pk__lt=int(after)), []
    decided = list(decided.order_by("-pk")[: PAGE + 1])
    context = {
        "waiting": waiting[:PAGE],
        "more_waiting": len(waiting) > PAGE,
        "decided": decided[:PAGE],
        "following": decided[PAGE - 1].pk if len(decided) > PAGE else None,
        "stands": standing_of(request.user),
        "now": timezone.now(),
    }
    return render(request, "analyst/appeals.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def file(request, ref):
    """Enter what a customer says against an order."""
    order = order_for_changing(request.user, ref)
    form = AppealForm(posted(request), initial={"account": request.GET.get("account", "")[:200]})
    if request.method == "POST" and form.is_valid():
        try:
            entered = file_appeal(order, actor=request.user, **form.cleaned_data)
        except CaseError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{entered.ref} is entered. Its clock runs.")
            return redirect("analyst:appeal", ref=entered.ref)
    context = head_of(request, order.case) | {
        "form": form,
        "title": f"Appeal against {order.ref}",
        "say": "Filed alone it stops nothing. A person who had no part in the action reviews it.",
        "button": "Enter it",
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "analyst/decide.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def appeal(request, ref):
    """One appeal. POST: take it, or as its reviewer decide it."""
    door = appeal_for_reviewing if request.method == "POST" else appeal_for_reading
    row = door(request.user, ref)
    deciding = request.POST.get("do") == "decide"
    form = AppealDecisionForm(request.POST if deciding else None)
    status = 200
    if request.method == "POST":
        try:
            if deciding and form.is_valid():
                decide_appeal(row, actor=request.user, **form.cleaned_data)
                messages.success(request, f"{row.ref} is {row.get_outcome_display()}.")
                return redirect("analyst:appeal", ref=row.ref)
            if not deciding:
                take_appeal(row, actor=request.user)
                messages.success(request, f"{row.ref} is yours to review.")
                return redirect("analyst:appeal", ref=row.ref)
        except CaseError as error:
            form.add_error(None, str(error)) if deciding else messages.error(request, str(error))
        status = 422
    context = {
        "appeal": row,
        "order": row.order,
        "form": form,
        "conflict": conflict_of(row, request.user),
        "mine": row.reviewer_id == request.user.pk,
        "may_review_it": may(request.user, DECIDERS),
        "member": row.order.case.members.filter(account=row.item.account_id)
        .annotate(by=F("verdict_by__username"))
        .first(),
        "now": timezone.now(),
    }
    return render(request, "analyst/appeal.html", context, status=status)

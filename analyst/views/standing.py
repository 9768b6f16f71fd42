"""Standing authorisations: what two people approved in advance, and where it stands."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from analyst.access import (
    DECIDERS,
    REVIEWERS,
    desk_for_acting,
    desk_for_protecting,
    desk_for_reading,
    may,
    visible_cases,
)
from analyst.forms import posted
from analyst.order_forms import StandingForm
from analyst.views.actions import standing_of
from cases.errors import CaseError
from cases.models import Operator, StandingAuthorisation
from cases.services.authorise import (
    approve_authorisation,
    end_authorisation,
    propose_authorisation,
    refuse_authorisation,
)

SHOWN = 200


@require_GET
@login_required
def standing(request):
    desk_for_reading(request.user)
    rows = _seen(request.user).select_related(
        "operator", "connector", "proposed_by", "reviewed_by", "ended_by"
    )
    context = {
        "rows": rows.order_by("-pk")[:SHOWN],
        "now": timezone.now(),
        "may_act": may(request.user, DECIDERS),
        "may_lead": may(request.user, REVIEWERS),
        "stands": standing_of(request.user),
    }
    return render(request, "analyst/standing.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def propose(request, pk):
    """Propose one for the successors of an operator."""
    desk_for_acting(request.user)
    operator = get_object_or_404(Operator, pk=min(pk, 2**63 - 1))
    if not visible_cases(request.user).filter(operator=operator).exists():
        raise Http404
    form = StandingForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            asked = propose_authorisation(operator, actor=request.user, **form.terms())
        except CaseError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{asked.ref} waits for a second person.")
            return redirect("analyst:standing")
    status = 422 if request.method == "POST" else 200
    context = {"operator": operator, "form": form}
    return render(request, "analyst/standing_propose.html", context, status=status)


@require_POST
@login_required
def step(request, pk):
    """Approve or refuse it as the second person, or end it."""
    do = request.POST.get("do")
    reason = request.POST.get("reason", "")[:500]
    (desk_for_acting if do == "end" else desk_for_protecting)(request.user)
    asked = get_object_or_404(_seen(request.user), pk=min(pk, 2**63 - 1))
    try:
        if do == "approve":
            approve_authorisation(asked, actor=request.user)
        elif do == "refuse":
            refuse_authorisation(asked, actor=request.user, reason=reason)
        else:
            end_authorisation(asked, actor=request.user, reason=reason)
    except CaseError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{asked.ref} is {asked.get_state_display()}.")
    return redirect("analyst:standing")


def _seen(user):
    """Those of operators of whom the person may know a case."""
    known = visible_cases(user).exclude(operator=None).values("operator")
    return StandingAuthorisation.objects.filter(operator__in=known)

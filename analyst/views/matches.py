"""Private matching: how many of ours a partner holds, and which once both sides agreed."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from analyst.access import case_for_sharing, desk_for_reading
from analyst.forms import posted
from analyst.partner_access import match_for_approving, match_for_reading, may_approve
from analyst.partner_forms import MatchForm
from analyst.partners import dressed, latest_matches, match_page
from cases.errors import CaseError
from cases.models import MatchSession
from cases.services.match_answer import agree, refuse
from cases.services.match_ask import ask_partner, want_names

ACTS = {"want": want_names, "agree": agree, "refuse": refuse}
SAID = {
    "want": "The partner’s people are asked for the names.",
    "agree": "Agreed: both desks learn which values they share.",
    "refuse": "Refused: it stays at the number.",
}


@require_GET
@login_required
def matches(request):
    """All of them, newest first."""
    desk_for_reading(request.user)
    found, following = latest_matches(request.user, request.GET.get("after", ""))
    context = {"matches": found, "following": following, "here": "matches"}
    return render(request, "analyst/matches.html", context)


@require_POST
@login_required
def ask(request, ref):
    """How many of a case's values does a partner hold?"""
    case = case_for_sharing(request.user, ref)
    form = MatchForm(posted(request))
    if form.is_valid():
        try:
            session = ask_partner(case, form.cleaned_data["partner"], actor=request.user)
            return redirect("analyst:match", pk=session.pk)
        except CaseError as error:
            form.add_error(None, str(error))
    context = {"case": case, "form": form, "here": "matches"}
    return render(request, "analyst/match_ask.html", context, status=422)


@require_GET
@login_required
def new(request, ref):
    """What would be asked, and of whom."""
    case = case_for_sharing(request.user, ref)
    context = {"case": case, "form": MatchForm(), "here": "matches"}
    return render(request, "analyst/match_ask.html", context)


@require_GET
@login_required
def match(request, pk):
    """One matching. ?part=progress alone for polling."""
    session = match_for_reading(request.user, pk)
    if request.GET.get("part") == "progress":
        response = render(request, "analyst/_match_progress.html", {"match": session})
        if session.job is None or session.job.is_over:
            response["HX-Refresh"] = "true"
        return response
    return _show(request, session)


@require_POST
@login_required
def act(request, pk):
    """A person wants names, or says yes or no to a partner that wants them."""
    session = match_for_approving(request.user, pk)
    step = request.POST.get("step", "")
    try:
        if step not in ACTS:
            raise CaseError("step: must be want, agree or refuse.")
        ACTS[step](session, actor=request.user)
    except CaseError as error:
        return _show(request, match_for_reading(request.user, pk), problem=str(error), status=422)
    messages.success(request, SAID[step])
    return redirect("analyst:match", pk=pk)


def _show(request, session: MatchSession, *, problem: str = "", status: int = 200):
    approver = may_approve(request.user)
    dressed([session])
    own = session.asked_by_id == request.user.pk
    counted = session.ours and session.state == MatchSession.State.COUNTED and session.count
    context = {
        "match": session,
        "page": match_page(session),
        "problem": problem,
        "own": own,
        "may_want": counted and approver and not own,
        "waits_for_second": counted and (own or not approver),
        "may_answer": not session.ours and session.state == "wanted" and approver,
        "here": "matches",
    }
    return render(request, "analyst/match.html", context, status=status)

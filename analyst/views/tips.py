"""Tips that are no STIX: a preview of whom they point at, then kept with where they are from."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from analyst.access import SHARERS, desk_for_reading, may
from analyst.forms import posted
from analyst.partner_access import desk_for_tips, tip_for_reading, tip_for_settling
from analyst.partner_forms import ReasonForm, TipForm
from analyst.partners import TIP_STANDING, latest_tips
from cases.errors import CaseError
from cases.models import Tip
from cases.services.tip import enter_tip, look_again, matches_of, preview_tip, set_aside

BODY_SHOWN = 20_000


@require_GET
@login_required
def tips(request):
    """Newest first; ?state=open."""
    desk_for_reading(request.user)
    state = request.GET.get("state", "")
    found, following = latest_tips(request.GET.get("after", ""), state)
    context = {
        "tips": found, "following": following, "state": state, "states": Tip.State.choices,
        "may_enter": may(request.user, SHARERS), "here": "tips",
    }  # fmt: skip
    return render(request, "analyst/tips.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def new(request):
    """First press shows whom it points at; the second keeps it."""
    desk_for_tips(request.user)
    bound = request.method == "POST"
    form = TipForm(request.POST, request.FILES) if bound else TipForm()
    preview = None
    if bound and form.is_valid():
        data = form.cleaned_data
        try:
            if request.POST.get("keep"):
                kind, text = data.pop("form"), data.pop("text")
                tip = enter_tip(kind, text, actor=request.user, **data)
                messages.success(request, f"{tip.ref} is kept: {tip.get_state_display()}.")
                return redirect("analyst:tip", pk=tip.pk)
            preview = preview_tip(
                data["form"], data["text"], told_by=data["told_by"], origin=data["origin"],
                partner=data["partner"], user=request.user,
            )  # fmt: skip
            form = _again(request, data)
        except CaseError as error:
            form.add_error(None, str(error))
    context = {"form": form, "preview": preview, "here": "tips"}
    status = 422 if bound and preview is None else 200
    return render(request, "analyst/tip_new.html", context, status=status)


@require_GET
@login_required
def tip(request, pk):
    return _show(request, tip_for_reading(request.user, pk), ReasonForm())


@require_POST
@login_required
def again(request, pk):
    found = tip_for_settling(request.user, pk)
    try:
        found = look_again(found, actor=request.user)
        messages.success(request, f"Looked up again: {found.get_state_display()}.")
    except CaseError as error:
        messages.error(request, str(error))
    return redirect("analyst:tip", pk=pk)


@require_POST
@login_required
def aside(request, pk):
    found = tip_for_settling(request.user, pk)
    form = ReasonForm(posted(request))
    if form.is_valid():
        try:
            set_aside(found, actor=request.user, **form.cleaned_data)
            return redirect("analyst:tip", pk=pk)
        except CaseError as error:
            form.add_error(None, str(error))
    return _show(request, found, form, status=422)


def _again(request, data: dict) -> TipForm:
    """The form as it was sent, with the text of a file in its place, so that one press keeps it."""
    sent = request.POST.copy()
    sent["text"] = data["text"]
    return TipForm(sent)


def _show(request, found: Tip, form: ReasonForm, *, status: int = 200):
    found.icon, found.tone = TIP_STANDING[found.state]
    context = {
        "tip": found,
        "form": form,
        "matches": matches_of(found, request.user),
        "body": found.body[:BODY_SHOWN],
        "cut": len(found.body) > BODY_SHOWN,
        "may_settle": may(request.user, SHARERS) and found.state == Tip.State.OPEN,
        "here": "tips",
    }
    return render(request, "analyst/tip.html", context, status=status)

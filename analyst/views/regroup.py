"""Previews of what a change would do to the cases, and the thresholds page that asks for some."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from analyst.access import (
    desk_for_previewing,
    desk_for_reading,
    may_apply,
    may_preview,
    preview_case_for_reading,
    preview_for_applying,
    preview_for_reading,
)
from analyst.forms import posted
from analyst.regroup import (
    cases_of,
    dress_cases,
    latest_previews,
    members_of,
    relied_page,
    staleness,
    standing_of,
    title_of,
)
from analyst.regroup_forms import ApplyForm, ThresholdForm
from cases.errors import CaseError
from cases.models import Calibration, GroupingTerms
from cases.services.preview import cancel_preview, request_preview
from cases.services.preview_apply import apply_preview
from cases.services.terms import current_prior

SHOWN = 20


@require_http_methods(["GET", "POST"])
@login_required
def thresholds(request):
    """The prior that holds, who set it, and the previews; POST asks for one."""
    desk_for_reading(request.user)
    if request.method == "POST":
        desk_for_previewing(request.user)
    form = ThresholdForm(posted(request))
    if form.is_valid():
        try:
            preview = request_preview(
                actor=request.user, kind="threshold", prior=1 / form.cleaned_data["one_in"]
            )
            return redirect("analyst:preview", pk=preview.pk)
        except CaseError as error:
            form.add_error("one_in", str(error))
    counting = set(Calibration.objects.in_force().values_list("pk", flat=True))
    context = {
        "form": form,
        "one_in": 1 / current_prior(),
        "history": GroupingTerms.objects.select_related("set_by").order_by("-pk")[:SHOWN],
        "previews": latest_previews(),
        "calibrations": [
            row for row in Calibration.objects.order_by("-pk")[:SHOWN] if row.pk not in counting
        ],
        "may_preview": may_preview(request.user),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "analyst/thresholds.html", context, status=status)


@require_POST
@login_required
def calibration(request, pk):
    """Ask what another version of a family's calibration would do."""
    desk_for_previewing(request.user)
    row = Calibration.objects.filter(pk=pk).first()
    if row is None:
        raise Http404
    return ask(request, "analyst:thresholds", kind="calibration", calibration=row)


@require_GET
@login_required
def preview(request, pk):
    """The difference, or how far it is. ?part=progress alone for polling."""
    found = preview_for_reading(request.user, pk)
    if request.GET.get("part") == "progress":
        response = render(request, "analyst/_preview_progress.html", {"preview": found})
        if found.job.is_over:
            response["HX-Refresh"] = "true"
        return response
    return _page(request, found, ApplyForm())


@require_GET
@login_required
def preview_case(request, pk):
    """The accounts of one case in a difference."""
    row = preview_case_for_reading(request.user, pk)
    dress_cases([row], request.user)
    if row.case is None and row.masked:
        raise Http404  # its accounts are those of a case that the person may not see
    members, following = members_of(row, request.GET.get("after", ""))
    context = {
        "row": row, "preview": row.preview, "members": members, "following": following,
        "title": title_of(row.preview),
    }  # fmt: skip
    return render(request, "analyst/preview_case.html", context)


@require_POST
@login_required
def apply(request, pk):
    found = preview_for_applying(request.user, pk)
    form = ApplyForm(request.POST)
    if form.is_valid():
        try:
            apply_preview(found, actor=request.user, **form.cleaned_data)
            messages.success(
                request, f"{found.ref} is applied. The cases follow with the next grouping run."
            )
            return redirect("analyst:preview", pk=found.pk)
        except CaseError as error:
            form.add_error(None, str(error))
    return _page(request, found, form, status=422)


@require_POST
@login_required
def cancel(request, pk):
    desk_for_previewing(request.user)
    found = preview_for_reading(request.user, pk)
    try:
        cancel_preview(found, actor=request.user)
        messages.success(request, f"{found.ref} is stopped, or will be after its step.")
    except CaseError as error:
        messages.error(request, str(error))
    return redirect("analyst:preview", pk=found.pk)


@require_POST
@login_required
def again(request, pk):
    """The same change, computed anew."""
    desk_for_previewing(request.user)
    old = preview_for_reading(request.user, pk)
    return ask(
        request, "analyst:preview", old.pk, kind=old.kind, prior=old.prior,
        calibration=old.calibration, withdrawal=old.withdrawal, entry=old.entry,
    )  # fmt: skip


def ask(request, back: str, *keys, **change):
    """Ask for a preview and go to it; refused, go back with the reason."""
    try:
        found = request_preview(actor=request.user, **change)
    except CaseError as error:
        messages.error(request, str(error))
        return redirect(back, *keys)
    return redirect("analyst:preview", pk=found.pk)


def _page(request, found, form, *, status=200):
    rows, following, unseen = cases_of(found, request.user, request.GET.get("after", ""))
    relied, _, relied_unseen = (
        relied_page(found.withdrawal, request.user, "") if found.withdrawal else ([], None, "")
    )
    context = {
        "preview": found,
        "title": title_of(found),
        "standing": standing_of(found),
        "stale": staleness(found),
        "rows": rows,
        "following": following,
        "unseen": unseen,
        "relied": relied[:SHOWN],
        "relied_unseen": relied_unseen,
        "form": form,
        "may_apply": may_apply(request.user, found.kind),
        "may_preview": may_preview(request.user),
    }
    return render(request, "analyst/preview.html", context, status=status)

"""Releases of detectors that are not believed any more."""

from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from analyst.access import (
    desk_for_reading,
    desk_for_withdrawing,
    may_apply,
    withdrawal_for_reading,
)
from analyst.regroup import (
    latest_previews,
    latest_withdrawals,
    release_standing,
    relied_page,
    versions_seen,
)
from analyst.regroup_forms import WithdrawForm
from analyst.views.regroup import ask
from cases.services.preview import request_preview
from ingest.services.withdraw import WithdrawalError, propose_withdrawal


@require_http_methods(["GET", "POST"])
@login_required
def withdrawals(request):
    """All of them; POST proposes one and previews it. ?detector= and ?version= fill the form."""
    desk_for_reading(request.user)
    if request.method == "POST":
        desk_for_withdrawing(request.user)
        form = WithdrawForm(request.POST)
    else:
        asked = {name: request.GET.get(name, "")[:64] for name in ("detector", "version")}
        form = WithdrawForm(initial=asked)
    if form.is_valid():
        try:
            row = propose_withdrawal(actor=request.user, **form.cleaned_data)
            preview = request_preview(actor=request.user, kind="withdraw", withdrawal=row)
            return redirect("analyst:preview", pk=preview.pk)
        except WithdrawalError as error:
            form.add_error(None, str(error))
    found, following = latest_withdrawals(request.GET.get("after", ""))
    context = {
        "withdrawals": found,
        "following": following,
        "form": form,
        "versions": versions_seen(),
        "may_withdraw": may_apply(request.user, "withdraw"),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "analyst/withdrawals.html", context, status=status)


@require_GET
@login_required
def withdrawal(request, pk):
    """One release: its window, what relied on it, and its previews."""
    row = withdrawal_for_reading(request.user, pk)
    relied, following, unseen = relied_page(row, request.user, request.GET.get("after", ""))
    context = {
        "withdrawal": row,
        "standing": release_standing(row),
        "relied": relied,
        "following": following,
        "unseen": unseen,
        "previews": latest_previews(withdrawal=row),
        "may_withdraw": may_apply(request.user, "withdraw"),
    }
    return render(request, "analyst/withdrawal.html", context)


@require_POST
@login_required
def preview(request, pk):
    """Preview the step that comes next: withdrawing it, or restoring it."""
    desk_for_withdrawing(request.user)
    row = withdrawal_for_reading(request.user, pk)
    kind = "lift" if row.stands else "withdraw"
    return ask(request, "analyst:withdrawal", row.pk, kind=kind, withdrawal=row)

"""The allow-list: what takes no part in grouping, and what it hides."""

from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from analyst.access import (
    counted,
    desk_for_allowing,
    desk_for_reading,
    entry_for_reading,
    may_apply,
)
from analyst.forms import posted
from analyst.regroup import (
    ENTRY_STATES,
    Standing,
    hidden_page,
    latest_entries,
    latest_previews,
    newest_count,
)
from analyst.regroup_forms import AllowForm
from analyst.views.regroup import ask
from cases.errors import CaseError
from cases.services.allow import propose_entry
from cases.services.hidden import covered
from cases.services.preview import request_preview
from ingest.models import Signal


@require_http_methods(["GET", "POST"])
@login_required
def entries(request):
    """All of them; POST proposes one and previews what it would hide."""
    desk_for_reading(request.user)
    if request.method == "POST":
        desk_for_allowing(request.user)
    form = AllowForm(posted(request), initial={"owner": request.user.pk})
    if form.is_valid():
        try:
            entry = propose_entry(actor=request.user, **form.cleaned_data)
            preview = request_preview(actor=request.user, kind="allow", entry=entry)
            return redirect("analyst:preview", pk=preview.pk)
        except CaseError as error:
            form.add_error(None, str(error))
    found, following = latest_entries(request.GET.get("after", ""))
    context = {
        "entries": found,
        "following": following,
        "count": newest_count(),
        "form": form,
        "may_allow": may_apply(request.user, "allow"),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "analyst/allow_list.html", context, status=status)


@require_GET
@login_required
def entry(request, pk):
    """One entry: who answers for it, until when, and what it has hidden."""
    row = entry_for_reading(request.user, pk)
    count = newest_count()
    if count and row.added_at and count.read_at < row.added_at:
        count = None  # counted before it was there
    hidden, following = (
        hidden_page(row, count, request.user, request.GET.get("after", ""))
        if count and row.state == "standing"
        else ([], None)
    )
    accounts = covered(row)
    since = row.added_at or timezone.now()
    context = {
        "entry": row,
        "standing": Standing(*ENTRY_STATES[row.state]),
        "count": count,
        "hidden": hidden,
        "hides": count.summary.get("hides", {}).get(str(row.pk), 0) if count else None,
        "following": following,
        "accounts": counted(accounts),
        "signals": counted(
            Signal.objects.filter(account__in=accounts.values("pk"), received_at__gte=since)
        ),
        "previews": latest_previews(entry=row),
        "may_allow": may_apply(request.user, "allow"),
    }
    return render(request, "analyst/allow_entry.html", context)


@require_POST
@login_required
def preview(request, pk):
    """Preview the step that comes next: adding it, or ending it."""
    desk_for_allowing(request.user)
    row = entry_for_reading(request.user, pk)
    kind = "end" if row.state == "standing" else "allow"
    return ask(request, "analyst:allow-entry", row.pk, kind=kind, entry=row)


@require_POST
@login_required
def count(request):
    """Count now what the allow-list hides."""
    desk_for_allowing(request.user)
    return ask(request, "analyst:allow-list", kind="hidden")

"""What orders keep to: drift at the platform, the protected list, the letters, the hooks."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from analyst.access import (
    DECIDERS,
    REVIEWERS,
    desk_for_acting,
    desk_for_hooks,
    desk_for_protecting,
    desk_for_reading,
    may,
    may_hook,
    visible_cases,
)
from analyst.forms import posted
from analyst.order_forms import NoticeForm, ProtectForm
from analyst.views.actions import standing_of
from cases.errors import CaseError
from cases.models import EventHook, HookDelivery, Notice, NoticeVersion, Protected
from cases.services.drift import drifted_items
from cases.services.hooks import switch_hook
from cases.services.notices import approve_notice, retire_notice, write_notice
from cases.services.protect import end_protection, protect

PAGE = 100


@require_GET
@login_required
def drift(request):
    """Accounts that others changed since our last order about them, newest change first."""
    desk_for_reading(request.user)
    rows = drifted_items().filter(enforcement__case__in=visible_cases(request.user))
    after = _key(request)
    if after:
        rows = rows.order_by("-pk").filter(pk__lt=after)
    rows = rows.order_by("-pk").select_related("account", "enforcement__case")
    rows = list(rows[: PAGE + 1])
    context = {
        "items": rows[:PAGE],
        "following": rows[PAGE - 1].pk if len(rows) > PAGE else None,
        "stands": standing_of(request.user),
    }
    return render(request, "analyst/drift.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def protected(request):
    """The protected list; POST puts somebody on it."""
    desk_for_reading(request.user)
    if request.method == "POST":
        desk_for_protecting(request.user)
    form = ProtectForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            entry = protect(actor=request.user, **form.cleaned_data)
        except CaseError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"No action touches the {entry.kind} {entry.value} now.")
            return redirect("analyst:protected")
    rows = Protected.objects.select_related("added_by", "ended_by")
    if after := _key(request):
        rows = rows.filter(pk__lt=after)
    rows = list(rows.order_by("-pk")[: PAGE + 1])
    standing = set(
        Protected.objects.standing()
        .filter(pk__in=[r.pk for r in rows])
        .values_list("pk", flat=True)
    )
    for row in rows:
        row.stands = row.pk in standing
    context = {
        "entries": rows[:PAGE],
        "following": rows[PAGE - 1].pk if len(rows) > PAGE else None,
        "form": form,
        "may_protect": may(request.user, REVIEWERS),
        "stands": standing_of(request.user),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "analyst/protected.html", context, status=status)


@require_POST
@login_required
def end_protected(request, pk):
    desk_for_protecting(request.user)
    entry = get_object_or_404(Protected, pk=min(pk, 2**63 - 1))
    _try(request, "It is off the list.", end_protection, entry, reason=_reason(request))
    return redirect("analyst:protected")


@require_http_methods(["GET", "POST"])
@login_required
def notices(request):
    """The library of letters; POST writes a version."""
    desk_for_reading(request.user)
    if request.method == "POST":
        desk_for_acting(request.user)
    form = NoticeForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            version = write_notice(actor=request.user, **form.cleaned_data)
        except CaseError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{version} waits for a second person.")
            return redirect("analyst:notices")
    rows = (
        NoticeVersion.objects.select_related("notice", "written_by", "approved_by")
        .annotate(sent=Count("orders"))
        .order_by("notice__retired_at", "notice__title", "notice", "-version")[:200]
    )
    context = {
        "versions": rows,
        "form": form,
        "may_write": may(request.user, DECIDERS),
        "may_lead": may(request.user, REVIEWERS),
        "stands": standing_of(request.user),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "analyst/notices.html", context, status=status)


@require_POST
@login_required
def notice(request, pk):
    """Approve a version, or retire a letter."""
    desk_for_protecting(request.user)
    if request.POST.get("do") == "retire":
        letter = get_object_or_404(Notice, pk=min(pk, 2**63 - 1))
        _try(request, f"{letter} is retired.", retire_notice, letter)
    else:
        version = get_object_or_404(
            NoticeVersion.objects.select_related("notice"), pk=min(pk, 2**63 - 1)
        )
        _try(request, f"{version} may be sent.", approve_notice, version)
    return redirect("analyst:notices")


@require_http_methods(["GET", "POST"])
@login_required
def hooks(request):
    """Addresses that are told of events; POST switches one on or off."""
    desk_for_reading(request.user)
    if request.method == "POST":
        desk_for_hooks(request.user)
        hook = get_object_or_404(EventHook, slug=request.POST.get("slug", "")[:64])
        on = request.POST.get("do") == "on"
        switch_hook(hook, actor=request.user, on=on)
        messages.success(request, f"{hook} is switched {'on' if on else 'off'}.")
        return redirect("analyst:hooks")
    rows = EventHook.objects.annotate(
        waiting=Count("deliveries", filter=Q(deliveries__state="waiting")),
        given_up=Count("deliveries", filter=Q(deliveries__state="failed")),
    ).order_by("slug")
    lately = HookDelivery.objects.select_related("hook", "event").order_by("-pk")
    seen = visible_cases(request.user)
    context = {
        "hooks": rows[:100],
        "deliveries": lately.filter(event__case__in=seen)[:50],
        "may_hook": may_hook(request.user),
        "stands": standing_of(request.user),
    }
    return render(request, "analyst/hooks.html", context)


def _try(request, said: str, service, *args, **kwargs) -> None:
    try:
        service(*args, actor=request.user, **kwargs)
    except CaseError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, said)


def _reason(request) -> str:
    return request.POST.get("reason", "")[:300]


def _key(request) -> int | None:
    after = request.GET.get("after", "")
    return int(after) if after.isascii() and after.isdigit() and len(after) < 19 else None

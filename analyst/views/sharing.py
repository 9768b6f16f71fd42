import json

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from analyst.access import (
    case_for_reading,
    case_for_sharing,
    desk_for_reading,
    may,
    share_for_reading,
    share_for_reviewing,
    visible_cases,
)
from analyst.forms import RecallForm, ReviewForm, ShareForm, posted
from analyst.partners import around
from analyst.regroup import marks_of
from analyst.views.case import head_of
from cases.errors import CaseError
from cases.models import Case, Partner, Share
from cases.services.appeal import granted_about
from cases.services.share import (
    approve_share,
    prepare_share,
    recall_share,
    record_download,
    redaction_preview,
    refuse_share,
    what_each_learns,
)
from cases.sharing.misp import misp_event

PAGE = 100
WAITING_SHOWN = 200
RECIPIENTS = 6  # columns of what each would learn
SHOWN = 60_000  # characters of a bundle on its page; the file holds all of it
RULE_ICONS = {
    "stays here": ("no", "bad"),
    "coarser": ("half", ""),
    "token": ("lock", ""),
    "as it is": ("check", ""),
    "added": ("clock", ""),
}


@require_http_methods(["GET", "POST"])
@login_required
def prepare(request, ref):
    """Choose who gets it and the label, and see field by field what would leave."""
    case = case_for_sharing(request.user, ref)
    asked = request.POST.get("tlp") or request.GET.get("tlp") or case.tlp
    tlp = asked if asked in Case.TLP.values else case.tlp
    slug = request.POST.get("partner") or request.GET.get("partner") or ""
    partner = Partner.objects.filter(enabled=True, slug=slug.replace("\0", "")).first()
    form = ShareForm(posted(request), initial={"tlp": tlp, "partner": partner})
    if request.method == "POST" and form.is_valid():
        try:
            share = prepare_share(case, actor=request.user, **form.cleaned_data)
        except CaseError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Prepared. A second person approves it before it leaves.")
            return redirect("analyst:share", pk=share.pk)
    context = {"fields": _fields(case, tlp, partner), "tlp": tlp} | _learned(case, tlp)
    if request.GET.get("part") == "fields":
        return render(request, "analyst/_share_fields.html", context)
    context |= head_of(request, case) | {"form": form, "recipient": partner}
    status = 422 if request.method == "POST" else 200
    return render(request, "analyst/share_prepare.html", context, status=status)


@require_GET
@login_required
def sharing(request):
    """What left and what waits to; ?case=C-1 of one case."""
    desk_for_reading(request.user)
    found = Share.objects.filter(case__in=visible_cases(request.user)).defer("bundle")
    case = None
    if request.GET.get("case"):
        case = case_for_reading(request.user, request.GET["case"])
        found = found.filter(case=case)
    rows = found.select_related("case", "prepared_by", "reviewed_by")
    waiting = rows.filter(state=Share.State.PREPARED).order_by("pk")[:WAITING_SHOWN]
    others = rows.exclude(state=Share.State.PREPARED)
    after = request.GET.get("after", "")
    if after.isascii() and after.isdigit() and len(after) < 19:
        others, waiting = others.filter(pk__lt=int(after)), []
    others = list(others.order_by("-pk")[: PAGE + 1])
    more, others = len(others) > PAGE, others[:PAGE]
    context = {
        "case": case,
        "waiting": waiting,
        "shares": others,
        "following": others[-1].pk if more else None,
        "after": after,
    } | around(request.user)
    return render(request, "analyst/sharing.html", context)


@require_GET
@login_required
def share(request, pk):
    return _show(request, share_for_reading(request.user, pk), ReviewForm())


@require_POST
@login_required
def review(request, pk):
    """A second person lets it leave, or keeps it here."""
    share = share_for_reviewing(request.user, pk)
    form = ReviewForm(request.POST)
    if form.is_valid():
        try:
            if form.cleaned_data["verdict"] == "approve":
                approve_share(share, actor=request.user)
                messages.success(request, "Approved: the bundle may leave.")
            else:
                refuse_share(share, actor=request.user)
                messages.success(request, "Refused: the bundle stays here.")
            return redirect("analyst:share", pk=share.pk)
        except CaseError as error:
            form.add_error(None, str(error))
    return _show(request, share, form, status=422)


@require_POST
@login_required
def download(request, pk):
    """The bundle as stored, or made into a MISP event. Who took it is written down first."""
    share = share_for_reading(request.user, pk)
    case_for_sharing(request.user, share.case.ref)
    misp = request.POST.get("form") == "misp"
    try:
        text = record_download(share, actor=request.user, form="MISP" if misp else "STIX 2.1")
    except CaseError as error:
        form = ReviewForm({"verdict": "refuse"})
        form.add_error(None, str(error))
        return _show(request, share, form, status=422)
    kind = "application/json" if misp else "application/stix+json;version=2.1"
    text = misp_event(text) if misp else text
    response = HttpResponse(text.encode(), content_type=kind)
    name = f"{share.case.ref}-share-{share.pk}{'-misp' if misp else ''}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_POST
@login_required
def recall(request, pk):
    """Take back what is out."""
    share = share_for_reviewing(request.user, pk)
    form = RecallForm(request.POST)
    if form.is_valid():
        try:
            recall_share(share, actor=request.user, **form.cleaned_data)
            messages.success(request, "Recalled: partners find it revoked.")
            return redirect("analyst:share", pk=share.pk)
        except CaseError as error:
            form.add_error(None, str(error))
    return _show(request, share, form, status=422)


def _learned(case: Case, tlp: str) -> dict:
    """A table of what each partner would learn: a row for each field that can leave."""
    told = what_each_learns(case, tlp)
    shown = told[:RECIPIENTS]
    rows = [
        {
            "field": fields[0]["field"],
            "cells": [
                "nothing" if one["refused"] else row["leaves"]
                for one, row in zip(shown, fields, strict=True)
            ],
        }
        for fields in zip(*(one["rows"] for one in shown), strict=True)
        if any(row["leaves"] != "nothing" for row in fields)
    ]
    return {"recipients": shown, "learned": rows, "recipients_cut": len(told) - len(shown)}


def _fields(case: Case, tlp: str, partner: Partner | None = None) -> list[dict]:
    rows = redaction_preview(case, tlp, partner)
    for row in rows:
        row["icon"], row["tone"] = RULE_ICONS.get(row["rule"], ("half", ""))
    return rows


def _show(request, share: Share, form: ReviewForm, *, status: int = 200):
    try:
        bundle = json.dumps(json.loads(share.bundle), indent=2, ensure_ascii=False)
    except ValueError:
        bundle = share.bundle
    context = {
        "share": share,
        "case": share.case,
        "form": form,
        "fields": _fields(share.case, share.tlp, share.partner),
        "tlp": share.tlp,
        "bundle": bundle[:SHOWN],
        "cut": len(bundle) > SHOWN,
        "size": len(share.bundle.encode()),
        "own": share.prepared_by_id == request.user.pk,
        "relies": marks_of("share", share.pk),
        "appealed": granted_about("shares", share.pk),
        "may_review_it": may(request.user, {"lead", "counsel"}),
    }
    return render(request, "analyst/share.html", context, status=status)

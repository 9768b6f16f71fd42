import csv
from datetime import timedelta

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from analyst.access import desk_for_reading
from analyst.detector_record import FEWEST_REVIEWED, Record, records
from analyst.reports import (
    ORDERS_SHOWN,
    SPANS,
    USUAL,
    acted,
    backlog_drawn,
    levels,
    period,
    snoozed,
    taken,
    team_agreement,
    verdicts,
)
from cases.services.lots import estimate_recall
from ingest.models import Detector


def _period(request):
    """?days= of the request; whatever is none of the offered spans is the usual one."""
    asked = request.GET.get("days", "")
    days = next((span for span in SPANS if asked == str(span)), USUAL)
    return period(days, timezone.now())


@require_GET
@login_required
def reports(request):
    """How the desk does, how much was taken, and whether actions helped."""
    desk_for_reading(request.user)
    when = _period(request)
    rows = levels(request.user, when)
    record = records()
    detectors = list(Detector.objects.filter(pk__in=record).order_by("name"))
    for detector in detectors:
        detector.record = record.get(detector.pk, Record())
    context = {
        "when": when,
        "last_day": when.end - timedelta(days=1),
        "spans": SPANS,
        "levels": rows,
        "all": rows[-1],
        "backlog": backlog_drawn(request.user, when),
        "verdicts": verdicts(request.user, when),
        "taken": taken(request.user, when),
        "acted": acted(request.user, when),
        "orders_shown": ORDERS_SHOWN,
        "detectors": detectors,
        "fewest_reviewed": FEWEST_REVIEWED,
        "agreement": team_agreement(request.user, when),
        "recall": estimate_recall(),
        "snoozed": snoozed(request.user, when.now),
    }
    return render(request, "analyst/reports.html", context)


@require_GET
@login_required
def backlog(request):
    desk_for_reading(request.user)
    return JsonResponse(backlog_drawn(request.user, _period(request)).figure)


@require_GET
@login_required
def backlog_csv(request):
    desk_for_reading(request.user)
    when = _period(request)
    drawn = backlog_drawn(request.user, when)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="backlog-{when.days}-days.csv"'
    writer = csv.writer(response)
    writer.writerow(drawn.columns)
    writer.writerows(drawn.rows)  # numbers and dates alone
    return response

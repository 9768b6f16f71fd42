import csv

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from analyst.access import desk_for_reading, detector_for_reading, may_preview
from analyst.detector_record import (
    COST_DAYS,
    FEWEST_REVIEWED,
    Record,
    calibrated_drawn,
    costs,
    expected_innocent,
    latest_runs,
    prior_words,
    records,
    scores_drawn,
    standings,
    versions,
)
from analyst.detectors import (
    dressed_detectors,
    latest_batches,
    latest_rejections,
    span,
    standing,
    trend_of,
)
from cases.calibration import FEWEST

FIGURES = ("scores", "calibrated")


@require_GET
@login_required
def detectors(request):
    """All of them; with ?detector=<slug> the deliveries and rejections of one."""
    desk_for_reading(request.user)
    now = timezone.now()
    found = dressed_detectors(now)
    chosen = next((d for d in found if d.slug == request.GET.get("detector")), None)
    record, cost = records(), costs(now)
    families = standings([detector.family for detector in found])
    for detector in found:
        detector.expected = span(detector.expected_interval) if detector.expected_interval else ""
        detector.record = record.get(detector.pk, Record())
        detector.cost = cost.get(detector.pk)
        detector.counts = families[detector.family]
    context = {
        "detectors": found,
        "chosen": chosen,
        "silent": [d for d in found if d.standing == "silent"],
        "batches": latest_batches(chosen),
        "rejections": latest_rejections(chosen),
        "families": list(families.values()),
        "cold": [one for one in families.values() if one.cold],
        "innocent": expected_innocent(),
        "prior": prior_words(),
        "fewest": FEWEST,
        "fewest_reviewed": FEWEST_REVIEWED,
        "cost_days": COST_DAYS,
    }
    return render(request, "analyst/detectors.html", context)


@require_GET
@login_required
def detector(request, slug):
    """One of them: how its family counts, its record, its reliability, its runs."""
    one = detector_for_reading(request.user, slug)
    now = timezone.now()
    one.expected = span(one.expected_interval) if one.expected_interval else ""
    counts = standings([one.family])[one.family]
    plots = [
        {"name": "scores", "title": "Its scores, as sent", "drawn": scores_drawn(one)},
        {
            "name": "calibrated",
            "title": f"The family {one.family}, calibrated",
            "drawn": calibrated_drawn(_shown(counts)),
        },
    ]
    context = {
        "detector": one,
        "standing": standing(one, now),
        "counts": counts,
        "shown": _shown(counts),
        "record": records(one.pk).get(one.pk, Record()),
        "cost": costs(now).get(one.pk),
        "trend": trend_of(one, now),
        "runs": latest_runs(one),
        "versions": versions(one.family, counts),
        "may_preview": may_preview(request.user),
        "plots": plots,
        "prior": prior_words(),
        "fewest": FEWEST,
        "fewest_reviewed": FEWEST_REVIEWED,
        "cost_days": COST_DAYS,
    }
    return render(request, "analyst/detector.html", context)


@require_GET
@login_required
def figure(request, slug, name):
    return JsonResponse(_drawn(request, slug, name).figure)


@require_GET
@login_required
def figure_csv(request, slug, name):
    drawn = _drawn(request, slug, name)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{slug}-{name}.csv"'
    writer = csv.writer(response)
    writer.writerow(drawn.columns)
    writer.writerows(drawn.rows)  # numbers alone
    return response


def _drawn(request, slug, name):
    one = detector_for_reading(request.user, slug)
    if name not in FIGURES:
        raise Http404
    if name == "scores":
        return scores_drawn(one)
    return calibrated_drawn(_shown(standings([one.family])[one.family]))


def _shown(counts):
    """The fit whose reliability is shown: the one in force, else one that waits."""
    return counts.waits if counts.cold else counts.now

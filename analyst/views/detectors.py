from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from analyst.access import desk_for_reading
from analyst.detectors import dressed_detectors, latest_batches, latest_rejections, span


@require_GET
@login_required
def detectors(request):
    """All of them; with ?detector=<slug> the deliveries and rejections of one."""
    desk_for_reading(request.user)
    now = timezone.now()
    found = dressed_detectors(now)
    chosen = next((d for d in found if d.slug == request.GET.get("detector")), None)
    for detector in found:
        detector.expected = span(detector.expected_interval) if detector.expected_interval else ""
    context = {
        "detectors": found,
        "chosen": chosen,
        "silent": [d for d in found if d.standing == "silent"],
        "batches": latest_batches(chosen),
        "rejections": latest_rejections(chosen),
    }
    return render(request, "analyst/detectors.html", context)

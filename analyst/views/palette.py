from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET

from analyst.access import case_for_reading, desk_for_reading, pages
from analyst.palette import LONGEST, groups_for


@require_GET
@login_required
def palette(request):
    """Search and commands: for htmx the list alone, else a page that does the same."""
    desk_for_reading(request.user)
    text = request.GET.get("q", "")[:LONGEST]
    groups = groups_for(
        text,
        user=request.user,
        case=_case_at(request),
        pages=pages(),
        now=timezone.now(),
    )
    context = {"groups": groups, "text": text, "found": sum(len(g.entries) for g in groups)}
    name = "_palette" if request.htmx else "palette"
    response = render(request, f"analyst/{name}.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_GET
@login_required
def keys(request):
    """Every key of the desk."""
    desk_for_reading(request.user)
    name = "_keys" if request.htmx else "keys"
    response = render(request, f"analyst/{name}.html", {})
    patch_vary_headers(response, ["HX-Request"])
    return response


def _case_at(request):
    """The case that the person is at; one that they may not see is no case."""
    ref = request.GET.get("case", "")
    if not ref:
        return None
    try:
        return case_for_reading(request.user, ref)
    except Http404:
        return None

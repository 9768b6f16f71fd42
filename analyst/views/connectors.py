from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from analyst.access import connector_for_switching, desk_for_reading, may_connect, visible_cases
from analyst.connectors import last_exchanges, rows
from cases.errors import CaseError
from cases.services.connect import ask_for_probe, switch


@require_GET
@login_required
def connectors(request):
    """How each connector is, for everybody; ?connector=slug: what was said to that one."""
    desk_for_reading(request.user)
    found = rows()
    chosen = next((one for one in found if one.slug == request.GET.get("connector")), None)
    said = last_exchanges(chosen)
    seen = {one.item.enforcement.case_id for one in said if one.item}
    seen = set(visible_cases(request.user).filter(pk__in=seen).values_list("pk", flat=True))
    context = {
        "connectors": found,
        "chosen": chosen,
        # whom an order of a case that this person may not see was about stays unsaid
        "said": [(one, not one.item or one.item.enforcement.case_id in seen) for one in said],
        "asked": any(one.probe_asked_at for one in found),
        "may_connect": may_connect(request.user),
    }
    page = "_connectors" if request.GET.get("part") == "rows" else "connectors"
    return render(request, f"analyst/{page}.html", context)


@require_POST
@login_required
def switch_connector(request, slug):
    connector = connector_for_switching(request.user, slug)
    on = request.POST.get("do") == "on"
    try:
        switch(connector, actor=request.user, on=on)
        said = "rested, and its orders go on." if on else "its orders wait until it is on again."
        messages.success(request, f"{connector} is switched {'on' if on else 'off'}: {said}")
    except CaseError as error:
        messages.error(request, str(error))
    return redirect("analyst:connectors")


@require_POST
@login_required
def probe_connector(request, slug):
    connector = connector_for_switching(request.user, slug)
    ask_for_probe(connector, actor=request.user)
    messages.success(request, f"A worker asks {connector} within seconds.")
    return redirect("analyst:connectors")

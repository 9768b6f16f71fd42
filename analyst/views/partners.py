"""Partners: how right they were so far, what may go to them, and what went and came."""

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.views.decorators.http import require_GET

from analyst.access import desk_for_reading
from analyst.partner_access import partner_for_reading, visible_matches
from analyst.partners import dressed, facts_of, partner_rows
from cases.models import Partner, Tip

PARTNERS = 200
SHOWN = 20


@require_GET
@login_required
def partners(request):
    desk_for_reading(request.user)
    rows = partner_rows(list(Partner.objects.select_related("detector")[:PARTNERS]))
    return render(request, "analyst/partners.html", {"rows": rows, "here": "partners"})


@require_GET
@login_required
def partner(request, slug):
    found = partner_for_reading(request.user, slug)
    exchanges = found.exchanges.select_related("actor").order_by("-id")
    context = {
        "row": partner_rows([found])[0],
        "partner": found,
        "facts": facts_of(found),
        "exchanges": exchanges[: SHOWN * 3],
        "matches": dressed(
            list(visible_matches(request.user).filter(partner=found).order_by("-pk")[:SHOWN])
        ),
        "tips": Tip.objects.filter(partner=found).defer("body").order_by("-pk")[:SHOWN],
        "here": "partners",
    }
    return render(request, "analyst/partner.html", context)

from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import render
from django.views.decorators.http import require_GET

from analyst.styleguide import groups
from cases.models import Case


@require_GET
@login_required
def styleguide(request):
    """Every component on one page, for who builds on the desk."""
    if not request.user.is_staff:
        raise Http404
    context = {
        "groups": groups(),
        "labels": [
            {"tlp": value, "get_tlp_display": label} for value, label in Case.TLP.choices[::-1]
        ],
        "trend": [4, 5, 5, 7, 9, 5, 12, 17, 20],
    }
    return render(request, "analyst/styleguide.html", context)

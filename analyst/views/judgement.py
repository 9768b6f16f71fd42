from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from analyst.access import DECIDERS, REVIEWERS, desk_for_reading, may
from analyst.judgement import agreement_of, recalls, scores_of
from analyst.models import OpenJudgement


@require_GET
@login_required
def mine(request):
    """One's own: nobody else sees it unless one lets leads."""
    desk_for_reading(request.user)
    return _show(request, request.user)


@require_GET
@login_required
def theirs(request, username):
    """Another person's, for a lead whom they let; for anybody else it is not there."""
    desk_for_reading(request.user)
    if not may(request.user, REVIEWERS):
        raise Http404
    person = get_object_or_404(User, username=username, pk__in=OpenJudgement.objects.values("user"))
    return _show(request, person)


@require_POST
@login_required
def share(request):
    """Let leads see it, or take that back."""
    desk_for_reading(request.user)
    if request.POST.get("open") == "1":
        OpenJudgement.objects.get_or_create(user=request.user)
        messages.success(request, "Leads may see how you judge now.")
    else:
        OpenJudgement.objects.filter(user=request.user).delete()
        messages.success(request, "How you judge is yours alone again.")
    return redirect("analyst:judgement")


def _show(request, person):
    own = person == request.user
    opened = OpenJudgement.objects.filter(user=person).exists()
    others = []
    if own and may(request.user, REVIEWERS):
        others = User.objects.filter(
            pk__in=OpenJudgement.objects.exclude(user=request.user).values("user")
        ).order_by("username")[:200]
    context = {
        "whose": person,
        "own": own,
        "opened": opened,
        "others": others,
        "decides": may(person, DECIDERS),
        "agreement": agreement_of(person),
        "scores": scores_of(person),
        "recalls": recalls(),
    }
    response = render(request, "analyst/judgement.html", context)
    response["Cache-Control"] = "private, no-store"
    return response

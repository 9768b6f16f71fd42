"""The test of a case's pooled prompts: asked for, watched and stopped."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from analyst.access import case_for_deciding, case_for_reading
from analyst.pool import pool_of
from cases.errors import CaseError
from cases.services.pool import cancel_pool_test, request_pool_test


@require_http_methods(["GET", "POST"])
@login_required
def pool(request, ref):
    """The part of the case page for htmx (a plain visit is sent to it); POST asks for a test."""
    if request.method == "POST":
        case = case_for_deciding(request.user, ref)
        try:
            request_pool_test(case, actor=request.user)
        except CaseError as error:
            messages.error(request, str(error))
        return _back(case)
    case = case_for_reading(request.user, ref)
    if not request.htmx:
        return _back(case)
    return render(request, "analyst/_case_pool.html", {"case": case, "pool": pool_of(case)})


@require_POST
@login_required
def stop(request, ref):
    case = case_for_deciding(request.user, ref)
    test = case.pool_tests.select_related("job").order_by("-pk").first()
    if test:
        try:
            cancel_pool_test(test, actor=request.user)
        except CaseError as error:
            messages.error(request, str(error))
    return _back(case)


def _back(case):
    return redirect(f"{reverse('analyst:case', args=[case.ref])}#pool")

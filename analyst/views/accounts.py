from django.contrib.auth.decorators import login_required
from django.http import Http404, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET

from analyst import account_activity
from analyst.access import account_for_reading, desk_for_reading
from analyst.accounts import (
    AccountFilter,
    carried_by,
    dress,
    memberships_of,
    page_of,
    signals_of,
)

PAGE = 100
SIGNALS = 30


@require_GET
@login_required
def accounts(request):
    desk_for_reading(request.user)
    form = AccountFilter(request.GET)
    form.is_valid()  # what does not fit is named beside its field and filters nothing
    after, before = (request.GET.get(way, "").replace("\0", "") for way in ("after", "before"))
    rows, earlier, later = page_of(
        form.matching(request.user), PAGE, after=after, before="" if after else before
    )
    context = {
        "form": form,
        "filtered": any(form.cleaned_data.values()),
        "accounts": dress(rows, request.user),
        "back": form.url(before=rows[0].external_id) if rows and earlier else None,
        "next": form.url(after=rows[-1].external_id) if rows and later else None,
        "typing": request.htmx.source == "input#q",
    }
    partial = request.htmx.request_type == "partial"
    response = render(request, f"analyst/{'_accounts' if partial else 'accounts'}.html", context)
    patch_vary_headers(response, ["HX-Request-Type"])
    if partial and not after and not before:
        response["HX-Push-Url"] = request.path + form.url()
    return response


@require_GET
@login_required
def account(request, external_id):
    account = account_for_reading(request.user, external_id)
    members = list(memberships_of([account], request.user))
    carried, attributes = carried_by(account, request.user)
    signals, older = signals_of(account, SIGNALS, after=request.GET.get("signals", ""))
    revealable = next((m.case for m in members if not m.case.merged_into_id), None)
    context = {
        "account": account,
        "members": members,
        "carried": carried,
        "attributes": attributes,
        "signals": signals,
        "older": older,
        "paged": "signals" in request.GET,
        "days": account_activity.days(account),
        "reveal_on": revealable,
    }
    return render(request, "analyst/account.html", context)


@require_GET
@login_required
def figure(request, external_id, name):
    account = account_for_reading(request.user, external_id)
    if name != "activity":
        raise Http404
    return JsonResponse(account_activity.figure(account))

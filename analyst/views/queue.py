from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET, require_POST

from analyst.access import DECIDERS, counted, desk_for_reading, may, visible_cases
from analyst.bulk import DAYS, BulkForm, apply, numbers_of
from analyst.queue import ORDERS, TABS, QueueQuery, possible_owners, tab_counts
from analyst.queue_rows import rows_of
from analyst.saved import COUNTED, may_forget, tabs_for
from cases.models import Case
from cases.services.triage import take_next

PAGE = 100
DONE = {"claim": "claimed", "release": "released", "snooze": "snoozed", "wake": "woken"}


@require_GET
@login_required
def queue(request):
    """The page, or for htmx the part of it that a filter changes."""
    desk_for_reading(request.user)
    people = possible_owners()
    query = QueueQuery(request.GET, user=request.user, people=people)
    views = tabs_for(request.user, query.string(), people)
    cases, earlier, later = query.page(PAGE)
    counts = tab_counts(request.user, query.now)
    filtered = bool(query.form.filled)
    context = {
        "query": query,
        "rows": rows_of(cases, query.now, ticks=may(request.user, DECIDERS)),
        "shown": len(cases),
        "tabs": [
            {
                "slug": tab.slug,
                "label": tab.label,
                "href": query.url(view=None if tab.slug == "open" else tab.slug),
                "count": said(counts[tab.slug], tab.counted),
                "current": tab is query.tab and not any(saved.current for saved in views),
            }
            for tab in TABS.values()
        ],
        "views": [saved._replace(count=said(saved.count, COUNTED)) for saved in views],
        "view_here": next(
            (v.view for v in views if v.current and may_forget(v.view, request.user)), None
        ),
        "next_wakes": counts["next_wakes"],
        "heads": {
            name: {
                "href": query.url(sort=None if name == "priority" else name),
                "current": name == query.sort,
            }
            for name in ORDERS
        },
        "chips": [
            {"says": says, "value": value, "without": query.url(**{name: None})}
            for name, says, value in query.form.chips()
        ],
        "filtered": filtered,
        "cleared": query.url(**dict.fromkeys(query.form.fields)),
        "found": counted(query.cases()) if filtered else "",
        "total": said(counts[query.tab.slug], query.tab.counted),
        "nothing_yet": not any(counts[slug] for slug in TABS),
        "back": query.url(before=query.key_of(cases[0])) if cases and earlier else None,
        "next": query.url(after=query.key_of(cases[-1])) if cases and later else None,
        "here": query.string(),
        "days": DAYS.items(),
        "typing": request.htmx.source == "input#q",
    }
    partial = request.htmx.request_type == "partial"
    response = render(request, f"analyst/{'_queue' if partial else 'queue'}.html", context)
    patch_vary_headers(response, ["HX-Request-Type"])
    if partial and not query.after and not query.before:
        response["HX-Push-Url"] = query.url()
    return response


@require_POST
@login_required
def take_next_case(request):
    _deciders_only(request.user)
    case = take_next(request.user)
    if case:
        return redirect("analyst:case", ref=case.ref)
    messages.info(request, "Nothing to take: somebody is on every open case.")
    return redirect("analyst:queue")


@require_POST
@login_required
def bulk(request):
    _deciders_only(request.user)
    form = BulkForm(request.POST)
    numbers = numbers_of(request.POST.getlist("ref"))
    if not form.is_valid():
        messages.error(request, "That can't be done to several cases at once. Choose a button.")
    elif not numbers:
        messages.error(request, "No case was selected. Tick some rows first.")
    else:
        cases = visible_cases(request.user).filter(number__in=numbers)
        done, refusals = apply(cases, actor=request.user, **form.cleaned_data)
        if done:
            messages.success(request, _tell(done, form.cleaned_data["do"]))
        for refusal in refusals[:5]:
            messages.warning(request, refusal)
        if len(refusals) > 5:
            messages.warning(request, f"{len(refusals) - 5} more were refused.")
    # only the parameters come back from the page, and only as parameters: never an address
    here = QueryDict(request.POST.get("here", "")[:2000]).urlencode()
    return HttpResponseRedirect(reverse("analyst:queue") + (f"?{here}" if here else ""))


def said(count: int, limit: int) -> str:
    """A count that went no further than one above the limit."""
    return f"{limit:,}+" if count > limit else f"{count:,}"


def _tell(done: list[Case], do: str) -> str:
    case = done[0]
    what = case.ref if len(done) == 1 else f"{len(done)} cases"
    until = {"claim": case.claimed_until, "snooze": case.snoozed_until}.get(do)
    form = "%H:%M UTC" if do == "claim" else "%-d %b %H:%M UTC"
    return f"{what} {DONE[do]}" + (f" until {until:{form}}." if until else ".")


def _deciders_only(user) -> None:
    desk_for_reading(user)
    if not may(user, DECIDERS):
        raise PermissionDenied("Analysts and leads claim, release and snooze cases.")

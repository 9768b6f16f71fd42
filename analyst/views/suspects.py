import csv

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from analyst.access import (
    KEY_MAKERS,
    desk_for_reading,
    desk_for_testing,
    key_for_retiring,
    keys_for_making,
    may,
    suspect_for_reading,
    suspect_for_testing,
)
from analyst.suspect_forms import EndpointForm, KeyForm, UploadForm
from analyst.suspects import (
    cases_of,
    dress,
    latest_keys,
    latest_tests,
    law_of,
    limits,
    page_of,
    standing_of,
)
from ingest.services.suspects import cancel_test, request_outputs_test, request_sampling
from ingest.services.watermark import WatermarkError, make_key, retire_key

FORMS = {"upload": (UploadForm, request_outputs_test), "endpoint": (EndpointForm, request_sampling)}


@require_GET
@login_required
def suspects(request):
    """The tests, newest first."""
    desk_for_reading(request.user)
    tests, following = latest_tests(request.GET.get("after", ""))
    context = {"tests": tests, "following": following}
    return render(request, "analyst/suspects.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def new(request):
    """Hand in outputs, or name an endpoint: ?source=endpoint."""
    desk_for_testing(request.user)
    asked = request.POST.get("source") or request.GET.get("source")
    source = asked if asked in FORMS else "upload"
    form_class, service = FORMS[source]
    form = form_class(request.POST, request.FILES) if request.method == "POST" else form_class()
    if request.method == "POST" and form.is_valid():
        try:
            test = service(actor=request.user, **form.cleaned_data)
            return redirect("analyst:suspect", ref=test.ref)
        except WatermarkError as error:
            form.add_error(None, str(error))
    context = {"form": form, "source": source}
    status = 422 if request.method == "POST" else 200
    return render(request, "analyst/suspect_new.html", context, status=status)


@require_GET
@login_required
def suspect(request, ref):
    """A test, or how far it is. ?part=progress alone for polling; ?keys=all lists all of them."""
    test = suspect_for_reading(request.user, ref)
    if request.GET.get("part") == "progress":
        response = render(request, "analyst/_suspect_progress.html", {"test": test})
        if test.job.is_over:
            response["HX-Refresh"] = "true"  # the result has come with it
        return response
    page = page_of(test, every=request.GET.get("keys") == "all")
    found = page.found if page else []
    context = {
        "test": test,
        "page": page,
        "standing": standing_of(test, len(found), _weak(page)),
        "cases": cases_of(test, request.user) if found else [],
        "limits": limits(),
    }
    return render(request, "analyst/suspect.html", context)


@require_GET
@login_required
def results_csv(request, ref):
    """Every key tried with its figures. No secret is in it."""
    test = suspect_for_reading(request.user, ref)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{test.ref}-keys.csv"'
    response["X-Content-Type-Options"] = "nosniff"
    rows = csv.writer(response)
    rows.writerow(
        ["key", "issued_for", "law", "tokenizer", "pairs", "sum", "z", "log10_p",
         "log10_p_corrected", "finding", "why_untested"]
    )  # fmt: skip
    results = test.results.select_related("key").defer("key__sealed_secret", "trace")
    for result in results.order_by("log10_p", "pk"):
        key = result.key
        said = key.issued_for
        rows.writerow(
            [key.ref, f"'{said}" if said[:1] in "=+-@\t\r" else said, law_of(key), key.tokenizer,
             result.rows, result.total, round(result.z, 4), result.log10_p,
             result.log10_corrected, result.finding, result.problem]
        )  # fmt: skip
    return response


@require_POST
@login_required
def cancel(request, ref):
    test = suspect_for_testing(request.user, ref)
    try:
        cancel_test(test, actor=request.user)
        messages.success(request, f"{test.ref} is stopped, or will be within seconds.")
    except WatermarkError as error:
        messages.error(request, str(error))
    return redirect("analyst:suspect", ref=test.ref)


@require_http_methods(["GET", "POST"])
@login_required
def keys(request):
    """The keys; posted: make one. Their secrets are shown to nobody."""
    form = KeyForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        keys_for_making(request.user)
        if form.is_valid():
            try:
                key = make_key(actor=request.user, **form.asked())
                messages.success(request, f"{key.ref} is made. Its secret is sealed.")
                return redirect("analyst:suspect-keys")
            except WatermarkError as error:
                form.add_error(None, str(error))
    desk_for_reading(request.user)
    found, following = latest_keys(request.GET.get("after", ""))
    context = {
        "keys": found,
        "following": following,
        "form": form,
        "may_make": may(request.user, KEY_MAKERS),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "analyst/suspect_keys.html", context, status=status)


@require_POST
@login_required
def retire(request, ref):
    key = key_for_retiring(request.user, ref)
    try:
        retire_key(key, actor=request.user)
        messages.success(request, f"{key.ref} is retired: it marks nothing new.")
    except WatermarkError as error:
        messages.error(request, str(error))
    return redirect("analyst:suspect-keys")


def _weak(page) -> int:
    return sum(dress(row).word == "weak" for row in page.rows) if page else 0

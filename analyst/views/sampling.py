from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from analyst import account_activity
from analyst.access import case_for_deciding
from analyst.forms import RevealForm, posted
from analyst.sampling import (
    ANSWERS,
    AnswerForm,
    DrawForm,
    ReaderForm,
    StopForm,
    facts_of,
    item_at,
    marks_of,
    needed,
    panel_of,
    readers_for,
    reading_for,
)
from analyst.views.case import head_of
from cases.errors import CaseError
from cases.services.reveal import reveal_account
from cases.services.sample import (
    answer_item,
    assign_reading,
    cancel_sample,
    draw_sample,
    finish_reading,
)


@require_http_methods(["GET", "POST"])
@login_required
def draw(request, ref):
    """Ask for a sample, or, while one is read, where it stands and how to stop it."""
    case = case_for_deciding(request.user, ref)
    form = DrawForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            draw_sample(case, actor=request.user, **form.cleaned_data)
            return redirect("analyst:case-sample-read", ref=case.ref)
        except CaseError as error:
            form.add_error(None, str(error))
    panel = panel_of(case, request.user)
    taken = {one["reader"] for one in panel["passes"]} if panel else set()
    context = head_of(request, case) | {
        "form": form,
        "stop": StopForm(),
        "sample": panel,
        "readers": readers_for(case, taken) if panel else [],
        "needed": needed(settings.SAMPLE_MAX_WRONG),
        "most": 100 * settings.SAMPLE_MAX_WRONG,
        "above": settings.SAMPLE_ABOVE,
        "tiers": [("core", case.core), ("likely", case.likely), ("possible", case.possible)],
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "analyst/sample_draw.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def read(request, ref):
    """One account at a time, blind. Leaving pauses; coming back goes on where it stopped."""
    case = case_for_deciding(request.user, ref)
    reading = reading_for(case, request.user)
    if reading is None:
        messages.info(request, "You have no blind reading to do on this case.")
        return redirect("analyst:case", ref=case.ref)
    error = ""
    if request.method == "POST":
        form = AnswerForm(request.POST)
        if form.is_valid():
            try:
                answer_item(reading, actor=request.user, **form.cleaned_data)
                return redirect("analyst:case-sample-read", ref=case.ref)
            except CaseError as refusal:
                error = str(refusal)
        else:
            error = "An answer is in, out, unsure or other abuse, about one account of the sample."
    context = _page(request, case, reading) | {"refusal": error}
    return render(request, "analyst/sample_read.html", context, status=422 if error else 200)


@require_POST
@login_required
def reveal(request, ref):
    """Prompts of the account that is being read, after a reason that is written down first."""
    case = case_for_deciding(request.user, ref)
    reading = reading_for(case, request.user)
    if reading is None:
        return redirect("analyst:case", ref=case.ref)
    form = RevealForm(request.POST)
    context = _page(request, case, reading)
    if form.is_valid() and context["item"]:
        context["prompts"] = reveal_account(
            case, actor=request.user, account=context["account"], **form.cleaned_data
        )
    else:
        context["refusal"] = "Say why you need to read its prompts."
    response = render(
        request, "analyst/sample_read.html", context, status=422 if "refusal" in context else 200
    )
    response["Cache-Control"] = "no-store"  # Back must not show them again without a reason
    return response


@require_POST
@login_required
def finish(request, ref):
    case = case_for_deciding(request.user, ref)
    reading = reading_for(case, request.user)
    if reading is None:
        return redirect("analyst:case", ref=case.ref)
    try:
        sample = finish_reading(reading, actor=request.user)
    except CaseError as error:
        messages.error(request, str(error))
        return redirect("analyst:case-sample-read", ref=case.ref)
    messages.success(request, sample.result.get("says") or "Your reading has ended.")
    return _to_panel(case)


@require_POST
@login_required
def assign(request, ref):
    """Ask another person for a blind reading of the newest sample."""
    case = case_for_deciding(request.user, ref)
    panel = panel_of(case, request.user)
    form = ReaderForm(request.POST)
    reader = form.is_valid() and User.objects.filter(username=form.cleaned_data["reader"]).first()
    if panel is None or not reader:
        messages.error(request, "Choose a person from the list.")
    else:
        try:
            assign_reading(panel["sample"], actor=request.user, reader=reader)
            messages.success(request, f"{reader.get_username()} is asked to read it blind.")
        except CaseError as error:
            messages.error(request, str(error))
    return _to_panel(case)


@require_POST
@login_required
def stop(request, ref):
    case = case_for_deciding(request.user, ref)
    panel, form = panel_of(case, request.user), StopForm(request.POST)
    if panel is None or not form.is_valid():
        messages.error(request, "Say why the sample is stopped.")
        return redirect("analyst:case-sample", ref=case.ref)
    try:
        cancel_sample(panel["sample"], actor=request.user, **form.cleaned_data)
        messages.success(request, "The sample is stopped; it stays on record.")
    except CaseError as error:
        messages.error(request, str(error))
    return _to_panel(case)


def _page(request, case, reading) -> dict:
    """The account to read: the one asked for by place, else the first without an answer."""
    marks = marks_of(reading)
    todo = [mark["place"] for mark in marks if not mark["answer"]]
    asked = (request.POST if request.method == "POST" else request.GET).get("place", "")
    place = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 4 else 0
    place = place if 1 <= place <= len(marks) else (todo[0] if todo else 0)
    item = item_at(reading, place) if place else None
    context = {
        "case": case,
        "reading": reading,
        "marks": marks,
        "answered": len(marks) - len(todo),
        "left": len(todo),
        "item": item,
        "before": place - 1 if item else len(marks),
        "own": marks[place - 1]["answer"] if item else "",
        "answers": [
            {"value": value, "key": key, "icon": icon, "label": label}
            for value, (key, icon, label) in ANSWERS.items()
        ],
        "reveal_form": RevealForm(),
        "may_finish": not todo or (reading.second and len(todo) < len(marks)),
    }
    if item is None:
        return context
    facts = facts_of(item, request.user)
    return context | facts | {"days": account_activity.days(facts["account"])}


def _to_panel(case):
    return HttpResponseRedirect(reverse("analyst:case", args=[case.ref]) + "#sample")

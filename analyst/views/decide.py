from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from analyst.access import case_for_deciding
from analyst.forms import (
    DecisionForm,
    JudgeForm,
    NoteForm,
    RationaleForm,
    RevealForm,
    SnoozeForm,
    posted,
)
from analyst.views.case import head_of
from cases.errors import CaseError
from cases.models import Case
from cases.services.decide import record_decision
from cases.services.judge import judge_members
from cases.services.note import add_note
from cases.services.reveal import reveal_samples
from cases.services.triage import claim, escalate, release, reopen, snooze

# verdict: the page's title, its button
VERDICTS = {
    "confirmed": ("Confirm {ref} as distillation", "Confirm"),
    "benign": ("Dismiss {ref} as benign", "Dismiss"),
    "other_abuse": ("{ref} is abuse of another kind", "Decide: other abuse"),
    "inconclusive": ("{ref} is inconclusive", "Decide: inconclusive"),
}


@require_http_methods(["GET", "POST"])
@login_required
def decide(request, ref):
    case = case_for_deciding(request.user, ref)
    asked = request.GET.get("outcome", "")
    title, button = VERDICTS.get(asked, ("Decide {ref}", "Decide"))
    form = DecisionForm(posted(request), asked=asked if asked in VERDICTS else "")
    return _ask(
        request, case, form, record_decision,
        title=title, button=button, asked=asked,
        say="A verdict acts on nobody: actions and shares follow on their own pages.",
        said="{ref} is decided: {verdict}.",
    )  # fmt: skip


@require_http_methods(["GET", "POST"])
@login_required
def escalate_case(request, ref):
    case = case_for_deciding(request.user, ref)
    return _ask(
        request, case, RationaleForm(posted(request)), escalate,
        title="Escalate {ref}", button="Escalate",
        say="A second reader is asked for. Its owner keeps it, and nothing is decided.",
        said="{ref} is escalated.",
    )  # fmt: skip


@require_http_methods(["GET", "POST"])
@login_required
def reopen_case(request, ref):
    case = case_for_deciding(request.user, ref)
    return _ask(
        request, case, RationaleForm(posted(request)), reopen,
        title="Reopen {ref}", button="Reopen",
        say="It goes back to the queue without a verdict. What was acted on or shared stays so.",
        said="{ref} is open again; its earlier decisions stay as history.",
    )  # fmt: skip


@require_http_methods(["GET", "POST"])
@login_required
def snooze_case(request, ref):
    case = case_for_deciding(request.user, ref)
    return _ask(
        request, case, SnoozeForm(posted(request)), snooze,
        title="Snooze {ref}", button="Snooze", said="{ref} sleeps until the time you chose.",
    )  # fmt: skip


@require_http_methods(["GET", "POST"])
@login_required
def note(request, ref):
    case = case_for_deciding(request.user, ref)
    return _ask(
        request, case, NoteForm(posted(request)), add_note,
        title="A note on {ref}", button="Add note", anchor="#notes",
    )  # fmt: skip


@require_POST
@login_required
def claim_case(request, ref):
    return _at_once(request, ref, claim, "{ref} is yours until {until}.")


@require_POST
@login_required
def release_case(request, ref):
    return _at_once(request, ref, release, "{ref} is back in the queue.")


@require_http_methods(["GET", "POST"])
@login_required
def reveal(request, ref):
    """Prompts of the members, after a reason that is written down first."""
    case = case_for_deciding(request.user, ref)
    form = RevealForm(posted(request))
    if request.method == "POST" and form.is_valid():
        samples = reveal_samples(case, actor=request.user, **form.cleaned_data)
        context = head_of(request, case) | {"samples": samples, **form.cleaned_data}
        response = render(request, "analyst/samples.html", context)
        response["Cache-Control"] = "no-store"  # Back must not show them again without a reason
        return response
    return _page(
        request, case, form, title=f"Reveal prompts of {case.ref}", button="Reveal",
        say="What the accounts sent is masked. Reading it is written to the case's timeline.",
    )  # fmt: skip


@require_POST
@login_required
def judge(request, ref):
    case = case_for_deciding(request.user, ref)
    form = JudgeForm(request.POST)
    if not form.is_valid():
        messages.error(request, "No member was selected. Tick some rows, then in, out or unsure.")
    else:
        try:
            changed = judge_members(case, actor=request.user, **form.cleaned_data)
            noun = "account" if changed == 1 else "accounts"
            verdict = form.cleaned_data["verdict"] or "not judged"
            messages.success(request, f"{changed:,} {noun} marked {verdict}.")
        except CaseError as error:
            messages.error(request, str(error))
    here = request.POST.get("here", "")[:2000]
    here = here if here.startswith("?") else ""
    return HttpResponseRedirect(reverse("analyst:case", args=[case.ref]) + here + "#members")


def _ask(request, case, form, service, *, title, button, say="", said="", anchor="", asked=""):
    """A form page: the question; on a good answer the service and the case; else 422 and why."""
    if request.method == "POST" and form.is_valid():
        try:
            service(case, actor=request.user, **form.cleaned_data)
        except CaseError as error:
            form.add_error(None, str(error))
        else:
            if said:
                verdict = case.get_verdict_display()
                messages.success(request, said.format(ref=case.ref, verdict=verdict))
            return HttpResponseRedirect(reverse("analyst:case", args=[case.ref]) + anchor)
    title = title.format(ref=case.ref)
    return _page(request, case, form, title=title, button=button, say=say, asked=asked)


def _at_once(request, ref, service, said):
    case = case_for_deciding(request.user, ref)
    try:
        service(case, actor=request.user)
        until = f"{case.claimed_until:%H:%M} UTC" if case.claimed_until else ""
        messages.success(request, said.format(ref=case.ref, until=until))
    except CaseError as error:
        context = head_of(request, case) | {"title": "Not done", "refusal": str(error)}
        return render(request, "analyst/decide.html", context, status=422)
    return redirect("analyst:case", ref=case.ref)


def _page(request, case, form, *, title, button, say="", asked=""):
    context = head_of(request, case) | {
        "form": form,
        "title": title,
        "button": button,
        "say": say,
        "others": [v for v in Case.Verdict if v.value in VERDICTS and asked and v.value != asked],
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "analyst/decide.html", context, status=status)

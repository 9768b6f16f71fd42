"""Split, merge, decline and undo: what would happen first, then what a person says to it."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from analyst.access import case_for_deciding, case_for_reading, visible_cases
from analyst.forms import DeskForm
from analyst.members import MembersQuery
from analyst.reshape import proposals_of
from analyst.views.case import head_of
from cases.errors import CaseError
from cases.models import Case, Member, MergeProposal, Reshaping
from cases.services.carry import why_no_undo
from cases.services.judge import undo_judgement
from cases.services.merge import merge_cases, preview_merge, undo_merge
from cases.services.offers import members_of_offer, offers_of
from cases.services.operators import undo_link
from cases.services.propose import decline_merge, undo_decline
from cases.services.split import preview_split, split_case, undo_split

MOST = 5_000  # members that one request may name
NAMED = 12  # accounts that a preview names
Kind = Reshaping.Kind
UNDO = {
    Kind.JUDGED: (undo_judgement, "The members get back the word that stood before."),
    Kind.SPLIT: (undo_split, "What was split off comes back; its ref leads to this case."),
    Kind.MERGED: (undo_merge, "The absorbed case gets back its ref, its status and its members."),
    Kind.DECLINED: (undo_decline, "Grouping may propose the merge again."),
    Kind.LINKED: (undo_link, "The case goes back to the operator and the wave that it had."),
}


class WhyForm(DeskForm):
    reason = forms.CharField(label="Why", max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


@require_http_methods(["GET", "POST"])
@login_required
def split(request, ref):
    """Choose a part, look at it, then split it off. Ticks of the members table come by POST."""
    case = case_for_deciding(request.user, ref)
    if case.merged_into_id:
        return redirect("analyst:case", ref=case.ref)
    chosen, offer = _chosen(request, case)
    form = WhyForm(request.POST if request.POST.get("do") == "split" else None)
    if request.POST.get("do") == "split" and form.is_valid():
        try:
            new = split_case(case, actor=request.user, members=chosen, **form.cleaned_data)
        except CaseError as error:
            form.add_error(None, str(error))
        else:
            messages.success(
                request, f"{len(chosen):,} accounts are {new.ref} now; {case.ref} keeps the rest."
            )
            return redirect("analyst:case", ref=new.ref)
    asked = bool(chosen) or request.method == "POST" or bool(request.GET)
    context = head_of(request, case) | {
        "title": f"Split {case.ref}",
        "form": form,
        "offers": [] if asked else offers_of(case),
        "asked": asked,
        "offer": offer,
        "chosen": [] if offer else chosen,
        "preview": preview_split(case, chosen) if asked else None,
        "named": Member.objects.filter(pk__in=chosen[:NAMED]).select_related("account"),
        "unnamed": max(len(chosen) - NAMED, 0),
    }
    return render(request, "analyst/reshape_split.html", context, status=_status(form))


@require_http_methods(["GET", "POST"])
@login_required
def merge(request, ref):
    """Name the other case, look at what would come, then merge it into this one."""
    case = case_for_deciding(request.user, ref)
    if case.merged_into_id:
        return redirect("analyst:case", ref=case.ref)
    name = (request.POST.get("with") or request.GET.get("with") or "").strip()[:20].upper()
    other, problem = _other(request, case, name)
    form = WhyForm(request.POST if request.POST.get("do") == "merge" else None)
    if other and request.POST.get("do") == "merge" and form.is_valid():
        try:
            merge_cases(case, other, actor=request.user, **form.cleaned_data)
        except CaseError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{other.ref} is part of {case.ref} now.")
            return redirect("analyst:case", ref=case.ref)
    context = head_of(request, case) | {
        "title": f"Merge a case into {case.ref}",
        "form": form,
        "name": name,
        "other": other,
        "problem": problem,
        "preview": preview_merge(case, other) if other else None,
        "proposals": proposals_of(case, visible_cases(request.user).values("pk")),
        "siblings": _siblings(request, case),
    }
    status = 422 if problem and name else _status(form)
    return render(request, "analyst/reshape_merge.html", context, status=status)


@require_POST
@login_required
def decline(request, ref, pk):
    case = case_for_deciding(request.user, ref)
    proposal = get_object_or_404(
        MergeProposal.objects.filter(Q(left=case) | Q(right=case)).filter(
            left__in=visible_cases(request.user), right__in=visible_cases(request.user)
        ),
        pk=pk,
    )
    form = WhyForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say why the two are not one campaign.")
        return redirect("analyst:case", ref=case.ref)
    try:
        decline_merge(proposal, actor=request.user, **form.cleaned_data)
    except CaseError as error:
        messages.error(request, str(error))
    else:
        other = proposal.right if proposal.left_id == case.pk else proposal.left
        messages.success(request, f"{case.ref} and {other.ref} stay apart.")
    return redirect("analyst:case", ref=case.ref)


@require_http_methods(["GET", "POST"])
@login_required
def undo(request, ref, pk):
    """What an act was, whether it can be undone, and the undo itself."""
    case = case_for_deciding(request.user, ref)
    act = get_object_or_404(
        Reshaping.objects.of_case(case).select_related("case", "other", "done_by"), pk=pk
    )
    both = {act.case_id, act.other_id} - {None}
    if visible_cases(request.user).filter(pk__in=both).count() < len(both):
        raise Http404
    service, says = UNDO[act.kind]
    refusal, status = why_no_undo(act), 200
    if request.method == "POST":
        try:
            service(act, actor=request.user)
        except CaseError as error:
            refusal, status = str(error), 422
        else:
            messages.success(request, f"Undone. {says}")
            return redirect("analyst:case", ref=act.case.ref)
    context = head_of(request, case) | {
        "title": "Undo",
        "act": act,
        "says": says,
        "refusal": refusal,
        "accounts": act.members.filter(created=False).count(),
    }
    return render(request, "analyst/reshape_undo.html", context, status=status)


def _chosen(request, case: Case) -> tuple[list[int], str]:
    """The members that a request chooses, by key, and the offer that it names: by ticks, by an
    offer, or by the filter of the members table."""
    data = request.POST if request.method == "POST" else request.GET
    if offer := data.get("offer", "")[:64]:
        return members_of_offer(case, offer), offer
    if data.get("by") == "filter":
        query = MembersQuery(case, data)
        rows = query.members().order_by("pk").values_list("pk", flat=True)
        return (list(rows[:MOST]) if query.filtered else []), ""
    ticked = [pk for pk in data.getlist("members")[:MOST] if pk.isascii() and pk.isdigit()]
    return sorted({int(pk) for pk in ticked if len(pk) < 19}), ""


def _other(request, case: Case, name: str) -> tuple[Case | None, str]:
    """The case that is named, and what is wrong with the name."""
    if not name:
        return None, ""
    name = name if name.startswith("C-") else f"C-{name}"
    try:
        other = case_for_reading(request.user, name)
    except Http404:
        return None, f"There is no case {name}, or none that you may see. Give a ref such as C-12."
    if other.pk == case.pk:
        return None, f"{case.ref} cannot be merged with itself. Name another case."
    if other.merged_into_id:
        return None, f"{other.ref} was merged before: name the case that it is part of."
    return other, ""


def _siblings(request, case: Case) -> list[Case]:
    """Cases that hold accounts of this one too, or have the same operator."""
    mine = Member.objects.current().filter(case=case).values("account")
    near = Q(pk__in=Member.objects.current().filter(account__in=mine).values("case"))
    if case.operator_id:
        near |= Q(operator=case.operator_id)
    found = visible_cases(request.user).filter(near, merged_into=None).exclude(pk=case.pk)
    return list(found.defer("explanation").order_by("-priority", "-pk")[:8])


def _status(form) -> int:
    return 422 if form.is_bound else 200

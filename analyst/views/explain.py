from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from analyst.access import case_for_reading
from analyst.explain import ChainForm, hops_of, picked, rows_of
from analyst.reshape import survivor_of
from analyst.views.case import head_of
from cases.models import Member
from cases.services.explain_chain import chain_between
from cases.services.explain_member import explain
from cases.services.explain_words import chain_words, sentence


@require_GET
@login_required
def member(request, ref, external_id):
    """Why an account belongs, term by term: a page, and for htmx a row under the account's own."""
    case = case_for_reading(request.user, ref)
    if case.merged_into_id:
        survivor = survivor_of(request.user, case)
        return redirect("analyst:case-member", ref=survivor.ref, external_id=external_id)
    rows = Member.objects.select_related("account", "verdict_by")
    member = get_object_or_404(rows, case=case, account__external_id=external_id)
    told = explain(member)
    context = {
        "case": case,
        "member": member,
        "told": told,
        "sentence": sentence(told),
        "families": rows_of(told),
        "one_in": told.now and 1 / told.now.prior,
        "form": ChainForm(case, initial={"start": external_id}),
    }
    if request.htmx:
        return render(request, "analyst/_member_row.html", context)
    return render(request, "analyst/member.html", head_of(request, case) | context)


@require_http_methods(["GET", "POST"])
@login_required
def chain(request, ref):
    """The shortest chain of ties between two members. Ticks of the members table come by POST and
    are sent on to the address that says which two."""
    case = case_for_reading(request.user, ref)
    if case.merged_into_id:
        return redirect("analyst:case", ref=survivor_of(request.user, case).ref)
    if request.method == "POST":
        where = reverse("analyst:case-chain", args=[case.ref])
        return HttpResponseRedirect(where + picked(case, request.POST.getlist("members")))
    form = ChainForm(case, request.GET if request.GET else None)
    found = None
    if form.is_valid():
        found = chain_between(case, start=form.cleaned_data["start"], end=form.cleaned_data["end"])
    context = head_of(request, case) | {
        "form": form,
        "chain": found,
        "hops": hops_of(found) if found else [],
        "says": chain_words(found) if found else "",
    }
    status = 422 if form.errors else 200
    return render(request, "analyst/chain.html", context, status=status)

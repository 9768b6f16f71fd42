"""Operators: who may be behind several cases, and what links a case to one."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from analyst.access import case_for_deciding, case_for_reading, desk_for_reading, visible_cases
from analyst.forms import DeskForm, posted
from analyst.reshape import operator_totals
from analyst.views.case import head_of
from cases.errors import CaseError
from cases.models import Case, Operator
from cases.services.operators import link_case, unlink_case

SHOWN = 200


class LinkForm(DeskForm):
    predecessor = forms.CharField(
        label="It is the next wave after", required=False, max_length=12,
        help_text="A ref such as C-12. Empty: it is another pool of the operator below.",
        widget=forms.TextInput(attrs={"class": "ref"}),
    )  # fmt: skip
    operator = forms.ModelChoiceField(
        label="Operator", queryset=Operator.objects.none(), required=False,
        empty_label="that of the case before it, or a new one",
    )  # fmt: skip
    name = forms.CharField(
        label="Name of a new operator", required=False, max_length=120,
        help_text="Two words to say aloud, never a verdict.",
    )  # fmt: skip
    reason = forms.CharField(label="Why", max_length=500, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.user = user
        known = visible_cases(user).exclude(operator=None).values("operator")
        self.fields["operator"].queryset = Operator.objects.filter(pk__in=known).order_by("name")

    def clean_predecessor(self) -> Case | None:
        name = self.cleaned_data["predecessor"].strip().upper()
        if not name:
            return None
        name = name if name.startswith("C-") else f"C-{name}"
        try:
            return case_for_reading(self.user, name)
        except Http404:
            raise forms.ValidationError(
                f"There is no case {name}, or none that you may see."
            ) from None


class UnlinkForm(DeskForm):
    reason = forms.CharField(label="Why", max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


@require_GET
@login_required
def operator(request, pk):
    """Its cases in the order of their waves, as far as the person may know of them."""
    desk_for_reading(request.user)
    found = get_object_or_404(Operator, pk=pk)
    cases = list(
        visible_cases(request.user)
        .filter(operator=found, merged_into=None)
        .select_related("owner", "after_order", "predecessor")
        .order_by("wave", "number")[:SHOWN]
    )
    if not cases:
        raise Http404  # a name alone would tell of cases that the person may not know of
    context = {
        "operator": found,
        "cases": cases,
        "totals": operator_totals(found, cases),
        "merged": visible_cases(request.user)
        .filter(operator=found)
        .exclude(merged_into=None)
        .count(),
    }
    return render(request, "analyst/operator.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def link(request, ref):
    """Link a case to an operator by hand, or take it away from the one that it has."""
    case = case_for_deciding(request.user, ref)
    linked = case.operator_id is not None
    form = UnlinkForm(posted(request)) if linked else LinkForm(posted(request), user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            service = unlink_case if linked else link_case
            service(case, actor=request.user, **form.cleaned_data)
        except CaseError as error:
            form.add_error(None, str(error))
        else:
            word = "is linked to no operator now" if linked else "is linked"
            messages.success(request, f"{case.ref} {word}.")
            return redirect("analyst:case", ref=case.ref)
    title = f"Unlink {case.ref}" if linked else f"Link {case.ref} to an operator"
    say = (
        f"It is linked to {case.operator}. The sweep for waves will not link it again."
        if linked
        else "One actor may be behind several cases: waves that follow each other, or pools beside "
        "each other. A link merges nothing and can be undone."
    )
    context = head_of(request, case) | {
        "form": form, "title": title, "say": say, "button": "Unlink" if linked else "Link",
    }  # fmt: skip
    status = 422 if request.method == "POST" else 200
    return render(request, "analyst/decide.html", context, status=status)

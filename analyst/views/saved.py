from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from analyst.access import desk_for_reading
from analyst.forms import ViewForm
from analyst.models import SavedView
from analyst.queue import QueueQuery, possible_owners
from analyst.saved import forget_view, restore_view, save_view
from cases.errors import CaseError


@require_POST
@login_required
def save(request):
    """Keep what the queue shows under a name."""
    desk_for_reading(request.user)
    here = QueryDict(request.POST.get("here", "")[:2000])
    # only what the queue itself would say is kept, never an address or a stranger's parameter
    query = QueueQuery(here, user=request.user, people=possible_owners()).string()
    form = ViewForm(request.POST)
    if not form.is_valid():
        messages.error(request, "A view needs a name of 40 characters at most.")
    else:
        try:
            view = save_view(actor=request.user, query=query, **form.cleaned_data)
            messages.success(request, f"Saved as “{view.name}”.")
        except CaseError as error:
            messages.error(request, str(error))
    return _queue(query)


@require_POST
@login_required
def forget(request, pk):
    """Take a view off the tabs; ?undo=1 brings it back."""
    desk_for_reading(request.user)
    view = get_object_or_404(SavedView, pk=pk)
    try:
        if request.POST.get("undo"):
            restore_view(view, actor=request.user)
            messages.success(request, f"“{view.name}” is back.")
            return _queue(view.query)
        forget_view(view, actor=request.user)
    except CaseError as error:
        messages.error(request, str(error))
        return _queue(view.query)
    again = reverse("analyst:view-forget", args=[view.pk])
    messages.success(
        request,
        format_html(
            'Forgot “{}”. <button class="btn" form="undo" name="undo" value="1" formaction="{}" '
            'type="submit">Undo</button>',
            view.name,
            again,
        ),
    )
    return _queue("")


def _queue(query: str):
    return HttpResponseRedirect(reverse("analyst:queue") + (f"?{query}" if query else ""))

"""What people do to an order under way, one item's whole exchange, and orders as CSV."""

import csv

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from analyst.access import (
    desk_for_reading,
    order_for_changing,
    order_for_reading,
    order_for_reviewing,
    visible_cases,
)
from analyst.order_forms import StepForm
from analyst.order_rows import ITEM_WORDS
from cases.errors import CaseError
from cases.evidence.text import csv_cell
from cases.models import Enforcement, EnforcementItem
from cases.services.contact import record_contact
from cases.services.order_ends import renew_enforcement
from cases.services.order_plan import open_next_stage, pause_enforcement, resume_enforcement

# anybody who acts may stop an order; to let it go on, or further, takes a lead
STOPS = {"pause", "contacted"}
ITEM_COLUMNS = (
    "order", "account", "target", "stage", "state", "tries", "answer", "before", "after",
    "what is known", "idempotency key", "finished",
)  # fmt: skip
ORDER_COLUMNS = (
    "order", "case", "kind", "upon", "targets", "state", "plan", "asked by", "asked",
    "approved by", "approved", "through", "ends", "finished", "reason",
)  # fmt: skip


@require_POST
@login_required
def step(request, ref):
    """Pause, let go on, open the next stage, renew, or say that customers were written to."""
    form = StepForm(request.POST)
    name = request.POST.get("step")
    door = order_for_changing if name in STOPS else order_for_reviewing
    order = door(request.user, ref)
    try:
        if not form.is_valid():
            raise CaseError("Choose what to do with it, and give a time as 2026-11-30 12:00.")
        said = _take(order, request.user, form.cleaned_data)
    except CaseError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, said)
    return redirect("analyst:action", ref=order.ref)


def _take(order: Enforcement, actor, asked: dict) -> str:
    reason = asked["reason"]
    if asked["step"] == "pause":
        pause_enforcement(order, actor=actor, reason=reason)
        return f"{order.ref} is paused. What is on its way is read back."
    if asked["step"] == "resume":
        resume_enforcement(order, actor=actor, reason=reason)
        return f"{order.ref} goes on."
    if asked["step"] == "stage":
        open_next_stage(order, actor=actor)
        return f"Stage {order.stage + 1} of {order.ref} is open."
    if asked["step"] == "renew":
        if asked["until"] is None:
            raise CaseError("Give the new end.")
        renew_enforcement(order, actor=actor, until=asked["until"], reason=reason)
        return f"{order.ref} stands until {asked['until']:%-d %B %Y}."
    number = record_contact(order, actor=actor, note=reason)
    return f"{number:,} customers count as written to."


@require_GET
@login_required
def item(request, ref, pk):
    """One item: its state, and everything that was said to the platform and by it."""
    order = order_for_reading(request.user, ref)
    if pk >= 2**63:
        raise Http404
    row = get_object_or_404(order.items.select_related("account"), pk=pk)
    words = {state: (words, icon, tone) for state, words, _, icon, tone in ITEM_WORDS}
    row.words, row.icon, row.tone = words[row.state]
    context = {
        "order": order,
        "item": row,
        "exchanges": row.exchanges.order_by("pk")[:200],
        "appeals": row.appeals.order_by("-pk")[:20],
    }
    return render(request, "analyst/action_item.html", context)


@require_GET
@login_required
def items_csv(request, ref):
    """All items of an order. Cells that a spreadsheet would run as a formula are quoted."""
    order = order_for_reading(request.user, ref)
    rows = order.items.select_related("account").order_by("account_id", "target")

    def cells(row: EnforcementItem):
        return (
            order.ref, row.account.external_id, row.target, row.stage + 1, row.state, row.attempts,
            row.last_status, row.state_before, row.state_after, row.last_error, str(row.key),
            _moment(row.finished_at),
        )  # fmt: skip

    return _csv(f"{order.ref}-items", ITEM_COLUMNS, map(cells, rows.iterator(chunk_size=2_000)))


@require_GET
@login_required
def orders_csv(request):
    """All orders that the person may know of."""
    desk_for_reading(request.user)
    rows = (
        Enforcement.objects.filter(case__in=visible_cases(request.user))
        .select_related("case", "connector", "requested_by", "reviewed_by")
        .order_by("number")
    )

    def cells(order: Enforcement):
        return (
            order.ref, order.case.ref, order.kind, order.target_kind,
            order.blast_radius.get("targets", order.blast_radius.get("accounts")), order.state,
            order.plan, order.requested_by.get_username(), _moment(order.requested_at),
            order.reviewed_by.get_username() if order.reviewed_by else "",
            _moment(order.reviewed_at), order.connector.slug if order.connector else "",
            _moment(order.expires_at), _moment(order.finished_at), order.reason,
        )  # fmt: skip

    return _csv("actions", ORDER_COLUMNS, map(cells, rows.iterator(chunk_size=2_000)))


class _Echo:
    """csv writes into it, and gets the line back to stream it on."""

    def write(self, line: str) -> str:
        return line


def _csv(name: str, columns, rows) -> StreamingHttpResponse:
    writer = csv.writer(_Echo())

    def lines():
        yield writer.writerow(columns)
        for row in rows:
            yield writer.writerow([csv_cell(cell) for cell in row])

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    day = timezone.now().strftime("%Y-%m-%d")
    response["Content-Disposition"] = f'attachment; filename="{name}-{day}.csv"'
    return response


def _moment(at) -> str:
    return at.isoformat() if at else ""

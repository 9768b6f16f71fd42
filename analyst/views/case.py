import csv
from datetime import timedelta

from django.contrib.auth.decorators import login_required
from django.db.models import Count, OuterRef, Subquery
from django.http import Http404, HttpResponse, HttpResponsePermanentRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from analyst.access import case_for_reading, visible_cases
from analyst.commands import commands_for, holds
from analyst.figures import FIGURES
from analyst.forms import RevealForm
from analyst.members import STATES, TIERS, VERDICTS, MembersQuery, state_counts
from analyst.pool import pool_of
from analyst.queue_rows import due_words
from analyst.reshape import shape_of, survivor_of
from analyst.sampling import panel_of
from analyst.sweep_figure import SWEEPS
from analyst.timeline import SHELVES, counts, timeline_page, who_looked
from cases.models import (
    Case,
    Enforcement,
    EvidencePacket,
    Member,
    Note,
    Share,
    TimelineEvent,
)
from cases.plots import waterfall

NOTES_SHOWN = 3
FAMILIES = (
    "template", "behaviour", "payment", "client", "registration", "network", "timing", "volume",
    "partner", "watermark", "held",
)  # fmt: skip
PLOTS = [
    {"name": "activity", "title": "Requests over time", "ways": [
        {"name": "activity", "label": "by tier"}, {"name": "accounts", "label": "by account"}]},
    {"name": "heat", "title": "Account × time", "ways": [
        {"name": "heat", "label": "4 days"}, {"name": "heat-all", "label": "all"}]},
    {"name": "week", "title": "Hour of the week", "ways": []},
    {"name": "sweep", "title": "Sweep map", "ways": [
        {"name": "sweep", "label": "by account"},
        {"name": "sweep-templates", "label": "by template"}]},
]  # fmt: skip
DRAWN = FIGURES | SWEEPS
# fit of an innocent explanation: icon, and how a number of them is said
FITS = {
    "does not fit": ("no", "do not fit", "does not fit"),
    "fits in part": ("half", "fit in part", "fits in part"),
    "fits": ("check", "fit", "fits"),
    "not ruled out": ("clock", "are not ruled out", "is not ruled out"),
    "not tested": ("new", "are not tested", "is not tested"),
}


@require_GET
@login_required
def case(request, ref):
    """The page; for htmx with ?table=<figure>, that figure's data as a table alone."""
    case = case_for_reading(request.user, ref)
    if case.merged_into_id:
        return _to_survivor(request.user, case)
    table = request.GET.get("table", "")
    drawn = DRAWN[table](case) if table in DRAWN else None
    if drawn and request.htmx:
        return render(request, "analyst/_figure_table.html", {"table": drawn.table})
    head, notes = head_of(request, case), _notes(request, case)
    context = head | {
        "older_notes": max(head["numbers"]["notes"] - len(notes), 0),
        "evidence": evidence_of(case),
        "benign": benign_of(case),
        "stats": stats_of(case),
        "plots": PLOTS,
        "table_of": table if drawn else "",
        "table": drawn.table if drawn else None,
        **members_of(request, case),
        **timeline_of(request, case),
        **shape_of(request.user, case, request.GET),
        "looked": who_looked(case),
        "decision": case.decisions.select_related("decided_by").order_by("-decided_at").first(),
        "packets": case.packets.select_related("job")[:3],
        "notes": notes,
        "reveal_form": RevealForm(),
        "sample": panel_of(case, request.user),
        "pool": pool_of(case),
        **_beside(request.user, case),
    }
    return render(request, "analyst/case.html", context)


@require_GET
@login_required
def members(request, ref):
    """The members' table alone, for htmx; a plain visit is sent to the page that holds it."""
    case = case_for_reading(request.user, ref)
    if not request.htmx:
        where = reverse("analyst:case", args=[case.ref])
        return redirect(f"{where}?{request.GET.urlencode()}#members")
    context = {"case": case} | members_of(request, case)
    response = render(request, "analyst/_case_members.html", context)
    query = context["query"]
    response["HX-Push-Url"] = reverse("analyst:case", args=[case.ref]) + query.url(
        after=request.GET.get("after")
    )
    return response


@require_GET
@login_required
def timeline(request, ref):
    """The timeline alone, for htmx; a plain visit is sent to the page that holds it."""
    case = case_for_reading(request.user, ref)
    if not request.htmx:
        where = reverse("analyst:case", args=[case.ref])
        return redirect(f"{where}?{request.GET.urlencode()}#timeline")
    context = {"case": case} | timeline_of(request, case)
    return render(request, "analyst/_case_timeline.html", context)


@require_GET
@login_required
def figure(request, ref, name):
    case = case_for_reading(request.user, ref)
    if name not in DRAWN:
        raise Http404
    return JsonResponse(DRAWN[name](case).figure)


@require_GET
@login_required
def figure_csv(request, ref, name):
    """The figure's rows. Cells that a spreadsheet would run as a formula are quoted."""
    case = case_for_reading(request.user, ref)
    if name not in DRAWN:
        raise Http404
    drawn = DRAWN[name](case)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{case.ref}-{name}.csv"'
    writer = csv.writer(response)
    writer.writerow(drawn.columns)
    writer.writerows([[_harmless(cell) for cell in row] for row in drawn.rows])
    return response


def head_of(request, case: Case) -> dict:
    """What the head, the anchors and the foot of every page of a case show."""
    now = timezone.now()
    mine, held = holds(case, request.user, now)
    return {
        "case": case,
        "due": due_words(case.due_at, now),
        "lapsed": bool(case.claimed_until and case.claimed_until < now),
        "mine": mine,
        "held": held,
        "commands": commands_for(case, request.user, now),
        "numbers": numbers_of(case),
    }


def numbers_of(case: Case) -> dict[str, int]:
    """What the anchors count, in one query."""
    kinds = {"notes": Note, "actions": Enforcement, "shares": Share, "packets": EvidencePacket}
    counts = {
        name: Subquery(
            model.objects.filter(case=OuterRef("pk"))
            .order_by()
            .values("case")
            .annotate(n=Count("pk"))
            .values("n")
        )
        for name, model in kinds.items()
    }
    counts["timeline"] = Subquery(
        TimelineEvent.objects.filter(case=OuterRef("pk")).order_by("-seq").values("seq")[:1]
    )
    found = Case.objects.filter(pk=case.pk).annotate(**{f"n_{k}": v for k, v in counts.items()})
    row = found.values(*(f"n_{name}" for name in counts)).get()
    benign = len(case.explanation.get("benign") or [])
    return {"benign": benign} | {name: row[f"n_{name}"] or 0 for name in counts}


def evidence_of(case: Case) -> list[dict]:
    """The waterfall of each tier's median member, for the tiers that have one."""
    found = case.explanation.get("evidence") or {}
    drawn = [(tier, waterfall(found.get(tier) or [])) for tier in Member.Tier.values]
    return [{"tier": tier, "fall": fall} for tier, fall in drawn if fall]


def benign_of(case: Case) -> dict:
    """Innocent explanations with the mark of their fit, and how many stand where."""
    rows = [
        row | {"icon": FITS.get(row.get("fit"), ("new",))[0]}
        for row in case.explanation.get("benign") or []
    ]
    said = []
    for fit, (_, several, one) in FITS.items():
        if n := sum(row.get("fit") == fit for row in rows):
            said.append(f"{n} {one if n == 1 else several}")
    return {"rows": rows, "say": ", ".join(said)}


def stats_of(case: Case) -> dict:
    trend = case.trend or []
    week = trend[-7:]
    explained = case.explanation
    innocent = explained.get("expected_innocent") or {}
    prior = explained.get("prior")
    return {
        "requests": sum(week) / len(week) if week else None,
        "each": sum(week) / len(week) / case.members_total if week and case.members_total else None,
        "extraction": dict.fromkeys(("core", "weighted", "all", "hours_missing"))
        | (explained.get("extraction") or {}),
        "organisations": explained.get("organisations"),
        "aggregates": explained.get("aggregates"),
        "innocent": innocent.get("core"),
        "one_in": round(1 / prior) if prior else None,
    }


def members_of(request, case: Case) -> dict:
    query = MembersQuery(case, request.GET)
    rows, following = query.page()
    totals = {"": case.members_total, "core": case.core, "likely": case.likely,
              "possible": case.possible}  # fmt: skip
    return {
        "query": query,
        "members": rows,
        "following": following,
        "families": FAMILIES,
        "states": state_counts(case),
        "tiers": [
            {"slug": slug, "label": label, "count": totals[slug],
             "href": query.url(tier=slug or None), "current": slug == query.tier}
            for slug, label in TIERS
        ],
        "member_states": STATES,
        "member_verdicts": VERDICTS,
        "turned": query.url(sort=None if query.rising else "rising"),
        "only_new": query.url(new=None if query.new else "1"),
    }  # fmt: skip


def timeline_of(request, case: Case) -> dict:
    page = timeline_page(case, request.GET)
    numbers = counts(case)
    return {
        "page": page,
        "shelves": [
            {
                "slug": slug,
                "label": label,
                "count": numbers.get(slug, ""),
                "current": slug == page.shelf,
            }
            for slug, label in SHELVES
        ],
        "today": timezone.now().date(),
        "yesterday": timezone.now().date() - timedelta(days=1),
    }


def _notes(request, case: Case):
    rows = case.notes.select_related("author")
    return list(rows[: 500 if request.GET.get("notes") == "all" else NOTES_SHOWN])


def _beside(user, case: Case) -> dict[str, Case]:
    """The open cases before and after this one in the queue, in one query."""
    rows = visible_cases(user).open().awake().only("number", "name", "priority")
    above = rows.filter(priority__gte=case.priority).exclude(
        priority=case.priority, id__lte=case.pk
    )
    below = rows.filter(priority__lte=case.priority).exclude(
        priority=case.priority, id__gte=case.pk
    )
    both = above.order_by("priority", "id")[:1].union(
        below.order_by("-priority", "-id")[:1], all=True
    )
    place = (case.priority, case.pk)
    return {"previous" if (other.priority, other.pk) > place else "next": other for other in both}


def _to_survivor(user, case: Case):
    """An old ref leads to the case that absorbed it. Browsers ask again: a merge can be undone."""
    where = reverse("analyst:case", args=[survivor_of(user, case).ref])
    response = HttpResponsePermanentRedirect(f"{where}?from={case.ref}")
    response["Cache-Control"] = "no-cache"
    return response


def _harmless(cell) -> str:
    text = str(cell)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text

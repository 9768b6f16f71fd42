from django.db.models import OuterRef, Q, Subquery
from django.urls import reverse
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from analyst.access import case_for_deciding, case_for_reading, visible_cases
from analyst.api.door import DeskAPI
from analyst.api.errors import READING, WRITING, documented
from analyst.api.paging import Falling, Key, paged
from analyst.api.serializers import CasePage, CaseRow, CaseWhole, Probability, RationaleBody
from analyst.filters import QueueFilter
from analyst.reshape import survivor_of
from cases.models import Case, TimelineEvent
from cases.services.triage import claim, escalate, release, reopen

BY_PRIORITY = Falling(tuple[float, Key], "priority", "id")


class CaseQuery(paged(size=50, most=200)):
    status = serializers.MultipleChoiceField(
        choices=[*Case.Status.choices, ("open", "every status before a decision")],
        required=False,
        help_text="may be repeated",
    )
    verdict = serializers.MultipleChoiceField(
        choices=Case.Verdict.choices, required=False, help_text="may be repeated"
    )
    owner = serializers.CharField(
        max_length=150, required=False, help_text="a username, or me, or unclaimed"
    )
    q = serializers.CharField(
        max_length=200,
        required=False,
        help_text="every word of it in ref, name, reason or attributes, as in the queue's box",
    )
    min_p = Probability(required=False, help_text="p_abuse from here on")
    min_harm = serializers.FloatField(
        min_value=0, required=False, help_text="harm_per_day from here on"
    )
    opened_since = serializers.DateTimeField(required=False)
    updated_since = serializers.DateTimeField(
        required=False, help_text="something was written to its timeline since"
    )


def narrowed(cases, asked: dict, user):
    """The cases that the query asks for."""
    if statuses := asked.get("status"):
        names = set(statuses) - {"open"} | (set(Case.OPEN) if "open" in statuses else set())
        cases = cases.filter(status__in=sorted(names))
    if verdicts := asked.get("verdict"):
        cases = cases.filter(verdict__in=sorted(verdicts))
    owners = {"me": Q(owner=user), "unclaimed": Q(owner=None) | Q(claimed_until__lt=now())}
    if owner := asked.get("owner"):
        cases = cases.filter(owners.get(owner, Q(owner__username=owner)))
    if text := asked.get("q"):
        cases = cases.filter(QueueFilter({"q": text}, people=[]).matching(now()))
    for column, name in {
        "p_abuse__gte": "min_p",
        "harm_per_day__gte": "min_harm",
        "opened_at__gte": "opened_since",
    }.items():
        if name in asked:
            cases = cases.filter(**{column: asked[name]})
    if since := asked.get("updated_since"):
        # a chain only grows, so its last event tells: one index descent a case
        last = TimelineEvent.objects.filter(case=OuterRef("pk")).order_by("-seq").values("at")[:1]
        cases = cases.alias(last_event_at=Subquery(last)).filter(last_event_at__gte=since)
    return cases


class MergedCase(serializers.Serializer):
    ref = serializers.CharField(help_text="the case that it is part of now")
    merged = serializers.CharField(help_text="the ref that was asked for")


class Cases(DeskAPI):
    @extend_schema(
        operation_id="list_cases",
        tags=["cases"],
        summary="Cases by priority",
        parameters=[CaseQuery],
        responses={200: CasePage, **documented(*READING)},
    )
    def get(self, request):
        cases = visible_cases(request.user)
        asked = CaseQuery.of(request.query_params)
        rows = narrowed(cases.filter(merged_into=None), asked, request.user)
        rows = rows.select_related("owner").defer("explanation", "search_text")
        found, following = BY_PRIORITY.page(rows, request, asked)
        return Response({"next": following, "results": CaseRow(found, many=True).data})


class OneCase(DeskAPI):
    @extend_schema(
        operation_id="show_case",
        tags=["cases"],
        summary="One case with what explains it",
        description="A case that was merged answers 301 with the ref that it is part of now.",
        responses={200: CaseWhole, 301: MergedCase, **documented(401, 404)},
    )
    def get(self, request, ref):
        case = case_for_reading(request.user, ref)
        if case.merged_into_id:
            now_in = survivor_of(request.user, case).ref
            where = {"Location": reverse("api-case", args=[now_in])}
            return Response({"ref": now_in, "merged": case.ref}, status=301, headers=where)
        return Response(CaseWhole(case).data)


def moves(name: str, summary: str, body=None):
    """Documents a route that moves a case and answers with the case as it then is."""
    refusals = WRITING if body else [status for status in WRITING if status != 400]
    return extend_schema(
        operation_id=name,
        tags=["cases"],
        summary=summary,
        request=body,
        responses={200: CaseWhole, **documented(*refusals)},
    )


class Claim(DeskAPI):
    @moves("claim_case", "Take an open case into review")
    def post(self, request, ref):
        case = case_for_deciding(request.user, ref)
        return Response(CaseWhole(claim(case, actor=request.user)).data)


class Release(DeskAPI):
    @moves("release_case", "Give a case back to the queue")
    def post(self, request, ref):
        case = case_for_deciding(request.user, ref)
        return Response(CaseWhole(release(case, actor=request.user)).data)


class Escalate(DeskAPI):
    @moves("escalate_case", "Ask for a second reader", RationaleBody)
    def post(self, request, ref):
        case = case_for_deciding(request.user, ref)
        why = RationaleBody.of(request.data)
        return Response(CaseWhole(escalate(case, actor=request.user, **why)).data)


class Reopen(DeskAPI):
    @moves("reopen_case", "Bring a decided case back to review", RationaleBody)
    def post(self, request, ref):
        case = case_for_deciding(request.user, ref)
        why = RationaleBody.of(request.data)
        return Response(CaseWhole(reopen(case, actor=request.user, **why)).data)

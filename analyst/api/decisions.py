from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from analyst.access import case_for_deciding, case_for_reading
from analyst.api.door import DeskAPI
from analyst.api.errors import READING, WRITING, documented
from analyst.api.paging import Falling, Key, paged
from analyst.api.serializers import DecisionBody, DecisionPage, DecisionRow
from cases.services.decide import record_decision

NEWEST_FIRST = Falling(tuple[Key], "id")


class DecisionQuery(paged(size=50, most=200)):
    pass


class Decisions(DeskAPI):
    @extend_schema(
        operation_id="list_decisions",
        tags=["decisions"],
        summary="Decisions, newest first",
        parameters=[DecisionQuery],
        responses={200: DecisionPage, **documented(*READING)},
    )
    def get(self, request, ref):
        case = case_for_reading(request.user, ref)
        asked = DecisionQuery.of(request.query_params)
        rows = case.decisions.select_related("decided_by")
        found, following = NEWEST_FIRST.page(rows, request, asked)
        return Response({"next": following, "results": DecisionRow(found, many=True).data})

    @extend_schema(
        operation_id="decide_case",
        tags=["decisions"],
        summary="Give the case its verdict",
        description="409 when it is decided already or another person holds it.",
        request=DecisionBody,
        responses={201: DecisionRow, **documented(*WRITING)},
    )
    def post(self, request, ref):
        case = case_for_deciding(request.user, ref)
        body = DecisionBody.of(request.data)
        decision = record_decision(case, actor=request.user, **body)
        return Response(DecisionRow(decision).data, status=201)

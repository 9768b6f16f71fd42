"""What a change of grouping would do, case by case."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from analyst.access import preview_for_reading, visible_cases
from analyst.api.door import DeskAPI
from analyst.api.errors import READING, documented
from analyst.api.paging import Falling, Key, paged
from analyst.regroup import dress_cases, staleness, title_of

LATEST = Falling(tuple[Key], "id")


class PreviewRow(serializers.Serializer):
    id = serializers.IntegerField()
    ref = serializers.CharField()
    kind = serializers.CharField()
    title = serializers.SerializerMethodField()
    state = serializers.CharField(source="job.state")
    stale = serializers.SerializerMethodField(help_text="why it can't be applied, or empty")
    summary = serializers.DictField(help_text="how many cases and accounts, by change")
    requested_at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True, help_text="the facts as of then")
    applied_at = serializers.DateTimeField(allow_null=True)
    rationale = serializers.CharField()

    def get_title(self, preview) -> str:
        return title_of(preview)

    def get_stale(self, preview) -> str:
        return staleness(preview)


class OtherCase(serializers.Serializer):
    ref = serializers.CharField()
    accounts = serializers.IntegerField()
    how = serializers.CharField(help_text="from, to or into")


class PreviewCaseRow(serializers.Serializer):
    place = serializers.IntegerField(help_text="1 is touched most")
    case = serializers.CharField(source="case.ref", default=None, allow_null=True)
    fate = serializers.CharField()
    before = serializers.IntegerField(help_text="members now")
    core = serializers.IntegerField()
    likely = serializers.IntegerField()
    possible = serializers.IntegerField()
    joins = serializers.IntegerField()
    leaves = serializers.IntegerField()
    rises = serializers.IntegerField()
    falls = serializers.IntegerField()
    kept = serializers.IntegerField(help_text="stay by a person's word alone")
    shifted = serializers.IntegerField(help_text="probabilities that move within a tier")
    others = OtherCase(many=True, source="near")
    conflicts = serializers.ListField(child=serializers.CharField())


class PreviewCasePage(serializers.Serializer):
    next = serializers.URLField(allow_null=True)
    results = PreviewCaseRow(many=True)


class PreviewQuery(paged(size=50, most=200)):
    pass


class Preview(DeskAPI):
    @extend_schema(
        operation_id="get_preview",
        tags=["previews"],
        summary="A preview of a change of grouping: how far it is, and its sums",
        responses={200: PreviewRow, **documented(*READING)},
    )
    def get(self, request, pk):
        return Response(PreviewRow(preview_for_reading(request.user, pk)).data)


class PreviewCases(DeskAPI):
    @extend_schema(
        operation_id="list_preview_cases",
        tags=["previews"],
        summary="Cases that would change, those that you may see, least touched first",
        parameters=[PreviewQuery],
        responses={200: PreviewCasePage, **documented(*READING)},
    )
    def get(self, request, pk):
        preview = preview_for_reading(request.user, pk)
        asked = PreviewQuery.of(request.query_params)
        seen = visible_cases(request.user)
        rows = preview.cases.select_related("case")
        rows = rows.filter(case=None) | rows.filter(case__in=seen)
        found, following = LATEST.page(rows, request, asked)
        dress_cases(found, request.user)
        return Response({"next": following, "results": PreviewCaseRow(found, many=True).data})

"""Releases that were withdrawn, and what had relied on them."""

from datetime import datetime

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from analyst.access import desk_for_reading, withdrawal_for_reading
from analyst.api.door import DeskAPI
from analyst.api.errors import READING, documented
from analyst.api.paging import Falling, Key, paged
from analyst.regroup import dress_reliance, relied_on
from ingest.models import Withdrawal

NEWEST_FIRST = Falling(tuple[Key], "id")
LATEST_FIRST = Falling(tuple[datetime, Key], "made_at", "id")


class WithdrawalRow(serializers.Serializer):
    id = serializers.IntegerField()
    ref = serializers.CharField()
    detector = serializers.CharField(source="detector.slug")
    version = serializers.CharField(help_text="as its signals carry it")
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()
    stands = serializers.BooleanField(help_text="applied and not restored")
    proposed_at = serializers.DateTimeField()
    applied_at = serializers.DateTimeField(allow_null=True)
    lifted_at = serializers.DateTimeField(allow_null=True)


class WithdrawalPage(serializers.Serializer):
    next = serializers.URLField(allow_null=True)
    results = WithdrawalRow(many=True)


class RelianceRow(serializers.Serializer):
    kind = serializers.CharField(help_text="decision, action, share or packet")
    object_id = serializers.IntegerField()
    ref = serializers.CharField()
    what = serializers.CharField()
    case = serializers.CharField(source="case.ref")
    made_at = serializers.DateTimeField()
    accounts = serializers.IntegerField(help_text="members that the release had spoken of")
    members = serializers.IntegerField(help_text="of so many in all, at that moment")


class ReliancePage(serializers.Serializer):
    next = serializers.URLField(allow_null=True)
    results = RelianceRow(many=True)


class WithdrawalQuery(paged(size=50, most=200)):
    pass


class Withdrawals(DeskAPI):
    @extend_schema(
        operation_id="list_withdrawals",
        tags=["withdrawals"],
        summary="Releases of detectors that were proposed for withdrawal, newest first",
        parameters=[WithdrawalQuery],
        responses={200: WithdrawalPage, **documented(*READING)},
    )
    def get(self, request):
        desk_for_reading(request.user)
        asked = WithdrawalQuery.of(request.query_params)
        rows = Withdrawal.objects.select_related("detector")
        found, following = NEWEST_FIRST.page(rows, request, asked)
        return Response({"next": following, "results": WithdrawalRow(found, many=True).data})


class ReliedOn(DeskAPI):
    @extend_schema(
        operation_id="list_relied_on",
        tags=["withdrawals"],
        summary="Decisions, actions, shares and packets that relied on a release, latest first",
        description="Those about cases that you may not see are left out.",
        parameters=[WithdrawalQuery],
        responses={200: ReliancePage, **documented(*READING)},
    )
    def get(self, request, pk):
        row = withdrawal_for_reading(request.user, pk)
        asked = WithdrawalQuery.of(request.query_params)
        found, following = LATEST_FIRST.page(relied_on(row, request.user), request, asked)
        dress_reliance(found)
        return Response({"next": following, "results": RelianceRow(found, many=True).data})

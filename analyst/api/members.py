from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from analyst.access import case_for_reading
from analyst.api.door import DeskAPI
from analyst.api.errors import READING, documented
from analyst.api.paging import Falling, Key, paged
from analyst.api.serializers import MemberPage, MemberRow, Probability
from cases.models import Member
from ingest.models import Account

BY_PROBABILITY = Falling(tuple[float, Key], "probability", "id")


class MemberQuery(paged(size=100, most=1000)):
    tier = serializers.MultipleChoiceField(
        choices=Member.Tier.choices, required=False, help_text="may be repeated"
    )
    state = serializers.MultipleChoiceField(
        choices=Account.State.choices, required=False, help_text="at the platform; may be repeated"
    )
    verdict = serializers.MultipleChoiceField(
        choices=[*Member.Verdict.choices, ("none", "no analyst's verdict")],
        required=False,
        help_text="may be repeated",
    )
    min_probability = Probability(required=False)


def narrowed(members, asked: dict):
    if tiers := asked.get("tier"):
        members = members.filter(tier__in=sorted(tiers))
    if states := asked.get("state"):
        members = members.filter(account__state__in=sorted(states))
    if verdicts := asked.get("verdict"):
        members = members.filter(verdict__in=sorted("" if v == "none" else v for v in verdicts))
    if "min_probability" in asked:
        members = members.filter(probability__gte=asked["min_probability"])
    return members


class Members(DeskAPI):
    @extend_schema(
        operation_id="list_members",
        tags=["members"],
        summary="Member accounts by probability",
        description="Accounts that grouping left out again are not listed.",
        parameters=[MemberQuery],
        responses={200: MemberPage, **documented(*READING)},
    )
    def get(self, request, ref):
        case = case_for_reading(request.user, ref)
        asked = MemberQuery.of(request.query_params)
        members = Member.objects.current().filter(case=case)
        rows = narrowed(members, asked).select_related("account", "verdict_by")
        found, following = BY_PROBABILITY.page(rows, request, asked)
        return Response({"next": following, "results": MemberRow(found, many=True).data})

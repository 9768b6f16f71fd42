from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from analyst.access import case_for_reading
from analyst.api.door import DeskAPI, Strict
from analyst.api.errors import READING, documented
from analyst.api.paging import address
from analyst.api.serializers import Event, EventPage


class TimelineQuery(Strict):
    limit = serializers.IntegerField(
        min_value=1, max_value=1000, default=100, help_text="rows a page, 100 if left out"
    )
    after = serializers.IntegerField(
        min_value=0,
        max_value=2**31 - 1,
        default=0,
        help_text="the seq that you have already: ask again later with the last to follow a case",
    )


class Timeline(DeskAPI):
    @extend_schema(
        operation_id="list_events",
        tags=["timeline"],
        summary="What happened, oldest first, as a chain of hashes",
        parameters=[TimelineQuery],
        responses={200: EventPage, **documented(*READING)},
    )
    def get(self, request, ref):
        case = case_for_reading(request.user, ref)
        asked = TimelineQuery.of(request.query_params)
        limit = asked["limit"]
        events = case.events.filter(seq__gt=asked["after"]).select_related("actor", "content")
        found = list(events.order_by("seq")[: limit + 1])
        more = len(found) > limit
        found = found[:limit]
        following = address(request, after=found[-1].seq) if more else None
        return Response({"next": following, "results": Event(found, many=True).data})

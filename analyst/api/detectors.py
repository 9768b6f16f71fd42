from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from analyst.access import desk_for_reading, detector_for_reading
from analyst.api.door import DeskAPI
from analyst.api.errors import READING, documented
from analyst.api.paging import Falling, Key, paged
from analyst.detector_record import Record, costs, records, standings
from analyst.detectors import standing
from ingest.models import Detector

NEWEST_FIRST = Falling(tuple[Key], "id")
DetectorQuery = paged(size=50, most=200)


class PrecisionRow(serializers.Serializer):
    value = serializers.FloatField(allow_null=True, help_text="null: too few reviewed to tell")
    low = serializers.FloatField(allow_null=True, help_text="95 % interval (Wilson)")
    high = serializers.FloatField(allow_null=True)
    abusive = serializers.IntegerField(help_text="accounts that people reviewed one by one")
    innocent = serializers.IntegerField()
    other_abuse = serializers.IntegerField(help_text="resale, stolen keys: in neither")


class CountsRow(serializers.Serializer):
    cold_start = serializers.BooleanField(help_text="true: the stated priors hold")
    version = serializers.IntegerField(allow_null=True, help_text="of the calibration in force")
    method = serializers.CharField()
    brier = serializers.FloatField(allow_null=True, help_text="out of fold")
    ece = serializers.FloatField(allow_null=True, help_text="out of fold")
    since = serializers.DateTimeField(allow_null=True)
    says = serializers.CharField(help_text="the same in words")


class DetectorRow(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    family = serializers.CharField()
    version = serializers.CharField()
    standing = serializers.ChoiceField(choices=["off", "never", "silent", "heard"])
    last_heard_at = serializers.DateTimeField(allow_null=True)
    expected_seconds = serializers.FloatField(
        allow_null=True, help_text="silent for longer than this raises an alarm"
    )
    precision = PrecisionRow()
    seconds_per_million_requests = serializers.FloatField(
        allow_null=True, help_text="of the last 30 days; null for detectors that are not ours"
    )
    counts = CountsRow(help_text="what its family's scores count by")


class DetectorPage(serializers.Serializer):
    next = serializers.CharField(allow_null=True, help_text="address of the next page")
    results = DetectorRow(many=True)


def rows_of(detectors: list[Detector]) -> list[dict]:
    """In a constant number of queries."""
    at = now()
    record, cost = records(), costs(at)
    families = standings([detector.family for detector in detectors])
    return [
        {
            "slug": d.slug,
            "name": d.name,
            "family": d.family,
            "version": d.version,
            "standing": standing(d, at),
            "last_heard_at": d.last_heard_at,
            "expected_seconds": d.expected_interval and d.expected_interval.total_seconds(),
            "precision": _precision(record.get(d.pk, Record())),
            "seconds_per_million_requests": cost[d.pk]["per_million"] if d.pk in cost else None,
            "counts": _counts(families[d.family]),
        }
        for d in detectors
    ]


def _precision(record: Record) -> dict:
    low, high = record.interval or (None, None)
    return {
        "value": record.precision,
        "low": low,
        "high": high,
        "abusive": record.abusive,
        "innocent": record.innocent,
        "other_abuse": record.other_abuse,
    }


def _counts(one) -> dict:
    fit = None if one.cold else one.now
    return {
        "cold_start": one.cold,
        "version": fit and fit.version,
        "method": fit.method if fit else "prior",
        "brier": fit and fit.brier,
        "ece": fit and fit.ece,
        "since": one.since,
        "says": one.words,
    }


class Detectors(DeskAPI):
    @extend_schema(
        operation_id="list_detectors",
        tags=["detectors"],
        summary="Detectors with their record and how they count, newest first",
        parameters=[DetectorQuery],
        responses={200: DetectorPage, **documented(*READING)},
    )
    def get(self, request):
        desk_for_reading(request.user)
        asked = DetectorQuery.of(request.query_params)
        found, following = NEWEST_FIRST.page(Detector.objects.all(), request, asked)
        rows = rows_of(found)
        return Response({"next": following, "results": DetectorRow(rows, many=True).data})


class OneDetector(DeskAPI):
    @extend_schema(
        operation_id="show_detector",
        tags=["detectors"],
        summary="One detector",
        responses={200: DetectorRow, **documented(401, 404)},
    )
    def get(self, request, slug):
        (row,) = rows_of([detector_for_reading(request.user, slug)])
        return Response(DetectorRow(row).data)

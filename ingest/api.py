"""The detectors' door: signals and the census come in, and nothing goes out but receipts."""

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers, views
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.response import Response

from ingest import census, platform_wire, wire
from ingest.bodies import Refused, read_body
from ingest.census import CENSUS_TAKER
from ingest.models import Batch, Detector
from ingest.platform_wire import PLATFORM
from ingest.services import AttributeCount, PopulationUse, record_population, record_signals
from ingest.services.platform import record_platform_states

PROBLEMS_SHOWN = 1000
NO_TOKEN = (
    "Send the token of an enabled detector as Authorization: Bearer sw_… "
    "(manage.py create_detector makes one)."
)


class DetectorToken(BaseAuthentication):
    """A detector is known by its token. Missing, wrong, revoked and disabled answer alike."""

    def authenticate(self, request):
        word, _, token = get_authorization_header(request).partition(b" ")
        digest = Detector.digest(token.strip().decode("latin-1"))
        detector = Detector.objects.filter(token_digest=digest, enabled=True).first()
        if word.lower() != b"bearer" or detector is None:
            raise exceptions.AuthenticationFailed(NO_TOKEN)
        return AnonymousUser(), detector

    def authenticate_header(self, request):
        return 'Bearer realm="stillwatch"'


class DetectorTokenInOpenApi(OpenApiAuthenticationExtension):
    target_class = DetectorToken
    name = "detectorToken"

    def get_security_definition(self, auto_schema):
        return {"type": "http", "scheme": "bearer", "description": NO_TOKEN}


class SendsSignals(BasePermission):
    message = "This token opens one other door (census or platform-states) and nothing else."

    def has_permission(self, request, view):
        return request.auth.slug not in (CENSUS_TAKER, PLATFORM)


class TellsStates(BasePermission):
    message = f"States are told with a token of their own: manage.py create_detector {PLATFORM}"

    def has_permission(self, request, view):
        return request.auth.slug == PLATFORM


class TakesCensus(BasePermission):
    message = (
        "This token sends signals and nothing else. The census has a token of its own: "
        f"manage.py create_detector {CENSUS_TAKER}"
    )

    def has_permission(self, request, view):
        return request.auth.slug == CENSUS_TAKER


class AlwaysJson(BaseContentNegotiation):
    """Machines send all kinds of Accept; the answer is JSON."""

    def select_parser(self, request, parsers):
        return None

    def select_renderer(self, request, renderers, format_suffix=None):
        return renderers[0], renderers[0].media_type


def answer(exc, context):
    """Refusals as JSON: {"error": sentence}. Database errors are left to the middleware."""
    if isinstance(exc, Refused):
        return Response({"error": str(exc)}, status=exc.status)
    response = views.exception_handler(exc, context)
    if response is not None:
        response.data = {"error": str(response.data["detail"])}
    return response


class Door(views.APIView):
    authentication_classes = (DetectorToken,)
    content_negotiation_class = AlwaysJson
    parser_classes = ()
    metadata_class = None

    def get_exception_handler(self):
        return answer

    def body(self, request, *content_types: str) -> tuple[bytes, str]:
        """The body, read under our own limit, and its content type. Raises Refused."""
        content_type = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        if content_type not in content_types:
            raise Refused(415, f"Content-Type must be {' or '.join(content_types)}.")
        return read_body(request._request, settings.INGEST_BODY_LIMIT), content_type


class ErrorText(serializers.Serializer):
    error = serializers.CharField(help_text="what is wrong and what to do next")


class ProblemText(serializers.Serializer):
    line = serializers.IntegerField(help_text="the record's number, from 1")
    field = serializers.CharField(help_text="dotted path such as attributes[3].value, or empty")
    reason = serializers.CharField(help_text="what is wrong and what to do next")


class ReceiptText(serializers.Serializer):
    batch = serializers.IntegerField(help_text="the number of this delivery")
    stored = serializers.IntegerField()
    repeated = serializers.IntegerField(help_text="stored by an earlier delivery, with this body")
    rejected = serializers.IntegerField(help_text="not stored, and kept to be replayed")
    problems = ProblemText(many=True, help_text=f"the first {PROBLEMS_SHOWN:,}")
    problems_left_out = serializers.IntegerField(help_text="rejected beyond those listed")


class FieldErrorText(ErrorText):
    field = serializers.CharField(help_text="dotted path, or empty")


class CensusText(serializers.Serializer):
    census = serializers.IntegerField()
    attributes = serializers.IntegerField(help_text="values that now carry this census's figures")


def _inlined(schema: dict, definitions: dict | None = None):
    """A JSON Schema without $ref, since OpenAPI text keeps its definitions elsewhere."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    definitions = definitions or schema.get("$defs", {})
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {
        key: _inlined(value, definitions)
        for key, value in schema.items()
        if key not in {"$defs", "$schema"}
    }


RECORD = _inlined(wire.json_schema())
REFUSALS = {
    status: OpenApiResponse(ErrorText, text)
    for status, text in {
        400: "The body broke off, or its gzip stream is broken. Nothing was stored.",
        401: "The token is missing, unknown or disabled.",
        403: "The token is good, and for something else.",
        411: "The server in front cannot read chunks: send a Content-Length.",
        413: "The body, or the number of records, is over the limit. Nothing was stored.",
        415: "Another content type or encoding than those documented.",
        503: "The database cannot be reached. Nothing was stored; Retry-After says when to try.",
    }.items()
}
GZIP = OpenApiParameter(
    "Content-Encoding", str, OpenApiParameter.HEADER, enum=["gzip", "identity"], required=False
)


class Signals(Door):
    permission_classes = (SendsSignals,)

    @extend_schema(
        operation_id="signals_create",
        summary="Deliver signals",
        description="One signal, a JSON array, or one signal a line. The answer comes after "
        "commit. A reference seen before is repeated with the same body, rejected with another.",
        parameters=[GZIP],
        request={
            wire.JSON: {"oneOf": [RECORD, {"type": "array", "items": RECORD}]},
            wire.NDJSON: RECORD,
        },
        responses={
            200: OpenApiResponse(ReceiptText, "Stored, but for what is listed."),
            422: OpenApiResponse(ReceiptText, "Nothing holds; or, with error alone, no record."),
        }
        | REFUSALS,
        tags=["ingest"],
    )
    def post(self, request):
        body, content_type = self.body(request, wire.JSON, wire.NDJSON)
        try:
            records = list(wire.decode_delivery(body, content_type))
        except wire.DeliveryTooLarge as error:
            raise Refused(413, f"The delivery has {error}. Nothing was stored.") from None
        if not records:
            raise Refused(422, "The body holds no record.")
        receipt = record_signals(records, detector=request.auth, door=Batch.Door.API)
        shown = receipt.rejected[:PROBLEMS_SHOWN]
        answered = {
            "batch": receipt.batch.pk,
            "stored": receipt.stored,
            "repeated": receipt.repeated,
            "rejected": len(receipt.rejected),
            "problems": [
                {"line": p.line, "field": p.field, "reason": p.reason} for p in shown
            ],
            "problems_left_out": len(receipt.rejected) - len(shown),
        }  # fmt: skip
        return Response(answered, status=200 if receipt.stored or receipt.repeated else 422)


class SignalSchema(Door):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="signals_schema",
        summary="JSON Schema of a signal",
        responses={200: OpenApiResponse({"type": "object"}, "JSON Schema, draft 2020-12")},
        tags=["ingest"],
    )
    def get(self, request):
        return Response(wire.json_schema())


class Census(Door):
    permission_classes = (TakesCensus,)

    @extend_schema(
        operation_id="census_create",
        summary="Deliver a census",
        description="How many accounts of the whole population, flagged or not, carry each value, "
        "and who carries those that few share. Starts a new census epoch. Taken whole or not.",
        parameters=[GZIP],
        request={wire.JSON: _inlined(census.json_schema())},
        responses={
            201: CensusText,
            422: OpenApiResponse(FieldErrorText, "The report does not hold; nothing was stored."),
        }
        | REFUSALS,
        tags=["ingest"],
    )
    def post(self, request):
        body, _ = self.body(request, wire.JSON)
        try:
            report = census.decode_census(body)
        except census.BadCensus as error:
            return Response({"error": str(error), "field": error.field}, status=422)
        stored = record_population(
            as_of=report.as_of,
            window_start=report.window_start,
            window_end=report.window_end,
            accounts=report.accounts,
            organisations=report.organisations,
            attributes=(
                AttributeCount(a.kind, a.value, a.label, a.accounts, a.organisations)
                for a in report.attributes
            ),
            uses=(
                PopulationUse(u.account, u.kind, u.value, u.first_at, u.last_at, u.count)
                for u in report.uses
            ),
            source=report.source or "api",
        )
        counted = {"census": stored.pk, "attributes": stored.attribute_set.count()}
        return Response(counted, status=201)


class StateReceiptText(serializers.Serializer):
    stored = serializers.IntegerField(help_text="told for the first time")
    repeated = serializers.IntegerField()
    changed = serializers.IntegerField(help_text="accounts and parts whose state moved by it")
    rejected = serializers.IntegerField()
    problems = ProblemText(many=True, help_text=f"the first {PROBLEMS_SHOWN:,}")


STATE = _inlined(platform_wire.json_schema())


class PlatformStates(Door):
    permission_classes = (TellsStates,)

    @extend_schema(
        operation_id="platform_states_create",
        summary="Tell the states of accounts, keys and end users at the platform",
        description="Bans and reinstatements by others too: who did it, why and when. News may "
        "come late and twice; the newest is what the desk believes.",
        parameters=[GZIP],
        request={
            wire.JSON: {"oneOf": [STATE, {"type": "array", "items": STATE}]},
            wire.NDJSON: STATE,
        },
        responses={
            200: OpenApiResponse(StateReceiptText, "Stored, but for what is listed."),
            422: OpenApiResponse(StateReceiptText, "Nothing holds; or, with error, no record."),
        }
        | REFUSALS,
        tags=["ingest"],
    )
    def post(self, request):
        body, content_type = self.body(request, wire.JSON, wire.NDJSON)
        try:
            records = list(platform_wire.decode_states(body, content_type))
        except platform_wire.TooMany as error:
            raise Refused(413, f"The delivery has {error}. Nothing was stored.") from None
        if not records:
            raise Refused(422, "The body holds no record.")
        receipt = record_platform_states(records, source="api")
        shown = receipt.rejected[:PROBLEMS_SHOWN]
        answered = {
            "stored": receipt.stored,
            "repeated": receipt.repeated,
            "changed": receipt.changed,
            "rejected": len(receipt.rejected),
            "problems": [
                {"line": p.line, "field": p.field, "reason": p.reason} for p in shown
            ],
        }  # fmt: skip
        return Response(answered, status=200 if receipt.stored or receipt.repeated else 422)

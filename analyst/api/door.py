"""What every door of the people's API has in common: who, what they send, what they get."""

import re
from collections.abc import Mapping

from django.urls import reverse
from drf_spectacular.authentication import SessionScheme
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.views import APIView

from analyst.api.errors import answer

HALF_PAIR = re.compile("[\ud800-\udfff]")


class DeskSession(SessionAuthentication):
    """The browser's session, CSRF token included. Without one the answer is 401."""

    def authenticate_header(self, request):
        return f'Session login="{reverse("login")}"'


class DeskSessionScheme(SessionScheme):
    target_class = "analyst.api.door.DeskSession"
    name = "session"
    priority = 0


class FlatJSON(JSONParser):
    """An object of plain values, the only body that a door here takes.

    Nesting that exhausts the stack is a RecursionError, which is no ValueError; what is shallower
    goes no further than here, so that no message repeats it. A half surrogate that a message
    repeats could not be sent: it has no UTF-8.
    """

    def parse(self, stream, media_type=None, parser_context=None):
        try:
            body = super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError("The body is nested too deeply to be read.") from None
        if not isinstance(body, dict):
            raise ParseError('The body must be a JSON object, as in {"rationale": "…"}.')
        for text in (*body, *body.values()):
            if isinstance(text, dict | list):
                raise ParseError("A value in the body is a list or an object; none here may be.")
            if isinstance(text, str) and HALF_PAIR.search(text):
                raise ParseError("The body holds half of a surrogate pair, which is no text.")
        return body


class OnlyJSON(BaseContentNegotiation):
    """One rendering whatever Accept or ?format= say, so that refusals are JSON too."""

    def select_parser(self, request, parsers):
        media_type = (request.content_type or "").split(";")[0].strip().lower()
        return next((p for p in parsers if p.media_type == media_type), None)

    def select_renderer(self, request, renderers, format_suffix=None):
        return renderers[0], renderers[0].media_type


class Strict(serializers.Serializer):
    """Refuses what it does not know: a mistyped filter must not read as no filter."""

    def to_internal_value(self, data):
        if isinstance(data, Mapping) and (unknown := [n for n in data if n not in self.fields]):
            known = ", ".join(self.fields) or "none"
            raise serializers.ValidationError(
                {name[:80]: [f"Not known here. Known: {known}."] for name in unknown[:10]}
            )
        return super().to_internal_value(data)

    @classmethod
    def of(cls, data) -> dict:
        """Clean values. Raises ValidationError, which becomes a 400."""
        asked = cls(data=data)
        asked.is_valid(raise_exception=True)
        return asked.validated_data


class DeskAPI(APIView):
    authentication_classes = (DeskSession,)
    permission_classes = (IsAuthenticated,)
    parser_classes = (FlatJSON,)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = OnlyJSON
    metadata_class = None  # OPTIONS is a 405 like any other

    def get_exception_handler(self):
        return answer

    @property
    def default_response_headers(self):
        return super().default_response_headers | {"Cache-Control": "no-store"}


class Nothing(DeskAPI):
    """Every other address under /api/: a 404 that is JSON, whoever asks."""

    permission_classes = ()
    schema = None

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        ending = "" if request.path.endswith("/") else " Addresses here end with a slash."
        raise NotFound(f"There is nothing at this address.{ending}")

import logging

from django.db import InterfaceError, OperationalError
from django.http import HttpResponse, JsonResponse
from django.template.loader import render_to_string

log = logging.getLogger(__name__)


class DatabaseAway:
    """Answers 503 with Retry-After when the database cannot be reached, never a stack trace."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if not isinstance(exception, OperationalError | InterfaceError):
            return None
        log.error("database away: %s", exception)
        return database_away(request)


def database_away(request) -> HttpResponse:
    if request.path.startswith("/api/"):
        response = JsonResponse(
            {"error": "The database cannot be reached. Nothing was stored; try again."}, status=503
        )
    else:
        response = HttpResponse(render_to_string("503.html"), status=503)
    response["Retry-After"] = "5"
    return response

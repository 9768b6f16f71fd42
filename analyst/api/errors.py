"""Every refusal under /api/ is JSON: {"error": sentence}, and "fields" where fields are wrong."""

import logging

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404
from drf_spectacular.utils import OpenApiResponse
from rest_framework import exceptions, serializers
from rest_framework.response import Response

from cases.errors import CaseError, NotAllowed

log = logging.getLogger(__name__)

NOT_FOUND = "There is nothing here, or nothing that you may see."
SAYS = {
    400: "The query or the body is wrong; fields says where.",
    401: "Nobody is logged in, or the session ended.",
    403: "The role does not allow it, or the CSRF token is missing.",
    404: NOT_FOUND,
    409: "The case does not stand where this is possible, or another person was first.",
    413: "The body is larger than the desk takes.",
    415: "The body is not application/json.",
}


class Error(serializers.Serializer):
    error = serializers.CharField(help_text="what is wrong and what to do next")


class FieldErrors(Error):
    fields = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="what is wrong, by field; left out when the body could not be read at all",
    )


def documented(*statuses: int) -> dict:
    """The refusals of a route, as the OpenAPI text wants them."""
    return {
        status: OpenApiResponse(FieldErrors if status == 400 else Error, SAYS[status])
        for status in statuses
    }


READING = (400, 401, 404)
WRITING = (400, 401, 403, 404, 409, 413, 415)


def answer(exc: Exception, context: dict) -> Response | None:
    """The answer to anything that a view raised. None leaves it to the middleware (database)."""
    if isinstance(exc, exceptions.ValidationError):
        return Response({"error": SAYS[400], "fields": exc.detail}, status=400)
    if isinstance(exc, exceptions.NotAuthenticated):
        challenge = {"WWW-Authenticate": exc.auth_header}
        return Response({"error": f"{SAYS[401]} Log in first."}, status=401, headers=challenge)
    if isinstance(exc, exceptions.APIException):
        return Response({"error": str(exc.detail)}, status=exc.status_code)
    if isinstance(exc, Http404):
        return Response({"error": NOT_FOUND}, status=404)
    if isinstance(exc, NotAllowed | PermissionDenied):
        return Response({"error": str(exc) or SAYS[403]}, status=403)
    if isinstance(exc, CaseError):
        return Response({"error": str(exc)}, status=409)
    if isinstance(exc, RequestDataTooBig):
        return Response({"error": SAYS[413]}, status=413)
    if isinstance(exc, SuspiciousOperation):
        return Response({"error": f"The request was refused: {exc}"}, status=400)
    if isinstance(exc, OperationalError | InterfaceError):
        return None
    # Ours to mend. Told to whoever listens, as Django tells it, and logged with its trace.
    request = context["request"]._request
    got_request_exception.send(sender=None, request=request)
    log.error("%s %s broke", request.method, request.path, exc_info=exc)
    return Response({"error": "The desk could not answer; this was logged."}, status=500)

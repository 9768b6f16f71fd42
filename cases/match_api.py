"""The partner's door to private matching. JSON, Basic credentials as for TAXII; docs/matching.md.

Every refusal is {"error": what is wrong and what to do}.
"""

import base64
import binascii
import functools
import json

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from cases.errors import CaseError
from cases.matching.padding import FEWEST, MOST
from cases.matching.reveal import SUITE
from cases.matching.transcript import PROTOCOL
from cases.models import MatchKey, MatchSession
from cases.services.match_answer import door_key, evaluate, hear, receive_ask
from cases.services.match_session import MatchRefused
from cases.services.match_set import asks_left
from cases.services.partner import partner_at_the_door, record_exchange
from cases.services.signing import signing_key
from ingest.bodies import Refused, read_body

BODY = 2 * 2**20  # 16,384 points of 32 bytes in base64 are 700 kB
COUNT, NAMES = "count", "names"


def door(*methods: str):
    """Who is it, is the method one of these, and every refusal as JSON."""

    def wrap(view):
        @csrf_exempt
        @functools.wraps(view)
        def answer(request, *args, **kwargs):
            partner = _partner(request)
            if partner is None:
                response = _problem(401, "Send the user and token that this desk gave you (Basic).")
                response["WWW-Authenticate"] = 'Basic realm="stillwatch partners"'
                return response
            if request.method not in methods:
                response = _problem(405, f"Only {', '.join(methods)} here.")
                response["Allow"] = ", ".join(methods)
                return response
            try:
                return view(request, partner, *args, **kwargs)
            except MatchRefused as error:
                return _problem(error.status, str(error))
            except Refused as error:
                return _problem(error.status, str(error))
            except CaseError as error:
                return _problem(422, str(error))

        return answer

    return wrap


@door("GET")
def key(request, partner):
    """What is matched now, under which key, and what is left of the quota; 503 while it is made."""
    found = door_key(partner)
    asks, values = asks_left(partner)
    if found is None:
        response = _problem(503, "The set is being made: ask again in a few seconds.")
        response["Retry-After"] = "3"
        return response
    mine, _ = signing_key()
    return JsonResponse(
        {
            "protocol": PROTOCOL,
            "suite": SUITE,
            "organisation": settings.ORGANISATION,
            "key": str(found.uid),
            "epoch": found.epoch,
            "kinds": found.kinds,
            "held": found.held,
            "count_sha256": found.count_sha256,
            "reveal_sha256": found.reveal_sha256,
            "public_key": base64.b64encode(bytes(found.public_key)).decode(),
            "signing_key": base64.b64encode(bytes(mine.public_key)).decode(),
            "fewest": FEWEST,
            "most": MOST,
            "asks_left": asks,
            "values_left": values,
        }
    )


@door("GET")
def tags(request, partner, uid, part):
    """The tags of the set as they are: for counting to whoever may ask, for names to whoever has
    an agreed session under this key."""
    fields = {COUNT: "count_tags", NAMES: "reveal_tags"}
    rows = MatchKey.objects.filter(partner=partner, uid=uid, retired_at=None)
    if part == NAMES:
        rows = rows.filter(sessions__state=MatchSession.State.AGREED).distinct()
    blob = rows.exclude(ready_at=None).values_list(fields[part], flat=True).first()
    if blob is None:
        raise MatchRefused("There is no such set, or not for you now.", 404)
    with transaction.atomic():
        record_exchange(
            partner, "out", f"match_set_{part}", actor=None, objects=len(blob) // 16,
            detail={"key": str(uid)},
        )  # fmt: skip
    return HttpResponse(bytes(blob), content_type="application/octet-stream")


@door("GET", "PUT", "POST")
def session(request, partner, uid):
    """PUT an ask, POST the next statement, GET what was said so far with the answer."""
    if request.method == "PUT":
        body = _body(request)
        found = receive_ask(partner, uid, body.get("statement"), _bytes(body, "points"))
        return _session(found, 202)
    if request.method == "POST":
        body = _body(request)
        sent = _bytes(body, "tags") if "tags" in body else b""
        return _session(hear(partner, uid, body.get("statement"), sent), 200)
    found = partner.match_sessions.filter(uid=uid, ours=False).first()
    if found is None:
        raise MatchRefused("session: there is none of this id", 404)
    return _session(found, 200)


@door("POST")
def evaluated(request, partner, uid):
    """One chunk of an agreed session, evaluated with its proof."""
    body = _body(request)
    start = body.get("start")
    if not isinstance(start, int) or isinstance(start, bool) or not 0 <= start < MOST:
        raise MatchRefused(f"start: must be a whole number below {MOST:,}", 400)
    answer = evaluate(partner, uid, start, _bytes(body, "points"))
    return JsonResponse({"evaluated": base64.b64encode(answer).decode()})


def _session(found: MatchSession, status: int) -> JsonResponse:
    return JsonResponse(
        {
            "session": str(found.uid),
            "state": found.state,
            "problem": found.problem,
            "transcript": found.transcript,
            "answer": base64.b64encode(bytes(found.answer)).decode(),
        },
        status=status,
    )


def _partner(request):
    word, _, told = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    try:
        user, colon, token = base64.b64decode(told, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    if word.lower() != "basic" or not colon or "\0" in user:
        return None
    return partner_at_the_door(user, token)


def _body(request) -> dict:
    try:
        body = json.loads(read_body(request, BODY))
    except (ValueError, RecursionError):
        raise MatchRefused("The body must be JSON.", 400) from None
    if not isinstance(body, dict):
        raise MatchRefused("The body must be a JSON object.", 400)
    return body


def _bytes(body: dict, name: str) -> bytes:
    value = body.get(name)
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise MatchRefused(f"{name}: must be base64", 400) from None


def _problem(status: int, words: str) -> JsonResponse:
    return JsonResponse({"error": words}, status=status)

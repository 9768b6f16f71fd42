"""TAXII 2.1 (OASIS, 10 June 2021): the doors of the server. One API root, all behind Basic.

A partner sees its own collections and nothing that tells of another's.
"""

import base64
import binascii

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from cases.models import Collection, Partner, SharedObject, Submission
from cases.services.collections import collections_of, remove_object
from cases.services.partner import partner_at_the_door, record_exchange
from cases.services.submissions import outcomes, take_in
from cases.sharing.stixcheck import NotStix, check_object, written
from ingest.bodies import Refused, read_body

from . import envelope
from .errors import TaxiiError, answer, not_found
from .filters import matching, page_of
from .media import STIX, TAXII, acceptable, is_taxii

CHECKED_AT_ONCE = 20  # objects; a small envelope in which nothing holds is refused as a whole
WAITING = 200  # submissions of one partner that may wait to be checked
BASIC = {"WWW-Authenticate": 'Basic realm="stillwatch taxii", charset="UTF-8"'}


@method_decorator(csrf_exempt, name="dispatch")
class Door(View):
    """Who asks, what it accepts, and every refusal with its body."""

    partner: Partner

    def dispatch(self, request, *args, **kwargs):
        try:
            self.partner = _who(request)
            if not acceptable(request.META.get("HTTP_ACCEPT", "")):
                raise TaxiiError(406, "Not acceptable", f"This server answers {TAXII}.")
            return super().dispatch(request, *args, **kwargs)
        except TaxiiError as error:
            return answer(error.body(), error.status, BASIC if error.status == 401 else None)
        except (OperationalError, InterfaceError):
            told = TaxiiError(503, "Database away", "Nothing was stored: try again.")
            return answer(told.body(), 503, {"Retry-After": "5"})
        except Refused as error:
            told = TaxiiError(error.status, "Body refused", str(error))
            return answer(told.body(), error.status)

    def http_method_not_allowed(self, request, *args, **kwargs):
        allowed = [one.upper() for one in self.http_method_names if hasattr(self, one)]
        error = TaxiiError(405, "Method not allowed", f"Here: {', '.join(allowed)}.")
        return answer(error.body(), 405, {"Allow": ", ".join(allowed)})

    def collection(self, pk: str, *, read: bool = False, write: bool = False) -> Collection:
        try:
            found = collections_of(self.partner).filter(pk=pk).first()
        except (ValidationError, ValueError):
            found = None
        if found is None:
            raise not_found("collection")
        if write and not _can_write(found, self.partner):
            raise TaxiiError(403, "Not writable", "This collection is for you to read.")
        return found


class Discovery(Door):
    def get(self, request):
        root = request.build_absolute_uri(reverse("taxii:root"))
        return answer({
            "title": f"{settings.ORGANISATION}: sharing",
            "description": "Signals about campaigns that distil models through an API.",
            "default": root,
            "api_roots": [root],
        })  # fmt: skip


class Root(Door):
    def get(self, request):
        return answer({
            "title": settings.ORGANISATION,
            "versions": [TAXII],
            "max_content_length": settings.TAXII_BODY_LIMIT,
        })  # fmt: skip


class Collections(Door):
    def get(self, request):
        found = [_collection_text(one, self.partner) for one in collections_of(self.partner)]
        return answer({"collections": found})


class OneCollection(Door):
    def get(self, request, pk):
        return answer(_collection_text(self.collection(pk), self.partner))


class Manifest(Door):
    def get(self, request, pk):
        found = _standing(self.collection(pk)).defer("body")
        page = page_of(found, request.GET)
        records = [
            {
                "id": row.stix_id,
                "date_added": written(row.added_at),
                "version": written(row.version),
                "media_type": STIX,
            }
            for row in page.rows
        ]
        return _paged({"objects": records} if records else {}, page)


class Objects(Door):
    def get(self, request, pk):
        page = page_of(_standing(self.collection(pk)), request.GET)
        return _objects(self.partner, pk, page)

    def post(self, request, pk):
        """Keep what came, answer 202 with the status; a worker checks it object by object."""
        collection = self.collection(pk, write=True)
        if not is_taxii(request.META.get("CONTENT_TYPE", "")):
            raise TaxiiError(415, "Unsupported media type", f"Content-Type must be {TAXII}.")
        bodies = envelope.cut(read_body(request, settings.TAXII_BODY_LIMIT))
        if len(bodies) <= CHECKED_AT_ONCE:
            _refuse_if_nothing_holds(self.partner, bodies)
        waiting = Submission.objects.filter(collection=collection, finished_at=None)
        if waiting[:WAITING].count() == WAITING:
            error = TaxiiError(429, "Too many waiting", "What you sent is still being checked.")
            return answer(error.body(), 429, {"Retry-After": "60"})
        submission = take_in(collection, bodies, door=Submission.Door.POSTED)
        return answer(_status_text(submission), 202)


class OneObject(Door):
    matches = ("match[version]", "match[spec_version]")

    def get(self, request, pk, object_id):
        found = _versions(self.collection(pk), object_id)
        page = page_of(found, request.GET, matches=self.matches)
        if not page.rows and not found.exists():
            raise not_found("object")
        return _objects(self.partner, pk, page)

    def delete(self, request, pk, object_id):
        """All versions, or those that match[version] names."""
        collection = self.collection(pk, write=True)
        if not self.partner.may_delete:
            raise TaxiiError(403, "Not deletable", "You may not delete here: write to us instead.")
        found = _versions(collection, object_id)
        chosen = matching(found, request.GET, matches=self.matches, unless_told="all")
        if not remove_object(collection, chosen):
            raise not_found("object")
        return answer({})


class Versions(Door):
    def get(self, request, pk, object_id):
        found = _versions(self.collection(pk), object_id).defer("body")
        query = request.GET.copy()
        query.setdefault("match[version]", "all")
        page = page_of(found, query, matches=("match[version]", "match[spec_version]"))
        if not page.rows and not found.exists():
            raise not_found("object")
        return _paged({"versions": [written(row.version) for row in page.rows]}, page)


class Status(Door):
    def get(self, request, pk):
        try:
            found = Submission.objects.filter(
                pk=pk, collection__partner=self.partner, door=Submission.Door.POSTED
            ).first()
        except (ValidationError, ValueError):
            found = None
        if found is None:
            raise not_found("status")
        return answer(_status_text(found))


class Nothing(Door):
    """Every other path; a missing slash at the end among them (TAXII 2.1 §1.6.4)."""

    def dispatch(self, request, *args, **kwargs):
        self.http_method_names = []
        return super().dispatch(request, *args, **kwargs)

    def http_method_not_allowed(self, request, *args, **kwargs):
        raise TaxiiError(404, "Not found", "There is nothing here. Addresses end with a slash.")


def _who(request) -> Partner:
    word, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    try:
        user, _, token = base64.b64decode(text.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        user = token = ""
    found = None
    if word.lower() == "basic" and "\0" not in user:
        found = partner_at_the_door(user, token)
    if found is None:
        raise TaxiiError(
            401, "Unauthorized", "Send Basic credentials: your short name and the token you got."
        )
    return found


def _can_write(collection: Collection, partner: Partner) -> bool:
    return collection.way == Collection.Way.IN and partner.may_send


def _collection_text(collection: Collection, partner: Partner) -> dict:
    if collection.way == Collection.Way.IN:
        title = f"From {partner.name}"
        description = "What you send. Others never see it."
    else:
        title = f"For {partner.name}, TLP:{collection.tlp.upper()}"
        description = "What we send you under this label."
    return {
        "id": str(collection.pk),
        "title": title,
        "description": description,
        "can_read": True,
        "can_write": _can_write(collection, partner),
        "media_types": [STIX],
    }


def _standing(collection: Collection):
    return SharedObject.objects.filter(collection=collection, removed_at=None)


def _versions(collection: Collection, object_id: str):
    if "\0" in object_id:
        raise not_found("object")
    return _standing(collection).filter(stix_id=object_id)


def _paged(body: dict, page) -> HttpResponse:
    headers = {}
    if page.rows:
        headers["X-TAXII-Date-Added-First"] = written(page.rows[0].added_at)
        headers["X-TAXII-Date-Added-Last"] = written(page.rows[-1].added_at)
    if page.following:
        body = {"more": True, "next": page.following} | body
    return answer(body, headers=headers)


@transaction.atomic
def _objects(partner: Partner, collection: str, page) -> HttpResponse:
    """The envelope, each object letter by letter; that it was read is written down first."""
    if page.rows:
        record_exchange(
            partner, "out", "objects_read", actor=None, objects=len(page.rows),
            detail={
                "collection": str(collection),
                "first": written(page.rows[0].added_at),
                "last": written(page.rows[-1].added_at),
            },
        )  # fmt: skip
    head = b'"more":true,"next":"%s",' % page.following.encode() if page.following else b""
    texts = b",".join(row.body.encode() for row in page.rows)
    body = b'{%s"objects":[%s]}' % (head, texts) if page.rows else b"{}"
    response = _paged({}, page)
    response.content = body
    return response


def _refuse_if_nothing_holds(partner: Partner, bodies: list[bytes]) -> None:
    reasons = {}
    for place, raw in enumerate(bodies):
        try:
            check_object(raw)
            return
        except NotStix as error:
            reasons[f"objects[{place}]"] = str(error)
    record_exchange(
        partner, "in", "objects_refused", actor=None, objects=len(bodies),
        detail={place: says[:300] for place, says in reasons.items()},
    )  # fmt: skip
    first = next(iter(reasons.values()))
    raise TaxiiError(
        422, "Not STIX", f"No object holds, and nothing was stored: {first}", **reasons
    )


def _status_text(submission: Submission) -> dict:
    told = {
        "id": str(submission.pk),
        "status": "pending" if submission.waiting else "complete",
        "request_timestamp": written(submission.received_at),
        "total_count": submission.total,
        "success_count": submission.stored,
        "failure_count": submission.refused,
        "pending_count": submission.waiting,
    }
    lists: dict[str, list] = {"successes": [], "failures": [], "pendings": []}
    names = {"refused": "failures", "waiting": "pendings"}
    for item in outcomes(submission):
        one = {"id": item.stix_id or f"objects[{item.place}]", "version": item.version}
        if not item.version:
            one["version"] = written(submission.received_at)
        if item.reason:
            one["message"] = item.reason
        lists[names.get(item.state, "successes")].append(one)
    return told | {name: found for name, found in lists.items() if found}

"""The second half of an ask: which of our values the partner holds, by the verifiable OPRF."""

from django.db import transaction

from cases.connectors.matching import Door, Refused
from cases.matching import reveal
from cases.matching.canonical import epoch_key, items
from cases.matching.padding import tags_of
from cases.matching.transcript import sha256
from cases.models import MatchSession, TimelineEvent
from cases.services.match_session import move, signed
from cases.services.partner import pairwise_secret, record_exchange
from cases.services.timeline import append_event
from ingest.models import Attribute
from ingest.services.jobs import Hold

State = MatchSession.State


def name_them(session: MatchSession, door: Door, hold: Hold) -> None:
    """Evaluate, check the proof against the key of the answer, and look the tags up.

    The clients' blinds live only here: a worker that dies in the middle has to ask anew, since
    the partner evaluates each place once.
    """
    ask, answer = (one["statement"] for one in session.transcript[:2])
    rows = list(
        Attribute.objects.filter(pk__in=session.attributes)
        .order_by("pk")
        .values_list("pk", "kind", "value")
    )
    secret = epoch_key(pairwise_secret(session.partner), session.epoch)
    found = items(secret, [(kind, value) for _, kind, value in rows])
    try:
        key = bytes.fromhex(answer["public_key"])
    except (KeyError, TypeError, ValueError):
        raise Refused("public_key: its answer named none.", 422) from None
    theirs = door.tags(ask["match_key"], "names")
    if sha256(theirs) != answer.get("reveal_sha256"):
        raise Refused("Its set is not the one that it signed.", 422)
    held = tags_of(theirs)
    clients, points = reveal.blinded(found)
    if len(points) != session.asked:
        raise Refused(
            "Our values changed since they were counted (some were deleted): ask anew.", 422
        )
    tags: list[bytes] = []
    for start in range(0, len(points), reveal.CHUNK):
        hold.beat(step=f"naming, {start:,} of {len(points):,}", done=2, total=3)
        part = slice(start, start + reveal.CHUNK)
        evaluated = door.evaluate(str(session.uid), start, b"".join(points[part]))
        try:
            tags += reveal.finish(clients[part], evaluated, key)
        except reveal.BadEvaluation as error:
            raise Refused(f"Its evaluation does not hold: {error}.", 422) from None
    places = [
        (tag, places)
        for tag, places in zip(tags[: len(found)], found.values(), strict=True)
        if tag in held
    ]
    attributes = sorted(rows[place][0] for _, where in places for place in where)
    blob = b"".join(sorted(tag for tag, _ in places))
    _store(session, blob, attributes, len(places))


def _store(session: MatchSession, blob: bytes, attributes: list[int], number: int) -> None:
    problem = ""
    if number != session.count:
        problem = f"counted were {session.count:,}, named {number:,}: it changed what it holds"
    statement = signed(
        session.transcript, "found", session.uid, found=number, tags_sha256=sha256(blob)
    )
    with transaction.atomic():
        move(
            session, when=State.AGREED, to=State.NAMED, found=attributes, answer=blob,
            transcript=[*session.transcript, statement], problem=problem,
        )  # fmt: skip
        append_event(
            session.case,
            TimelineEvent.Kind.MATCH_NAMED,
            actor=None,
            content={
                "partner": session.partner.name, "session": str(session.uid), "found": number,
                "attributes": attributes,
            },
        )  # fmt: skip
        record_exchange(
            session.partner, "out", "match_found", actor=None, objects=number,
            sha256=sha256(blob), detail={"session": str(session.uid)},
        )  # fmt: skip

"""Answering a partner that asks how many of its values we hold, and, if a person agrees, which."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from cases.errors import CaseError
from cases.matching import count, reveal, transcript
from cases.matching.padding import FEWEST, MOST, TAG, padded
from cases.matching.transcript import BadTranscript, check_next, digest_of, sha256
from cases.models import MatchKey, MatchSession, Partner
from cases.services.match_session import MatchRefused, move, peer_key, signed, split, whole
from cases.services.match_set import asks_left, found_in, key_for, seed_of
from cases.services.nudge import after_commit
from cases.services.partner import record_exchange
from ingest.models import Job
from ingest.services.jobs import Cancelled, Hold, Superseded, take

KIND = "match answer"
State = MatchSession.State


def door_key(partner: Partner) -> MatchKey | None:
    """The key that a partner would match under now; None while its set is being made."""
    key = key_for(partner)
    return key if key.ready_at else None


@transaction.atomic
def receive_ask(partner: Partner, uid, statement: dict, points: bytes) -> MatchSession:
    """Take an ask, once: the same one again is the same session, another with its id is refused.

    Raises MatchRefused with what is wrong; 429 when the quota of the epoch is used up.
    """
    partner = Partner.objects.select_for_update().get(pk=partner.pk)  # one quota, one ask at a time
    known = partner.match_sessions.filter(uid=uid).first()
    body = checked([], statement, uid, partner)
    if known:
        if known.ours or digest_of(known.transcript[0]) != digest_of(statement):
            raise MatchRefused("session: this id was used for another ask", 409)
        return known
    key = key_for(partner)
    if not key.ready_at or str(key.uid) != body.get("match_key"):
        raise MatchRefused("match_key: another one is in use now: read key/ and ask anew", 410)
    asked = whole(body, "asked", FEWEST, MOST)
    given = split(points, count.POINT, "points")
    if len(given) != asked or padded(asked) != asked:
        raise MatchRefused("asked: must be the padded number of the points sent", 400)
    if body.get("points_sha256") != sha256(points):
        raise MatchRefused("points_sha256: not that of the points sent", 400)
    asks, values = asks_left(partner)
    if not asks or values < asked:
        raise MatchRefused(
            f"quota: {asks:,} asks and {values:,} values are left in epoch {partner.epoch}", 429
        )
    session = MatchSession.objects.create(
        uid=uid,
        partner=partner,
        ours=False,
        key=key,
        epoch=key.epoch,
        kinds=key.kinds,
        asked=asked,
        points=points,
        transcript=[statement],
        job=Job.objects.create(kind=KIND, total=1),
    )
    record_exchange(
        partner, "in", "match_asked", actor=None, objects=asked, sha256=sha256(points),
        detail={"session": str(uid), "key": str(key.uid)},
    )  # fmt: skip
    after_commit("answer_matches")
    return session


def answer_waiting(limit: int = 5) -> int:
    """The sweep: answer what partners asked. Returns how many were answered."""
    done = 0
    while done < limit and (taken := take(Job.objects.filter(match_session__isnull=False), KIND)):
        hold = Hold(taken[0])
        session = MatchSession.objects.select_related("key", "partner").get(job=hold.job)
        try:
            _answer(session, hold)
        except (Superseded, Cancelled):
            continue
        except count.BadPoints as error:
            hold.fail(str(error))
            MatchSession.objects.filter(pk=session.pk).update(
                state=State.FAILED, problem=f"points: {error}"[:300], points=b""
            )
        except Exception as error:
            hold.fail(f"{type(error).__name__}: {error}")
            raise
        done += 1
    return done


@transaction.atomic
def hear(partner: Partner, uid, statement: dict, tags: bytes = b"") -> MatchSession:
    """Take the asker's next statement: its count, its wish for names, or what it found.

    The last one again changes nothing. Raises MatchRefused.
    """
    session = MatchSession.objects.select_for_update().filter(
        partner=partner, uid=uid, ours=False
    ).first()  # fmt: skip
    if session is None:
        raise MatchRefused("session: there is none of this id", 404)
    if _said_already(session, statement):
        return session
    body = checked(session.transcript, statement, uid, partner)
    chain = [*session.transcript, statement]
    told = {}
    if body["step"] == "count":
        told = {"count": whole(body, "count", 0, session.asked)}
        session = move(
            session, when=State.ANSWERED, to=State.COUNTED, transcript=chain, answer=b"", **told
        )
    elif body["step"] == "want":
        if session.key.retired_at:
            raise MatchRefused("key: it was retired since: ask anew", 410)
        session = move(session, when=State.COUNTED, to=State.WANTED, transcript=chain)
    elif body["step"] == "found":
        session = _found(session, body, chain, tags)
        told = {"found": len(session.found)}
    else:
        raise MatchRefused(f"step: {body['step']} is not said here", 400)
    record_exchange(
        partner, "in", f"match_{body['step']}", actor=None, detail={"session": str(uid), **told}
    )
    return session


@transaction.atomic
def agree(session: MatchSession, *, actor: User) -> MatchSession:
    """Let the partner learn which of its values we hold, and tell us the same ones."""
    return _reply(session, "agree", State.AGREED, actor)


@transaction.atomic
def refuse(session: MatchSession, *, actor: User) -> MatchSession:
    """Leave it at the number."""
    return _reply(session, "refuse", State.REFUSED, actor)


@transaction.atomic
def evaluate(partner: Partner, uid, start: int, points: bytes) -> bytes:
    """Evaluate one chunk of an agreed matching, once: the same chunk again gives the same answer.

    Raises MatchRefused: no value is evaluated that was not in the padded number that was asked.
    """
    session = (
        MatchSession.objects.select_for_update(of=("self",))
        .select_related("key")
        .filter(partner=partner, uid=uid, ours=False)
        .first()
    )
    if session is None:
        raise MatchRefused("session: there is none of this id", 404)
    if session.state != State.AGREED:
        raise MatchRefused(f"session: it is {session.get_state_display()}, not agreed", 409)
    if session.key.retired_at:
        raise MatchRefused("key: it was retired since: ask anew", 410)
    given = split(points, reveal.POINT, "points")
    if start % reveal.CHUNK or len(given) != min(reveal.CHUNK, session.asked - start):
        raise MatchRefused(
            f"start: chunks have {reveal.CHUNK:,} points, the last one what is left", 400
        )
    digest = sha256(points)
    if session.evaluated.setdefault(str(start), digest) != digest:
        raise MatchRefused("start: other points were evaluated there already", 409)
    session.save(update_fields=["evaluated"])
    try:
        return reveal.evaluate(given, seed_of(session.key))
    except reveal.BadEvaluation as error:
        raise MatchRefused(f"points: {error}", 400) from None


def checked(chain: list[dict], statement: dict, uid, partner: Partner) -> dict:
    """A statement's body, signed by the partner and next in the chain. Raises MatchRefused."""
    try:
        told = transcript.key_of(statement)
        return check_next(chain, statement, str(uid), key=peer_key(partner, told))
    except BadTranscript as error:
        raise MatchRefused(str(error), 400) from None


def _answer(session: MatchSession, hold: Hold) -> None:
    seed = seed_of(session.key)
    points = split(bytes(session.points), count.POINT, "points")
    hold.beat(step=f"{len(points):,} points", total=1)
    answer = b"".join(count.answer(points, count.scalar_from(seed)))
    key = session.key
    statement = signed(
        session.transcript, "answer", session.uid, answer_sha256=sha256(answer), held=key.held,
        count_sha256=key.count_sha256, reveal_sha256=key.reveal_sha256,
        public_key=bytes(key.public_key).hex(),
    )  # fmt: skip
    with transaction.atomic():
        move(
            session, when=State.WAITING, to=State.ANSWERED, answer=answer, points=b"",
            transcript=[*session.transcript, statement],
        )  # fmt: skip
        record_exchange(
            session.partner, "out", "match_answered", actor=None, objects=len(points),
            sha256=sha256(answer), detail={"session": str(session.uid)},
        )  # fmt: skip
        hold.finish()


def _found(session: MatchSession, body: dict, chain: list[dict], tags: bytes) -> MatchSession:
    number = whole(body, "found", 0, session.asked)
    if body.get("tags_sha256") != sha256(tags):
        raise MatchRefused("tags_sha256: not that of the tags sent", 400)
    given = split(tags, TAG, "tags") if tags else []
    if len(given) != number or len(set(given)) != number:
        raise MatchRefused("found: not the number of the tags sent", 400)
    found = found_in(session.key, given)
    problem = ""
    if number != session.count:
        problem = f"it counted {session.count:,} and named {number:,}"
    return move(
        session, when=State.AGREED, to=State.NAMED, transcript=chain, found=found, problem=problem
    )


def _reply(session: MatchSession, step: str, to: str, actor: User) -> MatchSession:
    session = MatchSession.objects.select_for_update().get(pk=session.pk)
    if session.ours:
        raise CaseError("We asked this one: the partner says yes or no.")
    if session.state != State.WANTED:
        raise CaseError(f"This matching is {session.get_state_display()}. Reload to see it.")
    statement = signed(session.transcript, step, session.uid)
    session = move(
        session, when=State.WANTED, to=to, transcript=[*session.transcript, statement],
        agreed_by=actor, agreed_at=timezone.now(),
    )  # fmt: skip
    record_exchange(
        session.partner, "out", f"match_{step}", actor=actor, detail={"session": str(session.uid)}
    )
    return session


def _said_already(session: MatchSession, statement: dict) -> bool:
    """Whether it is the last of the asker's statements here, sent once more."""
    theirs = [one for one in session.transcript if one["statement"]["by"] == transcript.ASKER]
    try:
        return bool(theirs) and digest_of(theirs[-1]) == digest_of(statement)
    except (KeyError, TypeError):
        return False

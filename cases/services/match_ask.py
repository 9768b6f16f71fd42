"""Asking a partner how many of a case's values it holds, and, once both desks agreed, which.

The row is the work: each step is stored before it is sent, and sent again until the partner says
that it has it, so a fault at any place costs a repeat and no second ask.
"""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from cases.connectors.matching import Door, Later, Refused, decoded
from cases.crypto import seal, unseal
from cases.errors import CaseError, NotAllowed
from cases.matching import count, transcript
from cases.matching.canonical import KINDS, canonical, epoch_key, items
from cases.matching.padding import MOST, tags_of
from cases.matching.transcript import BadTranscript, check_next, sha256
from cases.models import Case, MatchSession, Partner, TimelineEvent
from cases.services.match_name import name_them
from cases.services.match_session import MatchRefused, move, peer_key, signed, split
from cases.services.match_set import kinds_with, matchable_attributes
from cases.services.nudge import after_commit
from cases.services.partner import login_header, pairwise_secret, record_exchange
from cases.services.timeline import append_event
from ingest.models import Attribute, Job
from ingest.services.jobs import Cancelled, Hold, Superseded, take

KIND = "match ask"
PURPOSE = "private matching scalar"
State = MatchSession.State
PATIENCE = timedelta(days=14)  # then a partner that says nothing is not asked any more
SLOWEST = 300.0  # seconds between two looks


@transaction.atomic
def ask_partner(case: Case, partner: Partner, *, actor: User) -> MatchSession:
    """Ask how many of the case's values the partner holds. A worker does it; nothing is named.

    Raises CaseError when there is nothing to ask or nobody to ask.
    """
    case = Case.objects.select_for_update().get(pk=case.pk)
    if not partner.enabled or not partner.taxii_url:
        raise CaseError(f"{partner} is switched off, or its server is not known: ask its owner.")
    if case.verdict == Case.Verdict.BENIGN:
        raise CaseError(f"{case.ref} was found benign: nobody is asked about it.")
    if case.tlp == Case.TLP.RED:
        raise CaseError(f"{case.ref} is TLP:RED: nobody outside is asked about it.")
    if case.match_sessions.filter(partner=partner, state__in=[State.WAITING, State.ANSWERED]):
        raise CaseError(f"{partner} is being asked about {case.ref} already. Wait for the answer.")
    rows = matchable_attributes(kinds_with(partner), case).values_list("pk", "kind", "value")
    attributes = [pk for pk, kind, value in rows[: MOST + 1] if canonical(kind, value)]
    if not attributes:
        raise CaseError(f"{case.ref} has no value that is matched with {partner}: {_kinds()}.")
    if len(attributes) > MOST:
        raise CaseError(f"{case.ref} has more than {MOST:,} values: ask about a part of it.")
    session = MatchSession.objects.create(
        partner=partner,
        ours=True,
        case=case,
        epoch=partner.epoch,
        kinds=kinds_with(partner),
        attributes=attributes,
        values=len(attributes),
        sealed_scalar=seal(count.new_scalar(), purpose=PURPOSE),
        job=Job.objects.create(kind=KIND, started_by=actor, total=3),
        poll_at=timezone.now(),
        asked_by=actor,
    )
    _record(session, TimelineEvent.Kind.MATCH_ASKED, actor, values=len(attributes))
    after_commit("ask_partners")
    return session


@transaction.atomic
def want_names(session: MatchSession, *, actor: User) -> MatchSession:
    """Our second person wants to know which: the partner's people are asked. Raises CaseError."""
    session = MatchSession.objects.select_for_update().get(pk=session.pk)
    if not session.ours or session.state != State.COUNTED:
        raise CaseError(f"This matching is {session.get_state_display()}. Reload to see it.")
    if session.asked_by_id == actor.pk:
        raise NotAllowed("You asked for the number: another person asks for the names.")
    if not session.count:
        raise CaseError("Nothing is held by both: there is nothing to name.")
    statement = signed(session.transcript, "want", session.uid)
    session = move(
        session, when=State.COUNTED, to=State.WANTED, agreed_by=actor, agreed_at=timezone.now(),
        transcript=[*session.transcript, statement], poll_at=timezone.now(), polls=0,
    )  # fmt: skip
    Job.objects.filter(pk=session.job_id).update(
        state=Job.State.WAITING, step="waiting for the partner's people", done=0, total=3,
        finished_at=None,
    )  # fmt: skip
    _record(session, TimelineEvent.Kind.MATCH_NAMES_WANTED, actor, count=session.count)
    after_commit("ask_partners")
    return session


def ask_waiting(limit: int = 10) -> int:
    """The sweep: bring each matching that is due one step further. Returns how many were looked
    at."""
    looked = 0
    while looked < limit:
        due = Job.objects.filter(match_session__poll_at__lte=timezone.now())
        taken = take(due, KIND)
        if taken is None:
            break
        _advance(Hold(taken[0]))
        looked += 1
    return looked


def _advance(hold: Hold) -> None:
    session = MatchSession.objects.select_related("partner", "case").get(job=hold.job)
    try:
        door = door_of(session.partner)
        if _step(session, door, hold):
            return
        _again(session, hold)
    except (Superseded, Cancelled):
        return
    except Later as error:
        _again(session, hold, f"{session.partner}: {error}")
    except (Refused, MatchRefused, BadTranscript, count.BadPoints, CaseError) as error:
        _fail(session, hold, str(error))
    except Exception as error:
        hold.fail(f"{type(error).__name__}: {error}")
        raise


def door_of(partner: Partner) -> Door:
    return Door.beside(partner.taxii_url, login_header(partner), partner.allowed_private_hosts)


def _step(session: MatchSession, door: Door, hold: Hold) -> bool:
    """Everything that can be done now. True: the job came to an end."""
    if session.state == State.WAITING:
        if not session.transcript:
            hold.beat(step="asking for its key", done=0, total=3)
            _write_ask(session, door)
        hold.beat(step=f"asking with {session.asked:,} points", done=1)
        told = door.put_ask(str(session.uid), session.transcript[0], bytes(session.points))
        if not _hear_answer(session, told, hold):
            return False
    if session.state == State.ANSWERED:
        hold.beat(step="counting", done=2)
        _count(session, door)
    if session.state == State.COUNTED:
        door.say(str(session.uid), session.transcript[-1])
        hold.finish()
        return True
    if session.state == State.WANTED:
        _hear_reply(session, door)
    if session.state == State.AGREED:
        name_them(session, door, hold)
    if session.state == State.NAMED:
        tags = bytes(session.answer)
        door.say(str(session.uid), session.transcript[-1], tags)
        MatchSession.objects.filter(pk=session.pk).update(answer=b"")
    if session.state in (State.NAMED, State.REFUSED):
        hold.finish()
        return True
    return False


def _write_ask(session: MatchSession, door: Door) -> None:
    """Blind the values under the partner's key of now, and keep what will be sent."""
    told = door.key()
    partner = session.partner
    if told.get("epoch") != session.epoch:
        raise Refused(
            f"It is in epoch {str(told.get('epoch'))[:20]}, we asked in epoch {session.epoch}: "
            "begin the same epoch on both desks and ask anew.", 422,
        )  # fmt: skip
    peer = decoded(told, "signing_key")
    if peer_key(partner, peer) != peer:
        raise Refused(
            "Its signing key is not the one it is known by. If it rotated it, and said so in "
            "person: manage.py match trust", 422,
        )  # fmt: skip
    theirs = told.get("kinds")
    kinds = [kind for kind in session.kinds if isinstance(theirs, list) and kind in theirs]
    rows = [row for row in _values(session) if row[1] in kinds]
    secret = epoch_key(pairwise_secret(partner), session.epoch)
    found = items(secret, [(kind, value) for _, kind, value in rows])
    if not found:
        raise Refused(f"It matches none of the kinds that we would ask about: {_kinds()}.", 422)
    points = count.blind(found, unseal(session.sealed_scalar, purpose=PURPOSE))
    blob = b"".join(points)
    statement = signed(
        [], "ask", session.uid, match_key=str(told.get("key"))[:40],
        epoch=session.epoch, kinds=kinds, asked=len(points), points_sha256=sha256(blob),
    )  # fmt: skip
    with transaction.atomic():
        move(
            session, when=State.WAITING, to=State.WAITING, transcript=[statement], points=blob,
            asked=len(points), values=len(found), kinds=kinds,
            attributes=[row[0] for row in rows],
        )  # fmt: skip
        record_exchange(
            partner, "out", "match_asked", actor=session.asked_by, objects=len(points),
            sha256=sha256(blob), detail={"session": str(session.uid), "case": session.case.ref},
        )  # fmt: skip


def _hear_answer(session: MatchSession, told: dict, hold: Hold) -> bool:
    """Whether the answer is there; it is kept before anything is done with it."""
    chain = told.get("transcript")
    if told.get("state") == State.FAILED:
        raise Refused(f"It failed there: {str(told.get('problem'))[:200]}", 422)
    if not isinstance(chain, list) or len(chain) < 2:
        return False
    body = check_next(
        session.transcript, chain[1], str(session.uid),
        key=peer_key(session.partner, transcript.key_of(chain[1])),
    )  # fmt: skip
    if body["step"] != "answer":
        raise Refused(f"It said {body['step']} where an answer was due.", 422)
    answer = decoded(told, "answer")
    if sha256(answer) != body.get("answer_sha256"):
        raise Refused("Its answer is not the one that it signed.", 422)
    with transaction.atomic():
        move(
            session, when=State.WAITING, to=State.ANSWERED, answer=answer, points=b"",
            transcript=[*session.transcript, chain[1]],
        )  # fmt: skip
    return True


def _count(session: MatchSession, door: Door) -> None:
    """Count, say it, and forget the scalar: nobody can open this ask again."""
    ask, answer = (one["statement"] for one in session.transcript[:2])
    theirs = door.tags(ask["match_key"], "count")
    if sha256(theirs) != answer.get("count_sha256"):
        raise Refused("Its set is not the one that it signed.", 422)
    points = split(bytes(session.answer), count.POINT, "answer")
    if len(points) != session.asked:
        raise Refused(f"It answered {len(points):,} points, asked were {session.asked:,}.", 422)
    scalar = unseal(session.sealed_scalar, purpose=PURPOSE)
    number = min(count.count(points, scalar, tags_of(theirs)), session.values)
    statement = signed(session.transcript, "count", session.uid, count=number)
    with transaction.atomic():
        move(
            session, when=State.ANSWERED, to=State.COUNTED, count=number, answer=b"",
            sealed_scalar=b"", transcript=[*session.transcript, statement],
        )  # fmt: skip
        _record(
            session, TimelineEvent.Kind.MATCH_COUNTED, None, count=number, values=session.values
        )
        record_exchange(
            session.partner, "in", "match_counted", actor=None, objects=number,
            detail={"session": str(session.uid)},
        )  # fmt: skip


def _hear_reply(session: MatchSession, door: Door) -> None:
    """Say that we want names, and see whether its people said yes or no."""
    wish = next(one for one in session.transcript if one["statement"]["step"] == "want")
    told = door.session(str(session.uid))
    chain = told.get("transcript")
    place = len(session.transcript)
    if not isinstance(chain, list) or len(chain) < place:
        told = door.say(str(session.uid), wish)
        chain = told.get("transcript")
    if told.get("state") == State.FAILED:
        raise Refused(f"It ended there: {str(told.get('problem'))[:200]}", 422)
    if not isinstance(chain, list) or len(chain) <= place:
        return
    reply = chain[place]
    body = check_next(
        session.transcript, reply, str(session.uid),
        key=peer_key(session.partner, transcript.key_of(reply)),
    )  # fmt: skip
    with transaction.atomic():
        to = State.AGREED if body["step"] == "agree" else State.REFUSED
        move(session, when=State.WANTED, to=to, transcript=[*session.transcript, reply])
        record_exchange(
            session.partner, "in", f"match_{body['step']}", actor=None,
            detail={"session": str(session.uid)},
        )  # fmt: skip


def _values(session: MatchSession) -> list[tuple[int, str, str]]:
    return list(
        Attribute.objects.filter(pk__in=session.attributes)
        .order_by("pk")
        .values_list("pk", "kind", "value")
    )


def _again(session: MatchSession, hold: Hold, problem: str = "") -> None:
    if timezone.now() - session.asked_at > PATIENCE:
        _fail(session, hold, problem or "the partner said nothing for two weeks")
        return
    wait = min(SLOWEST, 2.0 * 1.5 ** min(session.polls, 20))
    MatchSession.objects.filter(pk=session.pk).update(
        poll_at=timezone.now() + timedelta(seconds=wait), polls=session.polls + 1,
        problem=problem[:300],
    )  # fmt: skip
    hold.release()


def _fail(session: MatchSession, hold: Hold, problem: str) -> None:
    with transaction.atomic():
        hold.fail(problem)
        MatchSession.objects.filter(pk=session.pk).exclude(
            state__in=[State.NAMED, State.REFUSED]
        ).update(
            state=State.FAILED, problem=problem[:300], points=b"", answer=b"", sealed_scalar=b""
        )  # fmt: skip


def _record(session: MatchSession, kind: TimelineEvent.Kind, actor: User | None, **facts) -> None:
    append_event(
        session.case,
        kind,
        actor=actor,
        content={"partner": session.partner.name, "session": str(session.uid), **facts},
    )


def _kinds() -> str:
    return ", ".join(KINDS)

import base64
import binascii
import json
import time
import uuid

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from cases.errors import CaseError
from cases.matching.transcript import BadTranscript, check_all
from cases.models import Case, MatchSession, Partner
from cases.services import match_answer, match_ask, match_set
from cases.services.match_session import peer_key, trust_key
from cases.services.signing import signing_key
from ingest.models import Attribute

SHARERS = {"analyst", "lead", "counsel"}
APPROVERS = {"lead", "counsel"}
ACTS = ("list", "ask", "want", "agree", "refuse", "show", "rotate", "trust", "run")


class Command(BaseCommand):
    help = (
        "Private matching (docs/matching.md). list: all of them. ask PARTNER CASE: how many of the "
        "case's values does it hold. want ID: which (a second person). agree or refuse ID: answer "
        "a partner that wants names. show ID: the numbers, the names once both agreed, and whether "
        "the transcript holds. rotate PARTNER: a new key and set. trust PARTNER KEY: its signing "
        "key, base64, when it told another one in person. run: do what waits now, without a worker."
    )

    def add_arguments(self, parser):
        parser.add_argument("act", choices=ACTS)
        parser.add_argument("what", nargs="*", metavar="PARTNER, CASE, ID or KEY")
        parser.add_argument("--actor", help="username of who does it")
        parser.add_argument(
            "--json", action="store_true", help="show: as JSON, with the transcript"
        )
        parser.add_argument("--seconds", type=float, default=30, help="run: at most so long")

    def handle(self, *, act, what, actor, seconds, **options):
        needed = {"ask": 2, "trust": 2, "list": 0, "run": 0}.get(act, 1)
        if len(what) != needed:
            raise CommandError(f"{act} takes {needed} words after it, not {len(what)}.")
        try:
            getattr(self, act)(*what, actor=actor, seconds=seconds, **options)
        except CaseError as error:
            raise CommandError(str(error)) from None

    def list(self, **options):
        rows = MatchSession.objects.select_related("partner", "case")
        for one in rows.only("uid", "ours", "state", "count", "asked", "values", "problem",
                             "asked_at", "partner__name", "case__number")[:200]:  # fmt: skip
            number = "–" if one.count is None else f"{one.count:,}"
            about = f"{one.case.ref} to" if one.ours else "asked by"
            of = f" of {one.values:,}" if one.ours and one.values else ""
            self.stdout.write(
                f"{one.uid}  {one.asked_at:%Y-%m-%d %H:%M}  {about} {one.partner.name}: "
                f"{one.get_state_display()}, {number}{of} in common"
                + (f" ({one.problem})" if one.problem else "")
            )

    def ask(self, partner, ref, *, actor, **options):
        number = ref.removeprefix("C-")
        case = Case.objects.filter(number=int(number)).first() if number.isdigit() else None
        if case is None:
            raise CommandError(f"there is no case {ref!r}")
        person = self._person(actor, SHARERS)
        self.stdout.write(
            str(match_ask.ask_partner(case, self._partner(partner), actor=person).uid)
        )

    def want(self, uid, *, actor, **options):
        match_ask.want_names(self._session(uid, ours=True), actor=self._person(actor, APPROVERS))

    def agree(self, uid, *, actor, **options):
        match_answer.agree(self._session(uid, ours=False), actor=self._person(actor, APPROVERS))

    def refuse(self, uid, *, actor, **options):
        match_answer.refuse(self._session(uid, ours=False), actor=self._person(actor, APPROVERS))

    def show(self, uid, **options):
        session = self._session(uid)
        held = self._transcript_holds(session)
        found = Attribute.objects.filter(pk__in=session.found or []).order_by("kind", "value")
        if options["json"]:
            told = {
                "session": str(session.uid), "state": session.state, "count": session.count,
                "asked_padded": session.asked, "values": session.values,
                "found": None if session.found is None else [[a.kind, a.value] for a in found],
                "transcript_holds": held == "holds", "transcript": session.transcript,
            }  # fmt: skip
            self.stdout.write(json.dumps(told, indent=1))
            return
        number = "not counted" if session.count is None else f"{session.count:,} in common"
        self.stdout.write(f"{session.get_state_display()}: {number} (asked as {session.asked:,})")
        self.stdout.write(f"transcript: {len(session.transcript)} statements, {held}")
        for one in found:
            self.stdout.write(f"{one.kind}\t{one.value}")

    def rotate(self, partner, *, actor, **options):
        key = match_set.rotate(self._partner(partner), actor=self._person(actor, APPROVERS))
        self.stdout.write(f"{key.uid} is being made; the one before is gone")

    def trust(self, partner, key, *, actor, **options):
        try:
            known = base64.b64decode(key, validate=True)
        except (binascii.Error, ValueError):
            raise CommandError("the key must be base64 of 32 bytes") from None
        trust_key(self._partner(partner), known, actor=self._person(actor, APPROVERS))

    def run(self, *, seconds, **options):
        """Until nothing here is due, or the seconds are over."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            worked = match_set.build_waiting() + match_answer.answer_waiting()
            worked += match_ask.ask_waiting(limit=5)
            due = MatchSession.objects.filter(
                ours=True, job__state="waiting", poll_at__lte=timezone.now()
            )
            if not worked and not due.exists():
                return

    def _transcript_holds(self, session: MatchSession) -> str:
        ours = bytes(signing_key()[0].public_key)
        if not session.transcript:
            return "none yet"
        theirs = peer_key(session.partner, ours)
        asker, answerer = (ours, theirs) if session.ours else (theirs, ours)
        try:
            check_all(session.transcript, str(session.uid), asker=asker, answerer=answerer)
        except BadTranscript as error:
            return f"DOES NOT HOLD: {error}"
        return "holds"

    def _partner(self, slug: str) -> Partner:
        partner = Partner.objects.filter(slug=slug).first()
        if partner is None:
            raise CommandError(f"no partner is called {slug!r}")
        return partner

    def _session(self, uid: str, ours: bool | None = None) -> MatchSession:
        try:
            known = uuid.UUID(uid)
        except ValueError:
            raise CommandError(f"{uid!r} is no id of a matching") from None
        rows = MatchSession.objects.filter(uid=known).select_related("partner")
        session = (rows if ours is None else rows.filter(ours=ours)).first()
        if session is None:
            raise CommandError(f"there is no such matching: {uid}")
        return session

    def _person(self, username: str | None, roles: set[str]) -> User:
        user = User.objects.filter(username=username or "", is_active=True).first()
        if user is None or not Group.objects.filter(user=user, name__in=roles).exists():
            raise CommandError(f"--actor must be one of: {', '.join(sorted(roles))}")
        return user

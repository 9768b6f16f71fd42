"""The tries of one round: what each thread asks of the platform. None of them touches a row."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils import timezone

from cases.connectors.protocol import CannotCarry, Carrier, Command, Endpoint, Wire
from cases.services.connect import open_carrier
from cases.services.lease import BREAKER, Lease
from cases.services.outcome import Verdict, after_answer, after_failure, after_read_back
from cases.services.wanted import Wanted, command_of, wanted_of, why_not
from ingest.outbound import NoAnswer, NotSent


@dataclass
class Try:
    """One item's turn. verdict None: nothing was asked, or reading it said that it may be sent."""

    lease: Lease
    carrier: Carrier
    wire: Wire
    wanted: Wanted
    command: Command
    ready: bool = False  # it was read, and the order may be sent
    verdict: Verdict | None = None
    state_before: str = ""
    native_before: Mapping = field(default_factory=dict)

    @property
    def tried(self) -> bool:
        return bool(self.wire.said) or self.verdict is not None

    @property
    def may_ask_again(self) -> bool:
        """A second try is no second effect: the key is honoured, or the state can be read first."""
        return self.carrier.honours_key or self.carrier.reads_back


class Round:
    """All tries of a round. `ended`: their verdicts, in the order in which they came."""

    def __init__(self, kind: str, endpoint: Endpoint, leases: list[Lease]):
        wanted = wanted_of(leases)
        self.tries = []
        for lease in leases:
            carrier, wire = open_carrier(kind, endpoint)
            mine = wanted[lease.item.pk]
            self.tries.append(Try(lease, carrier, wire, mine, command_of(lease, mine)))
        self.ended: list[Verdict] = []
        self._stop = threading.Event()

    def read(self, one: Try) -> None:
        """What the account is now; ready when the order is still to be sent."""
        if self._stop.is_set():
            return
        if not one.carrier.reads_back:
            self._unread(one)
            return
        try:
            reading = one.carrier.read(one.command.target)
        except (NotSent, NoAnswer) as error:
            self._end(one, after_failure(error, timezone.now(), sent=False))
            return
        except CannotCarry as error:
            self._end(one, Verdict("failed", "well", str(error)))
            return
        one.state_before = reading.state or "active"
        one.native_before = reading.native
        if one.carrier.holds(reading, one.command):
            self._end(one, Verdict("done", "well", state=one.command.state))
        elif reason := why_not(one.lease, one.wanted, reading.state):
            self._end(one, Verdict("skipped", "well", reason))
        else:
            one.ready = True

    def send(self, one: Try) -> None:
        """Send the order and read it back."""
        if self._stop.is_set():
            return
        carrier, command = one.carrier, one.command
        try:
            answer = carrier.revert(command) if one.wanted.reverses else carrier.apply(command)
        except NotSent as error:
            self._end(one, after_failure(error, timezone.now(), sent=False))
            return
        except NoAnswer as error:
            self._end(one, after_failure(error, timezone.now(), sent=True))
            return
        except CannotCarry as error:
            self._end(one, Verdict("failed", "well", str(error)))
            return
        verdict = after_answer(answer, timezone.now())
        if verdict is None and not carrier.reads_back:
            says = "accepted; this platform cannot be read back"
            verdict = Verdict("done", "well", says, answer.status, state=command.state)
        elif verdict is None:
            try:
                reading = carrier.read(command.target)
            except (NotSent, NoAnswer) as error:
                reading, holds = error, False
            else:
                holds = carrier.holds(reading, command)
            verdict = after_read_back(answer, reading, command, holds, timezone.now())
        self._end(one, verdict)

    def _unread(self, one: Try) -> None:
        """A platform that cannot be read: what we believe of the account stands for a reading."""
        believed = one.lease.item.account.state
        one.state_before = believed
        reason = why_not(one.lease, one.wanted, believed)
        if one.lease.sent_before and (reason or not one.may_ask_again):
            self._end(one, Verdict("person", "", reason or "it may have been sent"))
        elif reason:
            self._end(one, Verdict("skipped", "", reason))
        else:
            one.ready = True

    def _end(self, one: Try, verdict: Verdict) -> None:
        one.verdict, one.ready = verdict, False
        self.ended.append(verdict)
        ill = sum(each.connector == "ill" for each in self.ended)
        if verdict.connector in ("slow", "gone") or ill >= BREAKER:
            self._stop.set()

"""Evidence packets: asked for here, built by a worker, sealed with an event."""

import logging
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from django.contrib.auth.models import User
from django.core.files import File
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.utils import timezone

from cases.crypto import derive
from cases.errors import CaseError
from cases.evidence.bag import sha256
from cases.evidence.build import STEPS, Signer, build_packet
from cases.evidence.profiles import PROFILES
from cases.models import Case, EvidencePacket, SigningKey, TimelineEvent
from cases.services.nudge import after_commit
from cases.services.signing import public_pem, signing_key
from cases.services.timeline import append_event
from ingest.models import Job
from ingest.services.jobs import Superseded, to_take

log = logging.getLogger(__name__)

GIVEN_UP = timedelta(hours=6)  # a packet that kills every worker is not tried for ever
BEAT = 2.0


@transaction.atomic
def request_packet(
    case: Case, *, actor: User, profile: str = EvidencePacket.Profile.INTERNAL
) -> EvidencePacket:
    """Ask for a packet; job says how far it is. One at a time is built for a case."""
    if profile not in PROFILES:
        raise CaseError(f"There is no profile {profile!r}: {', '.join(PROFILES)}.")
    case = Case.objects.select_for_update().get(pk=case.pk)
    unfinished = [Job.State.WAITING, Job.State.RUNNING]
    if case.packets.filter(job__state__in=unfinished).exists():
        raise CaseError(f"A packet of {case.ref} is being built already. Wait for it.")
    job = Job.objects.create(kind="packet", started_by=actor, total=len(STEPS))
    packet = EvidencePacket.objects.create(
        case=case, job=job, as_of=timezone.now(), requested_by=actor, profile=profile
    )
    append_event(
        case,
        TimelineEvent.Kind.PACKET_REQUESTED,
        actor=actor,
        content={"packet": packet.pk, "profile": profile},
    )
    after_commit("seal_packet", packet.pk)
    return packet


def seal_waiting(limit: int = 10) -> int:
    """The sweep: seal what waits, and what a dead worker left. Returns how many were sealed."""
    waiting = Job.objects.filter(to_take(), kind="packet")
    waiting.filter(created_at__lt=timezone.now() - GIVEN_UP).update(
        state=Job.State.FAILED,
        error="given up: no worker brought it to an end",
        finished_at=timezone.now(),
    )
    packets = EvidencePacket.objects.filter(job__in=waiting).order_by("pk")[:limit]
    return sum(seal_packet(pk) for pk in list(packets.values_list("pk", flat=True)))


def seal_packet(pk: int) -> bool:
    """Build and seal one packet. False: it is sealed, failed, or in another worker's hands.

    A failure is written to the job and raised.
    """
    packet = EvidencePacket.objects.select_related("case", "requested_by").get(pk=pk)
    progress = Progress.take(packet.job_id)
    if progress is None:
        return False
    try:
        key, secret = signing_key()
        signer = Signer(key.key_id, secret.sign, public_pem(key.public_key))
        with tempfile.TemporaryDirectory() as folder:
            path, as_of, head = build_packet(
                packet.case_id,
                Path(folder),
                by=packet.requested_by.get_username(),
                profile=PROFILES[packet.profile],
                secret=derive(f"packet {packet.pk}"),
                signer=signer,
                step=progress.step,
                beat=progress.beat,
            )
            _store(packet, path, as_of, head, key, progress)
    except Superseded:
        log.warning("packet %s was taken by another worker", pk)
        return False
    except Exception as error:
        progress.fail(f"{type(error).__name__}: {error}")
        raise
    finally:
        progress.close()
    return True


@transaction.atomic
def record_download(packet: EvidencePacket, *, actor: User) -> None:
    """Write down who took the packet. Raises CaseError before it is sealed."""
    packet.refresh_from_db()
    if packet.sealed_at is None:
        raise CaseError("This packet is not sealed yet.")
    append_event(
        packet.case,
        TimelineEvent.Kind.PACKET_DOWNLOADED,
        actor=actor,
        content={"packet": packet.pk, "sha256": packet.sha256},
    )


def custody_of(packet: EvidencePacket) -> list[dict]:
    """Who asked for this packet, sealed and took it, as the timeline says it, until now."""
    events = TimelineEvent.objects.filter(
        case=packet.case, kind__startswith="packet_", content__body__packet=packet.pk
    )
    return [
        {
            "at": event.at,
            "who": event.actor.get_username() if event.actor else "the desk",
            "what": event.kind,
            "about": event.content.body,
            "event": event.seq,
            "hash": event.hash,
        }
        for event in events.select_related("actor", "content").order_by("seq")
    ]


class Progress:
    """A worker's hold on a job: steps and signs of life, fenced by the last of them.

    Has a connection of its own, since what the snapshot's transaction writes is seen by nobody
    until it ends (and it may not write at all); inside a caller's transaction it uses the caller's.
    """

    def __init__(self, job_pk: int, beat_at):
        self.job_pk, self._beat_at, self._done = job_pk, beat_at, 0
        self._own = not connection.in_atomic_block
        self._connection = (
            connections.create_connection(DEFAULT_DB_ALIAS) if self._own else connection
        )
        self._last = time.monotonic()

    @classmethod
    def take(cls, job_pk: int) -> "Progress | None":
        now = timezone.now()
        taken = Job.objects.filter(to_take(), pk=job_pk).update(
            state=Job.State.RUNNING, beat_at=now, step="", done=0, total=len(STEPS), error=""
        )
        return cls(job_pk, now) if taken else None

    def step(self, name: str) -> None:
        self._write("step = %s, done = %s", [name, self._done])
        self._done += 1

    def beat(self) -> None:
        if time.monotonic() - self._last >= BEAT:
            self._write("done = done", [])

    def done(self) -> None:
        """End the job inside the caller's transaction."""
        now = timezone.now()
        ended = Job.objects.filter(
            pk=self.job_pk, state=Job.State.RUNNING, beat_at=self._beat_at
        ).update(state=Job.State.DONE, step="", done=len(STEPS), beat_at=now, finished_at=now)
        if not ended:
            raise Superseded

    def fail(self, problem: str) -> None:
        Job.objects.filter(pk=self.job_pk, state=Job.State.RUNNING, beat_at=self._beat_at).update(
            state=Job.State.FAILED, error=problem[:500], finished_at=timezone.now()
        )

    def close(self) -> None:
        if self._own:
            self._connection.close()

    def _write(self, assignment: str, values: list) -> None:
        now = timezone.now()
        with self._connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE ingest_job SET {assignment}, beat_at = %s"
                " WHERE id = %s AND state = 'running' AND beat_at = %s",
                [*values, now, self.job_pk, self._beat_at],
            )
            if not cursor.rowcount:
                raise Superseded
        self._beat_at, self._last = now, time.monotonic()


def _store(
    packet: EvidencePacket, path: Path, as_of, head: dict, key: SigningKey, progress: Progress
) -> None:
    """Put the file where downloads come from, and seal: row, job and event in one transaction."""
    digest, size = sha256(path), path.stat().st_size
    # named by its content, so that a worker who comes second overwrites nothing
    name = f"{path.stem}-{digest[:12]}.zip"
    progress.step(STEPS[-1])
    with open(path, "rb") as file:
        packet.file.save(name, File(file), save=False)
    try:
        with transaction.atomic():
            progress.done()
            packet.as_of, packet.sha256, packet.size = as_of, digest, size
            packet.chain_seq, packet.chain_head = head["seq"], head["hash"]
            packet.signed_by, packet.sealed_at = key, timezone.now()
            packet.save(
                update_fields=[
                    "as_of", "sha256", "size", "chain_seq", "chain_head", "file", "signed_by",
                    "sealed_at",
                ]
            )  # fmt: skip
            append_event(
                packet.case,
                TimelineEvent.Kind.PACKET_SEALED,
                actor=None,
                content={
                    "packet": packet.pk, "sha256": digest, "size": size,
                    "chain_seq": head["seq"], "chain_head": head["hash"],
                    "key": key.key_id,
                },
            )  # fmt: skip
    except BaseException:
        packet.file.storage.delete(packet.file.name)
        raise

"""Confirm by sample: draw it, read it blind, have another person read it too."""

import secrets
from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from cases.errors import CaseError, NotAllowed
from cases.models import (
    Case,
    Member,
    Reading,
    Sample,
    SampleAnswer,
    SampleItem,
    SampleStratum,
    TimelineEvent,
)
from cases.sampling import allocate, choose, digest, mixed
from cases.services.sample_result import result_of
from cases.services.timeline import append_event

LARGEST = 400  # a person reads some 60 accounts an hour
Kind, State = TimelineEvent.Kind, Sample.State


@transaction.atomic
def draw_sample(
    case: Case, *, actor: User, size: int, tiers: Sequence[str] | None = None
) -> Sample:
    """Draw members of the case, stratified by tier, for the actor to read blind.

    The frame is who is a member now and was not judged out; tiers: all unless told. The seed is
    made here: a person who chose it could choose the sample. Raises CaseError.
    """
    case = _locked(case)
    chosen = [tier for tier in Member.Tier.values if tier in (tiers or Member.Tier.values)]
    if not 1 <= size <= LARGEST:
        raise CaseError(f"A sample has 1 to {LARGEST} accounts.")
    if case.samples.filter(state=State.OPEN).exists():
        raise CaseError(f"{case.ref} has a sample that is being read: finish or stop it first.")
    frames: dict[str, list[int]] = {tier: [] for tier in chosen}
    members = {}
    rows = Member.objects.current().filter(case=case, tier__in=chosen).exclude(verdict="out")
    for pk, account, tier in rows.order_by("account_id").values_list("pk", "account_id", "tier"):
        frames[tier].append(account)
        members[account] = pk
    frames = {tier: frame for tier, frame in frames.items() if frame}
    if not frames:
        raise CaseError("These tiers have no member that was not judged out: nothing to draw from.")
    seed = secrets.token_hex(8)
    counts = allocate({tier: len(frame) for tier, frame in frames.items()}, size)
    sample = Sample.objects.create(
        case=case,
        seed=seed,
        frame_digest=digest(list(frames.items())),
        members=len(members),
        size=sum(counts.values()),
        drawn_by=actor,
    )
    strata = SampleStratum.objects.bulk_create(
        SampleStratum(sample=sample, tier=tier, members=len(frame), drawn=counts[tier], frame=frame)
        for tier, frame in frames.items()
    )
    stratum_of = {
        account: stratum
        for stratum in strata
        for account in choose(seed, stratum.tier, stratum.frame, stratum.drawn)
    }
    SampleItem.objects.bulk_create(
        SampleItem(
            sample=sample,
            stratum=stratum_of[account],
            member_id=members[account],
            inclusion_probability=stratum_of[account].drawn / stratum_of[account].members,
            place=place,
        )
        for place, account in enumerate(mixed(seed, stratum_of), start=1)
    )
    Reading.objects.create(sample=sample, reader=actor, assigned_by=actor)
    append_event(
        case,
        Kind.SAMPLE_DRAWN,
        actor=actor,
        content={
            "sample": sample.pk, "seed": seed, "size": sample.size, "members": sample.members,
            "frame_sha256": sample.frame_digest,
            "strata": [
                {"tier": s.tier, "members": s.members, "drawn": s.drawn} for s in strata
            ],
        },
    )  # fmt: skip
    return sample


def drawn_again(sample: Sample) -> list[int]:
    """The accounts that seed and frames give, in reading order: what the items must hold."""
    strata = sample.strata.order_by("pk")
    return mixed(
        sample.seed,
        [key for s in strata for key in choose(sample.seed, s.tier, s.frame, s.drawn)],
    )


@transaction.atomic
def answer_item(reading: Reading, *, actor: User, place: int, answer: str) -> None:
    """Say of one drawn account whether it belongs. A later answer replaces the own earlier one."""
    reading = _open_reading(reading, actor)
    if answer not in SampleAnswer.Answer.values:
        raise CaseError("An answer is in, out, unsure or other abuse.")
    item = SampleItem.objects.filter(sample=reading.sample_id, place=place).first()
    if item is None:
        raise CaseError(f"The sample has no account {place}.")
    SampleAnswer.objects.update_or_create(
        reading=reading,
        item=item,
        defaults={"answer": answer, "answered_at": timezone.now()},
    )


@transaction.atomic
def finish_reading(reading: Reading, *, actor: User) -> Sample:
    """End a reading: its answers stand. The first must be whole, a second may end with a part.

    The result is told on the timeline once no blind reading is open any more.
    """
    case = _locked(reading.sample.case)
    reading = _open_reading(reading, actor)
    sample = reading.sample
    answered = reading.answers.count()
    if not reading.second and answered < sample.size:
        raise CaseError(
            f"{sample.size - answered:,} of {sample.size:,} accounts have no answer yet: "
            "“unsure” is one."
        )
    if not answered:
        raise CaseError("Nothing was answered yet.")
    now = timezone.now()
    Reading.objects.filter(pk=reading.pk).update(finished_at=now)
    if not reading.second:
        Sample.objects.filter(pk=sample.pk, state=State.OPEN).update(
            state=State.FINISHED, finished_at=now
        )
        sample.refresh_from_db()
    if sample.state == State.FINISHED:
        sample.result = result_of(sample)
        sample.save(update_fields=["result"])
    blind = sample.state != State.FINISHED or sample.readings.filter(finished_at=None).exists()
    append_event(
        case,
        Kind.READING_FINISHED if reading.second else Kind.SAMPLE_FINISHED,
        actor=actor,
        content={
            "sample": sample.pk,
            "second": reading.second,
            "answered": answered,
            **({} if blind else {"says": sample.result["says"]}),
        },
    )
    return sample


@transaction.atomic
def assign_reading(sample: Sample, *, actor: User, reader: User) -> Reading:
    """Ask another person to read the sample too, without seeing what was said of it."""
    case = _locked(sample.case)
    sample.refresh_from_db()
    if sample.state == State.CANCELLED:
        raise CaseError("This sample was stopped: there is nothing to read a second time.")
    if not reader.is_active or not reader.groups.filter(name__in=["analyst", "lead"]).exists():
        raise CaseError(f"{reader.get_username()} is not an analyst or a lead.")
    if case.restricted and not case.readers.filter(pk=reader.pk).exists():
        raise CaseError(f"{reader.get_username()} is not on the list of {case.ref}.")
    if sample.readings.filter(reader=reader).exists():
        raise CaseError(f"{reader.get_username()} reads this sample already: ask another person.")
    reading = Reading.objects.create(sample=sample, reader=reader, second=True, assigned_by=actor)
    append_event(
        case,
        Kind.READING_ASSIGNED,
        actor=actor,
        content={"sample": sample.pk, "reader": reader.get_username()},
    )
    return reading


@transaction.atomic
def cancel_sample(sample: Sample, *, actor: User, reason: str) -> Sample:
    """Stop a sample that is being read. It stays on record with how far it was read."""
    case = _locked(sample.case)
    if not reason.strip():
        raise CaseError("Say why the sample is stopped.")
    moved = Sample.objects.filter(pk=sample.pk, state=State.OPEN).update(state=State.CANCELLED)
    sample.refresh_from_db()
    if not moved:
        raise CaseError(f"This sample is {sample.get_state_display()} already.")
    answered = SampleAnswer.objects.filter(reading__sample=sample, reading__second=False)
    append_event(
        case,
        Kind.SAMPLE_CANCELLED,
        actor=actor,
        content={"sample": sample.pk, "answered": answered.count(), "reason": reason},
    )
    return sample


def _locked(case: Case) -> Case:
    case = Case.objects.select_for_update().get(pk=case.pk)
    if case.merged_into_id:
        raise CaseError(f"{case.ref} was merged into {case.merged_into.ref}. Work there.")
    return case


def _open_reading(reading: Reading, actor: User) -> Reading:
    found = (
        Reading.objects.select_for_update(of=("self",)).select_related("sample").get(pk=reading.pk)
    )
    if found.reader_id != actor.pk:
        raise NotAllowed("Another person reads this: answers are their own.")
    if found.sample.state == State.CANCELLED:
        raise CaseError("This sample was stopped.")
    if found.finished_at:
        raise CaseError("You have finished this reading: its answers stand.")
    return found

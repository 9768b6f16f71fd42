"""The cast: people, accounts and a case that most tests start from."""

from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import TestCase

from cases.models import Case, Link, Member, TimelineEvent
from cases.services.timeline import append_event
from ingest.models import Account, ActivityHour, Attribute, AttributeUse, Batch, Detector, Signal

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def make_user(name: str, *roles: str, **fields) -> User:
    user = User.objects.create_user(name, password="correct horse battery", **fields)
    user.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])
    return user


def make_detector(slug="volume", family="volume") -> Detector:
    return Detector.objects.get_or_create(
        slug=slug, defaults={"name": slug.title(), "family": family, "version": "1"}
    )[0]


def make_account(name: str, **fields) -> Account:
    fields.setdefault("organisation", f"org-{name}")
    fields.setdefault("plan", "build")
    fields.setdefault("first_seen_at", NOON - timedelta(days=10))
    fields.setdefault("last_seen_at", NOON)
    return Account.objects.create(external_id=name, **fields)


def make_case(number=1, *, accounts=3, name="Quiet Loom", **fields) -> Case:
    """A case with its members, one shared card, a signal and two hours of activity each."""
    fields.setdefault("reason", "one payment card on many accounts")
    fields.setdefault("priority", 40.0)
    fields.setdefault("p_abuse", 0.9)
    fields.setdefault("trend", [float(day) for day in range(14)])
    fields.setdefault("first_activity_at", NOON - timedelta(days=10))
    fields.setdefault("last_activity_at", NOON)
    case = Case.objects.create(
        number=number, name=name, core=accounts, expected_members=accounts * 0.97, **fields
    )
    detector = make_detector()
    batch = Batch.objects.create(detector=detector, door=Batch.Door.API, stored=accounts)
    card = Attribute.objects.create(
        kind="payment", value=f"card-{number}", accounts=accounts, population=10_000
    )
    for i in range(accounts):
        account = make_account(f"acct-{number}-{i}")
        AttributeUse.objects.create(
            account=account, attribute=card, first_at=NOON - timedelta(days=9), last_at=NOON
        )
        Signal.objects.create(
            detector=detector,
            ref=f"v-{number}-{i}",
            account=account,
            batch=batch,
            body_digest="0" * 64,
            window_start=NOON - timedelta(days=1),
            window_end=NOON,
            score=0.9,
            p_value=1e-6,
            summary="40 times the median of its plan",
            samples=[{"text": "Solve task 7 <b>step by step</b>"}],
        )
        for hours in (1, 2):
            ActivityHour.objects.create(
                account=account,
                hour=NOON - timedelta(hours=hours),
                model="orion-large",
                requests=30 + i,
                input_tokens=3000,
                output_tokens=9000,
            )
        Member.objects.create(
            case=case,
            account=account,
            probability=0.97,
            tier=Member.Tier.CORE,
            method="test",
            evidence=[
                {"family": "prior", "bits": -11.6, "capped": False, "why": "1 in 3,000"},
                {"family": "payment", "bits": 10.0, "capped": False, "why": f"card-{number}"},
                {"family": "volume", "bits": 6.0, "capped": True, "why": "40 times the median"},
            ],
        )
        Link.objects.create(case=case, account=account, attribute=card, bits=11.5, members=accounts)
    with transaction.atomic():
        append_event(
            case, TimelineEvent.Kind.CASE_OPENED, actor=None, content={"members": accounts}
        )
    return case


class DeskTestCase(TestCase):
    """Logs nobody in: each test says who acts."""

    @classmethod
    def setUpTestData(cls):
        cls.ana = make_user("ana", "analyst", first_name="Ana", last_name="Silva")
        cls.bo = make_user("bo", "analyst", first_name="Bo", last_name="Lind")
        cls.lea = make_user("lea", "lead", first_name="Lea", last_name="Okafor")
        cls.aud = make_user("aud", "auditor", first_name="Aud", last_name="Mbeki")
        cls.stranger = make_user("stranger")
        cls.case = make_case()

"""Orders as they stand after their approval, in any number, for tests that put them under fire."""

import base64
from collections.abc import Mapping

from django.db import connection
from django.utils import timezone

from cases.models import Case, Connector, Enforcement, EnforcementItem
from cases.services.connect import set_up_webhook
from ingest.models import Account
from tests.base import make_user

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
SETTINGS = {
    "keyed": {"honours_key": True, "reads_back": True},
    "readable": {"honours_key": False, "reads_back": True},
    "blind": {"honours_key": False, "reads_back": False},
}


def fill_orders(port: int, wanted: Mapping[str, tuple[int, list[str]]]) -> list[Enforcement]:
    """For each platform so many accounts, and one order of each kind about all of them.

    Approved one after another, so that the last kind has the last word.
    """
    asks, approves = make_user("asks"), make_user("approves")
    case = Case.objects.create(
        number=9000, name="Under Fire", reason="test", status="decided", verdict="confirmed"
    )
    orders = []
    for platform, (count, kinds) in wanted.items():
        connector = connector_of(platform, port)
        accounts = Account.objects.bulk_create(
            Account(external_id=f"{platform}-{number:06}") for number in range(count)
        )
        for kind in kinds:
            now = timezone.now()
            order = Enforcement.objects.create(
                number=9000 + len(orders), case=case, kind=kind, connector=connector,
                reason="rule 4.2", state="running", requested_by=asks, reviewed_by=approves,
                reviewed_at=now,
            )  # fmt: skip
            EnforcementItem.objects.bulk_create(
                (EnforcementItem(enforcement=order, account=one, due_at=now) for one in accounts),
                batch_size=2_000,
            )
            orders.append(order)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE cases_enforcementitem, cases_enforcement, ingest_account")
    return orders


def connector_of(platform: str, port: int) -> Connector:
    connector = set_up_webhook(
        platform, name=platform.title(), url=f"http://127.0.0.1:{port}/{platform}", secret=SECRET,
        allowed_private_hosts=["127.0.0.1"],
    )  # fmt: skip
    connector.settings = SETTINGS[platform]
    connector.save(update_fields=["settings"])
    return connector

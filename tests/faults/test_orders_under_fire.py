"""Orders under fire, small: a worker is killed and its broker wiped. under_fire.py is large."""

import argparse
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from django.test import TransactionTestCase

from cases.models import EnforcementItem
from tests.faults.checker import problems
from tests.faults.under_fire import Fire
from tests.processes import environment

pytestmark = pytest.mark.worker


class SmallFire(Fire):
    """On the database and the broker of the tests."""

    def __init__(self, folder: Path, broker: str, items: int):
        options = argparse.Namespace(
            items=items, kills=2, broker=1, database=0, seed=3, longest=150.0
        )
        super().__init__(folder, options)
        self.names = ("a",)
        self.env = environment(
            broker, SWEEP_SECONDS="0.5", HURRIED="1,3", LOG_LEVEL="ERROR",
        )  # fmt: skip
        self.broker = redis.Redis(unix_socket_path=urlsplit(broker).path)

    def wipe_broker(self) -> None:
        self.broker.flushall()


class OrdersUnderFireTest(TransactionTestCase):
    @pytest.fixture(autouse=True)
    def _around(self, tmp_path, broker):
        self.fire = SmallFire(tmp_path, broker, items=200)
        self.fire.broker.flushall()

    def test_every_item_took_effect_once_or_is_unknown_and_each_account_in_order(self):
        self.addCleanup(self.fire.stop)
        self.fire.start_target()
        self.fire.fill()
        self.fire.burn()
        assert problems(self.fire.file) == []
        assert self.fire.killed == {"workers": 2, "children": 1, "broker": 1, "database": 0}
        assert EnforcementItem.objects.count() == 200
        assert self.fire.waits[0] < 30

        # the checker sees what it is there for: a key of one more effect, and one that nobody has
        item = EnforcementItem.objects.filter(state="done").first()
        line = self.fire.file.read_text().splitlines()[0]
        with open(self.fire.file, "a") as out:
            key = line.split('"key": "')[1][:36]
            for other in (str(item.key), "0" * 36):
                doubled = line.replace(key, other).replace('"effect": false', '"effect": true')
                out.write(doubled + "\n")
        said = problems(self.fire.file)
        assert any("2 effects" in one for one in said), said
        assert any("no item" in one for one in said), said

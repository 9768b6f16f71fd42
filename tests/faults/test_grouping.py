"""A worker that dies in the middle of grouping: nothing half done, and the next one goes on."""

from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test import TransactionTestCase

from cases.models import Case, GroupingRun, Member
from ingest.models import Signal
from tests.cases.test_group_service import make_campaign, make_census
from tests.processes import environment, wait_for, worker

pytestmark = pytest.mark.worker
WAITS = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'cases_member'::regclass"


class GroupingTest(TransactionTestCase):
    @pytest.fixture(autouse=True)
    def _around(self, tmp_path, broker):
        self.folder: Path = tmp_path
        self.env = environment(broker, SWEEP_SECONDS="0.5")

    def stands_at_the_members(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(WAITS)
            return cursor.fetchone()[0] > 0

    def test_grouping_goes_on_after_kill_9_and_opens_each_case_once(self):
        make_census()
        make_campaign()
        with transaction.atomic():
            # whoever writes members waits for us: the worker stands between first and last write
            with connection.cursor() as cursor:
                cursor.execute("LOCK TABLE cases_member IN EXCLUSIVE MODE")
            with worker(self.env, self.folder / "killed.log") as running:
                wait_for(self.stands_at_the_members, running, 30)
                running.kill()
        wait_for(lambda: not self.stands_at_the_members(), seconds=30)
        self.assertFalse(Case.objects.exists(), "half a grouping stayed")
        self.assertTrue(Signal.objects.filter(taken_at=None).exists(), "a dead worker took them")
        with worker(self.env, self.folder / "next.log") as running:
            wait_for(GroupingRun.objects.exists, running, 30)
        self.assertEqual(Case.objects.count(), 1)
        self.assertEqual(Member.objects.current().count(), 20)
        self.assertFalse(Signal.objects.filter(taken_at=None).exists())

"""The benches write rows by SQL of their own: a column that they do not know stops them here."""

from django.contrib.auth.models import User
from django.test import TransactionTestCase

from cases.models import Case, Member
from tests.bench import fill


class FillTest(TransactionTestCase):
    def test_invented_cases_fit_the_tables_and_the_pages_that_are_measured(self):
        fill.fill_cases(3, 4)
        large = fill.fill_large_case(members=20, signals=200)
        self.assertEqual(Case.objects.count(), 4)
        self.assertEqual(Member.objects.filter(case=large).count(), 20)
        self.client.force_login(User.objects.get(username="okafor"))
        self.assertContains(self.client.get("/"), large.ref)
        self.assertContains(self.client.get(f"/cases/{large.ref}/"), large.name)

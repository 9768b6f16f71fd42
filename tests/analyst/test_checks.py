import base64
import secrets
import tempfile
from pathlib import Path
from unittest.mock import patch

from django.conf import settings
from django.core.checks import run_checks
from django.db import connections
from django.test import TestCase, override_settings

from analyst import checks
from tests.processes import environment, gather_static

NEAR = {"NAME": "x", "HOST": "", "OPTIONS": {}}


def said(check, **options):
    return [problem.id for problem in check(None, **options)]


class ChecksTest(TestCase):
    def test_the_database_of_this_run_is_new_enough_and_an_old_one_is_named(self):
        self.assertEqual(run_checks(tags=["database"], databases=["default"]), [])
        with patch.object(connections["default"], "pg_version", 140011):
            (problem,) = checks.postgres_is_new_enough(None, databases=["default"])
        self.assertEqual(problem.id, "analyst.E001")
        self.assertIn("version 14", problem.msg)
        self.assertTrue(problem.hint)

    def test_no_database_is_opened_by_a_plain_check(self):
        with patch.object(connections["default"], "pg_version", 140011):
            self.assertEqual(said(checks.postgres_is_new_enough), [])

    def test_a_typed_key_is_named_by_its_place(self):
        drawn = secrets.token_bytes(32)
        for typed in (
            bytes(32),
            b"ab" * 16,
            b"correct horse battery staple 123",
            bytes(range(8)) * 4,
        ):
            with self.subTest(typed=typed), override_settings(ENCRYPTION_KEYS=[drawn, typed]):
                (problem,) = checks.encryption_keys_are_random(None)
                self.assertEqual(problem.id, "analyst.E002")
                self.assertIn("Key 2", problem.msg)
                self.assertNotIn(base64.b64encode(typed).decode(), problem.msg + problem.hint)

    def test_drawn_keys_pass(self):
        keys = [secrets.token_bytes(32) for _ in range(2000)]
        with override_settings(ENCRYPTION_KEYS=keys):
            self.assertEqual(said(checks.encryption_keys_are_random), [])

    def test_a_folder_that_cannot_hold_packets_is_named(self):
        self.assertEqual(said(checks.packets_can_be_written), [])
        with override_settings(MEDIA_ROOT=settings.MEDIA_ROOT / "not" / "made" / "yet"):
            self.assertEqual(said(checks.packets_can_be_written), [])
        taken = settings.MEDIA_ROOT / "taken"
        taken.write_text("a file")
        for folder in (taken, taken / "packets"):
            with override_settings(MEDIA_ROOT=folder):
                (problem,) = checks.packets_can_be_written(None)
                self.assertEqual(problem.id, "analyst.E003")
                self.assertIn(str(taken), problem.msg)
        with patch("os.access", return_value=False):
            self.assertEqual(said(checks.packets_can_be_written), ["analyst.E003"])

    def test_missing_static_files_are_named_before_pages_fail(self):
        with (
            tempfile.TemporaryDirectory() as folder,
            override_settings(STATIC_ROOT=Path(folder, "static")),
        ):
            (problem,) = checks.static_files_are_gathered(None)
            self.assertEqual(problem.id, "analyst.E004")
            self.assertIn(folder, problem.msg)
            gather_static(environment(VAR=folder))
            self.assertEqual(said(checks.static_files_are_gathered), [])

    def test_a_database_far_away_is_asked_to_prove_who_it_is(self):
        for host, mode, found in [
            ("", None, []),
            ("/run/postgresql", None, []),
            ("localhost", None, []),
            ("127.0.0.1", None, []),
            ("::1", None, []),
            ("postgres", None, []),
            ("db.example.org", None, ["analyst.W001"]),
            ("10.0.0.5", "require", ["analyst.W001"]),
            ("db.example.org", "verify-full", []),
        ]:
            database = NEAR | {"HOST": host, "OPTIONS": {"sslmode": mode} if mode else {}}
            with (
                self.subTest(host=host, mode=mode),
                patch.dict(settings.DATABASES, default=database),
            ):
                self.assertEqual(said(checks.database_is_reached_by_verified_tls), found)

    def test_a_broker_far_away_needs_tls_and_its_password_is_not_repeated(self):
        for url, found in {
            "redis+socket:///run/valkey.sock": [],
            "redis://valkey:6379/0": [],
            "amqp://localhost": [],
            "rediss://:pw@cache.example.org/0": [],
            "amqps://cache.example.org": [],
            "redis://:hunter2@cache.example.org/0": ["analyst.W002"],
            "amqp://u:hunter2@10.1.2.3//": ["analyst.W002"],
        }.items():
            with self.subTest(url=url), override_settings(CELERY_BROKER_URL=url):
                problems = checks.broker_is_reached_by_tls(None)
                self.assertEqual([problem.id for problem in problems], found)
                self.assertNotIn("hunter2", str(problems))

    def test_they_are_registered(self):
        with override_settings(
            ENCRYPTION_KEYS=[bytes(32)], CELERY_BROKER_URL="amqp://broker.example.org"
        ):
            found = {problem.id for problem in run_checks(include_deployment_checks=True)}
        self.assertLessEqual({"analyst.E002", "analyst.W002"}, found)

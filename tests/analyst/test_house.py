"""What holds for every page: headers, doors, error pages, the deploy check."""

import base64
import os
import secrets
import subprocess
import sys

from django.conf import settings
from django.test import TestCase, override_settings
from django.urls import get_resolver

from tests.base import DeskTestCase, make_user
from tests.processes import ROOT, gather_static


class HeadersTest(DeskTestCase):
    def test_every_answer_carries_the_browser_policy(self):
        self.client.force_login(self.ana)
        for path in ("/", "/login/", "/nothing-here/", "/cases/C-1/", "/api/v1/cases/"):
            with self.subTest(path):
                response = self.client.get(path)
                policy = response["Content-Security-Policy"]
                self.assertIn("default-src 'none'", policy)
                self.assertIn("script-src 'self'", policy)
                self.assertNotIn("unsafe", policy)
                self.assertEqual(response["X-Content-Type-Options"], "nosniff")
                self.assertEqual(response["X-Frame-Options"], "DENY")
                self.assertEqual(response["Referrer-Policy"], "same-origin")

    def test_the_colour_mode_of_the_cookie_is_on_the_first_paint(self):
        self.client.cookies["theme"] = "dark"
        self.assertContains(self.client.get("/login/"), 'data-theme="dark"')
        self.client.cookies["theme"] = '"><script>alert(1)</script>'
        response = self.client.get("/login/")
        self.assertNotContains(response, "data-theme")
        self.assertNotContains(response, "<script>alert")


class DoorsTest(TestCase):
    """Every route of the desk asks who is there, before it looks anything up."""

    def routes(self):
        desk = next(
            pattern
            for pattern in get_resolver().url_patterns
            if getattr(pattern, "app_name", 0) == "analyst"
        )
        for pattern in desk.url_patterns:
            route = str(pattern.pattern)
            for name, value in (
                ("<str:ref>", "C-1"),
                ("<slug:name>", "activity"),
                ("<int:pk>", "1"),
            ):
                route = route.replace(name, value)
            if "<" in route:
                route = route[: route.index("<")] + "acct-1" + route[route.index(">") + 1 :]
            yield "/" + route

    def test_a_stranger_is_sent_to_the_login(self):
        routes = list(self.routes())
        self.assertGreater(len(routes), 20)
        for route in routes:
            for method in ("get", "post"):
                with self.subTest(f"{method} {route}"):
                    response = getattr(self.client, method)(route)
                    if method == "get" and response.status_code == 405:
                        continue
                    if response.status_code == 405:
                        continue
                    self.assertRedirects(
                        response,
                        f"/login/?next={route.replace(' ', '%20')}",
                        fetch_redirect_response=False,
                    )

    def test_a_person_without_a_role_finds_nothing(self):
        self.client.force_login(make_user("nobody"))
        for route in self.routes():
            for method in ("get", "post"):
                with self.subTest(f"{method} {route}"):
                    response = getattr(self.client, method)(route)
                    self.assertIn(response.status_code, (404, 405))


class DeployTest(TestCase):
    def test_the_deploy_check_is_clean(self):
        env = {
            "PATH": os.environ["PATH"],
            "VAR": str(settings.VAR),
            "DATABASE_URL": "postgresql:///nothing?host=/nowhere",
            "SECRET_KEY": secrets.token_urlsafe(60),
            "ALLOWED_HOSTS": "desk.example",
            "CELERY_BROKER_URL": "amqps://broker.example",
            "ENCRYPTION_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        }
        gather_static(env)
        done = subprocess.run(
            [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
            cwd=ROOT, env=env, capture_output=True, text=True,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_no_migration_is_missing(self):
        from django.core.management import call_command

        call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@override_settings(DEBUG=False)
class ErrorPagesTest(DeskTestCase):
    def test_an_unknown_case_is_a_page_of_ours(self):
        self.client.force_login(self.ana)
        for ref in ("C-999", "C-1x", "X-1", "C-99999999999999999999", "C-١"):
            with self.subTest(ref):
                response = self.client.get(f"/cases/{ref}/")
                self.assertContains(response, "Not found", status_code=404)

    def test_machines_are_told_in_json(self):
        for path, host in (("/api/v1/cases/", "evil.example"), ("/api/nothing/", "testserver")):
            with self.subTest(path):
                response = self.client.get(path, headers={"host": host})
                self.assertIn(response.status_code, (400, 404))
                self.assertIn("error", response.json())

    def test_an_unknown_host_is_refused_without_a_page_of_django(self):
        response = self.client.get("/", headers={"host": "evil.example"})
        self.assertContains(response, "Not understood", status_code=400)

    def test_a_restricted_case_is_not_there_for_others(self):
        self.case.restricted = True
        self.case.save(update_fields=["restricted"])
        self.client.force_login(self.ana)
        self.assertEqual(self.client.get("/cases/C-1/").status_code, 404)
        self.case.readers.add(self.ana)
        self.assertEqual(self.client.get("/cases/C-1/").status_code, 200)

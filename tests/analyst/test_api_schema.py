import io
from pathlib import Path

import yaml
from django.core.management import call_command
from django.test import SimpleTestCase

from tests.analyst.api import NAMES, READS, WRITES, ApiTestCase

ROOT = Path(__file__).resolve().parents[2]


def schema():
    text = io.StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=text)
    return yaml.safe_load(text.getvalue())


def template(path):
    return "/".join(NAMES.get(part, part) for part in path.split("/"))


class SchemaTest(SimpleTestCase):
    """The text that the doors promise, without a warning and without a gap."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.schema = schema()

    def people(self):
        for path, operations in self.schema["paths"].items():
            if path.startswith("/api/v1/cases/"):
                for method, operation in operations.items():
                    yield path, method, operation

    def test_every_route_of_the_people_is_in_it(self):
        routes = {(template(path), "get") for path in READS}
        routes |= {(template(path), "post") for path in WRITES}
        told = {(path.removeprefix("/api/v1/cases/"), method) for path, method, _ in self.people()}
        self.assertEqual(told, routes)

    def test_the_detectors_door_is_in_it(self):
        self.assertIn("/api/v1/signals/", list(self.schema["paths"]))

    def test_every_route_says_how_it_refuses_and_each_field_is_typed(self):
        for path, method, operation in self.people():
            with self.subTest(path=path, method=method):
                statuses = set(operation["responses"])
                self.assertLessEqual({"401", "404"}, statuses)
                if method == "post":
                    self.assertLessEqual({"403", "415", "413"}, statuses)
                self.assertEqual(operation["security"], [{"session": []}])
                self.assertTrue(operation["summary"])

    def test_no_serializer_shows_a_model_whole(self):
        for path in (ROOT / "analyst" / "api").glob("*.py"):
            self.assertNotIn("__all__", path.read_text(), path)
            self.assertNotIn("ModelSerializer", path.read_text(), path)


class DocsTest(ApiTestCase):
    def test_the_schema_and_its_page_are_for_who_has_a_role(self):
        for url in ("/api/schema/", "/api/docs/"):
            with self.subTest(url=url):
                self.client.force_login(self.stranger)
                self.assertRefused(self.client.get(url), 404)
                self.client.force_login(self.aud)
                self.assertEqual(self.client.get(url).status_code, 200)
        self.client.logout()
        self.assertRefused(self.client.get("/api/schema/"), 401)
        self.assertRedirects(
            self.client.get("/api/docs/"),
            "/login/?next=/api/docs/",
            fetch_redirect_response=False,
        )

    def test_the_page_needs_nothing_that_the_desks_policy_refuses(self):
        self.client.force_login(self.aud)
        response = self.client.get("/api/docs/")
        page = response.text
        self.assertNotRegex(page, r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)")
        self.assertNotRegex(page, r"(src|href)=\"(https?:)?//")
        self.assertNotIn("unsafe", response["Content-Security-Policy"])
        script = self.client.get("/api/docs/?script=")
        self.assertEqual(script["Content-Type"], "application/javascript")
        self.assertIn("SwaggerUIBundle(", script.text)

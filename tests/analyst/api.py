"""What the tests of the people's API share: paths, and JSON both ways."""

from tests.base import DeskTestCase

READS = (
    "", "C-1/", "C-1/members/", "C-1/members/acct-1-0/explanation/",
    "C-1/members/acct-1-0/chain/acct-1-1/", "C-1/timeline/", "C-1/decisions/", "C-1/notes/",
)  # fmt: skip
NAMES = {"C-1": "{ref}", "acct-1-0": "{external_id}", "acct-1-1": "{other_id}"}
WHY = {"rationale": "one card, one template"}
WRITES = {
    "C-1/claim/": {},
    "C-1/release/": {},
    "C-1/escalate/": WHY,
    "C-1/reopen/": WHY,
    "C-1/decisions/": {"outcome": "confirmed"} | WHY,
    "C-1/notes/": {"text": "seen"},
}


class ApiTestCase(DeskTestCase):
    def get(self, path, **query):
        return self.client.get(f"/api/v1/cases/{path}", query)

    def post(self, path, body=None, **headers):
        return self.client.post(
            f"/api/v1/cases/{path}", body or {}, content_type="application/json", headers=headers
        )

    def results(self, path, **query):
        response = self.get(path, **query)
        self.assertEqual(response.status_code, 200, response.content)
        return response.json()["results"]

    def all_pages(self, path, **query):
        """Every row, by following next as a client would; and how many pages it took."""
        response = self.get(path, **query)
        rows, pages = response.json()["results"], 1
        while following := response.json()["next"]:
            response = self.client.get(following)
            rows += response.json()["results"]
            pages += 1
        return rows, pages

    def assertRefused(self, response, status, says=""):
        """Refused with a sentence, as JSON."""
        self.assertEqual(response.status_code, status, response.content)
        self.assertEqual(response["Content-Type"], "application/json")
        self.assertIn(says, response.json()["error"])

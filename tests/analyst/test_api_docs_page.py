import os

import pytest
from django.test import Client
from playwright.sync_api import sync_playwright

from tests.base import make_case, make_user

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LISTEN = """
window.refused = [];
document.addEventListener('securitypolicyviolation', e => window.refused.push(e.violatedDirective));
"""


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_docs_page_works_under_the_desks_policy(live_server, chromium):
    """It draws, it asks, it writes with the CSRF token, and the browser refuses nothing."""
    make_case(1042, accounts=1)
    client = Client()
    client.force_login(make_user("ana", "analyst"))
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value}
    foreign, broken = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies([cookie | {"url": live_server.url}])
        page = context.new_page()
        page.add_init_script(LISTEN)
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.on(
            "request",
            lambda asked: (
                None
                if asked.url.startswith((live_server.url, "data:", "blob:"))
                else foreign.append(asked.url)
            ),
        )
        page.goto(f"{live_server.url}/api/docs/")
        page.wait_for_selector("#operations-cases-list_cases")
        blue = page.locator(".opblock-get .opblock-summary-method").first.evaluate(
            "node => getComputedStyle(node).backgroundColor"
        )
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=os.path.join(folder, "api-docs.png"))

        page.click("#operations-notes-add_note .opblock-summary-control")
        note = page.locator("#operations-notes-add_note")
        note.locator("text=Try it out").click()
        note.locator("input[placeholder=ref]").fill("C-1042")
        note.locator("textarea.body-param__text").fill('{"text": "written on the docs page"}')
        note.locator("button.execute").click()
        answered = note.locator(".live-responses-table .response-col_status").last
        answered.wait_for()
        said = note.locator(".live-responses-table").inner_text()

        refused = page.evaluate("window.refused")
        # the control: what the policy refuses is heard of
        page.evaluate("document.body.setAttribute('style', 'color: red')")
        heard = page.evaluate("new Promise(done => setTimeout(() => done(window.refused), 50))")
        browser.close()
    assert blue not in ("rgba(0, 0, 0, 0)", ""), "Swagger's stylesheet was not applied"
    assert "201" in said and "written on the docs page" in said
    assert (refused, foreign, broken) == ([], [], [])
    assert heard == ["style-src-attr"]

"""Data flows ingest → cases → analyst; imports point back along it, never forward."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ORDER = ("ingest", "cases", "analyst")  # each may know those before it
MAY_NAME_PATHS = re.compile(r"^(?:(?:ingest|cases|analyst)[.:])\w")


def forward(app: str) -> tuple[str, ...]:
    return ORDER[ORDER.index(app) + 1 :]


def forward_arrows(source: str, app: str) -> list[str]:
    """Imports and dotted strings in a module of app that name a later app."""
    later, found = forward(app), []
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
            and MAY_NAME_PATHS.match(node.value)
        ):
            names = [node.value.replace(":", ".")]
        found += [f"line {node.lineno}: {n}" for n in names if n.split(".")[0] in later]
    return found


def modules(app: str) -> list[Path]:
    return sorted((ROOT / app).rglob("*.py"))


@pytest.mark.parametrize("app", ORDER)
def test_no_module_knows_a_later_app(app):
    problems = {
        str(path.relative_to(ROOT)): found
        for path in modules(app)
        if (found := forward_arrows(path.read_text(), app))
    }
    assert problems == {}
    assert modules(app), "an empty folder would pass for nothing"


@pytest.mark.parametrize(
    "planted",
    [
        "import cases.models",
        "from cases import models",
        "from analyst.settings import VAR",
        "owner = 'cases.Case'",
        "url = 'analyst:case'",
    ],
)
def test_a_planted_forward_arrow_is_found(planted):
    assert forward_arrows(planted, "ingest")


def test_arrows_back_are_fine():
    source = "from ingest.models import Account\nto = 'ingest.Account'"
    assert forward_arrows(source, "cases") == []


def test_pure_modules_do_not_touch_the_orm():
    pure = [
        *(ROOT / "cases" / "grouping").rglob("*.py"),
        *(ROOT / "cases" / "matching").rglob("*.py"),
        *(ROOT / "cases" / name for name in ("timeline.py", "plots.py", "scoring.py")),
    ]
    found = [
        str(path.relative_to(ROOT))
        for path in pure
        if path.exists()
        and re.search(r"^\s*(from|import) (django|ingest|cases\.models)", path.read_text(), re.M)
    ]
    assert found == []


def test_templates_and_scripts_keep_the_browser_policy():
    """No inline style or script, no |safe: the policy refuses them, or an attacker uses them."""
    bad = re.compile(
        r"\sstyle=|<script(?![^>]*\bsrc=)(?![^>]*application/json)"
        r"|\son\w+=|\|safe\b|autoescape off"
    )
    found = []
    for path in sorted((ROOT / "templates").rglob("*.html")):
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            if bad.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}")
    for path in sorted((ROOT / "static" / "js").rglob("*.js")):
        if re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", path.read_text()
        ):
            found.append(str(path.relative_to(ROOT)))
    assert found == []
    assert bad.search('<p style="x">') and bad.search("<script>") and bad.search("{{ x|safe }}")

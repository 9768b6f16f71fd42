"""A real PostgreSQL for every test: the embedded one unless DATABASE_URL names another."""

import os
import shutil

import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection
from django.test import TransactionTestCase

_skipped: list[str] = []


@pytest.fixture(scope="session")
def django_db_modify_db_settings():
    if settings.EMBEDDED_POSTGRES:
        from analyst import embedded

        embedded.start_postgres(settings.VAR)


@pytest.fixture(autouse=True)
def plain_static_files(settings, tmp_path):
    """No manifest of hashed names while testing, and packets go to a folder of the test's own."""
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture(autouse=True, scope="session")
def emptying_the_timeline():
    """The database refuses to empty the timeline; between tests a superuser must."""
    teardown = TransactionTestCase._fixture_teardown

    def with_triggers_off(test):
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
        teardown(test)
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = origin")

    TransactionTestCase._fixture_teardown = with_triggers_off
    yield
    TransactionTestCase._fixture_teardown = teardown


def pytest_runtest_logreport(report):
    if report.skipped:
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session, exitstatus):
    """Under CI=true a skipped test is a failed run: what was not looked at is not green."""
    if os.environ.get("CI") == "true" and _skipped and exitstatus == 0:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter):
    if os.environ.get("CI") == "true" and _skipped:
        terminalreporter.write_line(
            f"CI=true and {len(_skipped)} skipped: this run fails", red=True
        )


@pytest.fixture(autouse=True, scope="session")
def quick_passwords():
    """Hashing is meant to be slow; a hash says how slow, so that every process can check it."""
    PBKDF2PasswordHasher.iterations = 1000


@pytest.fixture(autouse=True, scope="session")
def static_folder():
    """WhiteNoise warns at every start when its folder is missing."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="session")
def chromium():
    """The path of a Chromium, which make test finds or installs."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        pytest.skip("no Chromium on this machine")
    return path


@pytest.fixture(scope="session")
def broker():
    """The embedded Valkey's URL, started once for the tests that are about tasks."""
    from analyst import embedded

    yield embedded.start_valkey(settings.VAR)

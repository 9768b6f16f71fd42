"""A real PostgreSQL for every test: the embedded one unless DATABASE_URL names another."""

import pytest
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase


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

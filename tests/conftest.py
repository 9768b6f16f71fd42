"""A real PostgreSQL for every test: the embedded one unless DATABASE_URL names another."""

import pytest
from django.conf import settings


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

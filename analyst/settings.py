"""Reads the environment once, and refuses to start on a bad value.

Without DATABASE_URL everything is embedded and lives under VAR; with it, this is production and
SECRET_KEY, ALLOWED_HOSTS, CELERY_BROKER_URL and ENCRYPTION_KEYS must be given. docs/operators.md
has the list.
"""

import base64
import binascii
import os
import secrets
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from analyst import embedded

BASE_DIR = Path(__file__).resolve().parent.parent


def env(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(
            f"{name} is not set, and DATABASE_URL is: production needs both. See docs/operators.md"
        )
    return value


def env_number(name: str, default: float, low: float, high: float) -> float:
    text = os.environ.get(name, str(default))
    try:
        value = float(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {text!r}, which is not a number") from None
    if not low <= value <= high:
        raise ImproperlyConfigured(f"{name} is {text}: it must be from {low:g} to {high:g}")
    return value


def env_whole(name: str, default: int, low: int, high: int) -> int:
    value = env_number(name, default, low, high)
    if value != int(value):
        raise ImproperlyConfigured(f"{name} is {value:g}: it must be a whole number")
    return int(value)


def env_pairs(name: str) -> dict[str, str]:
    """field=column,field=column"""
    pairs = {}
    for item in filter(None, (part.strip() for part in os.environ.get(name, "").split(","))):
        field, sign, column = item.partition("=")
        if not (sign and field.strip() and column.strip()):
            raise ImproperlyConfigured(f"{name} has {item!r}: write FIELD=COLUMN,FIELD=COLUMN")
        pairs[field.strip()] = column.strip()
    return pairs


def env_counts(name: str, known: tuple[str, ...]) -> dict[str, int]:
    """field=number,field=number with fields of a known set"""
    counts = {}
    for field, text in env_pairs(name).items():
        if field not in known or not (text.isascii() and text.isdigit()) or len(text) > 9:
            raise ImproperlyConfigured(
                f"{name} has {field}={text}: write a whole number for one of {', '.join(known)}"
            )
        counts[field] = int(text)
    return counts


def env_flag(name: str, default: bool) -> bool:
    text = os.environ.get(name, "1" if default else "0").lower()
    if text not in {"0", "1", "no", "yes", "false", "true"}:
        raise ImproperlyConfigured(f"{name} is {text!r}: use 1 or 0")
    return text in {"1", "yes", "true"}


def kept_secret(name: str, make) -> str:
    """A secret of the embedded desk: made once, kept in VAR, readable by its owner alone."""
    path = VAR / name
    if not path.exists():
        embedded.prepare(VAR)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(make())
    return path.read_text()


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


VAR = Path(os.environ.get("VAR") or BASE_DIR / "var").resolve()
EMBEDDED_POSTGRES = not os.environ.get("DATABASE_URL")
EMBEDDED_BROKER = not os.environ.get("CELERY_BROKER_URL") and EMBEDDED_POSTGRES
DEBUG = env_flag("DEBUG", False)

SECRET_KEY = (
    os.environ.get("SECRET_KEY") or kept_secret("secret_key", lambda: secrets.token_urlsafe(64))
    if EMBEDDED_POSTGRES
    else env("SECRET_KEY")
)
ALLOWED_HOSTS = [
    host.strip()
    for host in env(
        "ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]" if EMBEDDED_POSTGRES else None
    ).split(",")
    if host.strip()
]

# Keys that seal stored secrets (AES-256-GCM), newest first; old ones still open what they sealed.
ENCRYPTION_KEYS = []
for text in (
    os.environ.get("ENCRYPTION_KEYS") or kept_secret("encryption_key", new_key)
    if EMBEDDED_POSTGRES
    else env("ENCRYPTION_KEYS")
).split(","):
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        raise ImproperlyConfigured("ENCRYPTION_KEYS must be base64 of 32 bytes, comma-separated")
    ENCRYPTION_KEYS.append(key)

# The Ed25519 key that packets are signed with; empty: one is made on first use and kept sealed.
SIGNING_KEY = b""
if os.environ.get("SIGNING_KEY"):
    try:
        SIGNING_KEY = base64.b64decode(os.environ["SIGNING_KEY"], validate=True)
    except binascii.Error:
        SIGNING_KEY = b"?"
    if len(SIGNING_KEY) != 32:
        raise ImproperlyConfigured("SIGNING_KEY must be base64 of the 32 bytes of an Ed25519 key")

try:
    DATABASES = {
        "default": dj_database_url.parse(
            os.environ.get("DATABASE_URL") or embedded.postgres_url(VAR),
            conn_max_age=60,
            conn_health_checks=True,
        )
    }
except (dj_database_url.ParseError, dj_database_url.UnknownSchemeError, ValueError) as error:
    raise ImproperlyConfigured(f"DATABASE_URL cannot be read: {error}") from None
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must name PostgreSQL 15 or newer: postgresql://…")
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)

INSTALLED_APPS = [
    "analyst",
    "cases",
    "ingest",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django_htmx",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "analyst.middleware.DatabaseAway",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "analyst.urls"
WSGI_APPLICATION = "analyst.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "analyst.access.desk",
            ],
            "builtins": ["analyst.templatetags.desk"],
        },
    }
]

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
MEDIA_ROOT = Path(os.environ.get("MEDIA_ROOT") or VAR / "media")  # packets; never served by URL
FILE_UPLOAD_PERMISSIONS = 0o600

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "analyst:queue"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "CommonPasswordValidator")
] + [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    }
]
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "analyst.views.errors.csrf_failure"

# Browser policy: our own files only, no inline script. Plotly makes one empty <style> element and
# fills it by rule; the hash of the empty string lets it.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF, "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
HTTPS = env_flag("HTTPS", not EMBEDDED_POSTGRES)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
if env_flag("BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# The detectors' door has a limit of its own (413 as JSON, ingest/api.py).
INGEST_BODY_LIMIT = int(env_number("INGEST_BODY_LIMIT", 64 * 2**20, 2**10, 2**30))
# So does the partners' door (cases/sharing/taxii).
TAXII_BODY_LIMIT = int(env_number("TAXII_BODY_LIMIT", 32 * 2**20, 2**10, 2**28))
TAXII_POLL_SECONDS = env_number("TAXII_POLL_SECONDS", 300, 1, 86_400)
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Stillwatch",
    "DESCRIPTION": "Investigation cases about distillation campaigns, and the detectors' door.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",  # whose schemas are JSON Schema, as ingest/wire.py writes it
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {"CaseVerdictEnum": "cases.models.Case.Verdict"},
}

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL") or (
    embedded.valkey_url(VAR) if EMBEDDED_BROKER else env("CELERY_BROKER_URL")
)
if CELERY_BROKER_URL.split(":", 1)[0] not in {"redis", "rediss", "redis+socket", "amqp", "amqps"}:
    raise ImproperlyConfigured("CELERY_BROKER_URL must begin with redis:// or amqp://")
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True  # results are rows
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 840  # below the visibility timeout, or a task would run twice
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        "visibility_timeout": 900,
        # by default a killed worker's message waits 100 s for the sweep that hands it out again
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }
    if CELERY_BROKER_URL.startswith("redis")
    else {"confirm_publish": True}
)
SWEEP_SECONDS = env_number("SWEEP_SECONDS", 3, 0.2, 300)
CELERY_BEAT_SCHEDULE = {
    name: {"task": f"cases.tasks.{name}", "schedule": SWEEP_SECONDS, "options": {"expires": 30}}
    for name in (
        "group_new_signals",
        "deliver_due_items",
        "seal_waiting_packets",
        "run_regroup_previews",
        "check_submissions",
        "build_match_sets",
        "answer_matches",
        "ask_partners",
        "run_pool_tests",
        "end_shares",
        "read_arrivals",
        "exchange_with_partners",
    )
}
CELERY_BEAT_SCHEDULE["watch_for_waves"] = {
    "task": "cases.tasks.watch_for_waves", "schedule": 60 * SWEEP_SECONDS,
    "options": {"expires": 600},
}  # fmt: skip

CELERY_BEAT_SCHEDULE["run_suspect_tests"] = {
    "task": "ingest.tasks.run_suspect_tests",
    "schedule": SWEEP_SECONDS,
    "options": {"expires": 30},
}
CELERY_BEAT_SCHEDULE["attach_watermark_findings"] = {
    "task": "cases.tasks.attach_watermark_findings",
    "schedule": 5 * SWEEP_SECONDS,  # it looks at every member that holds a found key
    "options": {"expires": 30},
}

# The log that the detectors look at by themselves, in running windows (docs/logs.md).
DETECT_LOGS = os.environ.get("DETECT_LOGS", "")
DETECT_BACKEND = os.environ.get("DETECT_BACKEND", "")
DETECT_MAP = env_pairs("DETECT_MAP")
DETECT_FORMAT = os.environ.get("DETECT_FORMAT", "")
DETECT_ZONE = os.environ.get("DETECT_ZONE", "")
DETECT_LOCKED = env_flag("DETECT_LOCKED", False)
DETECT_ENCODER = env_flag("DETECT_ENCODER", False)  # requirements-encoder.txt must be installed
DETECT_MAX_BYTES = env_whole("DETECT_MAX_BYTES", 0, 0, 2**62)  # 0: no cap
DETECT_EVERY = env_number("DETECT_EVERY", 300, 5, 86_400)  # seconds
DETECT_WINDOW = env_whole("DETECT_WINDOW", 14 * 24, 1, 400 * 24)  # hours
DETECT_STEP = env_whole("DETECT_STEP", 24, 1, 400 * 24)  # hours
DETECT_LATENESS = env_whole("DETECT_LATENESS", 60, 0, 30 * 24 * 60)  # minutes
if DETECT_STEP > DETECT_WINDOW:
    raise ImproperlyConfigured(
        f"DETECT_STEP is {DETECT_STEP} hours and DETECT_WINDOW {DETECT_WINDOW}: a step beyond the "
        "window would leave requests out"
    )
if DETECT_LOGS:
    CELERY_BEAT_SCHEDULE["detect_due_windows"] = {
        "task": "ingest.tasks.detect_due_windows",
        "schedule": DETECT_EVERY,
        "options": {"expires": DETECT_EVERY},
    }

# Watermarks: where tokenizer files lie (empty: the bundled tokenizer alone), and the hosts of the
# own network where a suspect model may be asked.
WATERMARK_TOKENIZERS = os.environ.get("WATERMARK_TOKENIZERS", "")
SUSPECT_PRIVATE_HOSTS = [
    host.strip() for host in os.environ.get("SUSPECT_PRIVATE_HOSTS", "").split(",") if host.strip()
]

# Who we are to partners: the name of the STIX identity that our shares come from.
ORGANISATION = os.environ.get("ORGANISATION") or "Stillwatch desk"

# Private matching: for so many days a partner matches under one key, then the key is retired.
MATCH_KEY_DAYS = env_whole("MATCH_KEY_DAYS", 7, 1, 90)

# Grouping. The prior is shown on every case.
MEMBERSHIP_PRIOR = env_number("MEMBERSHIP_PRIOR", 1 / 3000, 1e-9, 0.5)
# A decided case comes back when so many accounts, and such a share of its members, have joined it.
WAKE_ACCOUNTS = int(env_number("WAKE_ACCOUNTS", 5, 1, 1_000_000))
WAKE_SHARE = env_number("WAKE_SHARE", 0.1, 0, 100)
# Waves: for so many days after an action its successors are looked for.
WAVE_DAYS = int(env_number("WAVE_DAYS", 7, 1, 60))
# A suspension of more accounts than this needs a sample that was read blind, and of any size it is
# refused where the sample allows more wrong ones than this share.
SAMPLE_ABOVE = env_whole("SAMPLE_ABOVE", 200, 0, 10_000_000)
SAMPLE_MAX_WRONG = env_number("SAMPLE_MAX_WRONG", 0.1, 0, 1)
# Orders. Up to so many accounts one person may order alone, by kind; above it a second person
# approves. What waits for approval expires.
ORDER_ALONE = {"watch": 1_000_000} | env_counts(
    "ORDER_ALONE", ("watch", "contact", "verify", "limit", "suspend", "revoke", "reinstate")
)
APPROVAL_HOURS = env_whole("APPROVAL_HOURS", 72, 1, 24 * 90)
# A running order pauses by itself: above this share of failures in a stage, at so many appeals
# that were overturned, when P(abuse) of its case has fallen by so much.
STOP_ERRORS = env_number("STOP_ERRORS", 0.05, 0, 1)
STOP_OVERTURNED = env_whole("STOP_OVERTURNED", 3, 1, 1_000_000)
STOP_DROP = env_number("STOP_DROP", 0.15, 0.001, 1)
# So many days before its end a suspension asks to be renewed; an appeal is decided within so many.
RENEWAL_DAYS = env_whole("RENEWAL_DAYS", 7, 1, 365)
APPEAL_DAYS = env_whole("APPEAL_DAYS", 14, 1, 365)
# List prices in dollars a million tokens, for the spend of the accounts that an order reaches.
PRICE_INPUT = env_number("PRICE_INPUT", 0, 0, 1_000_000)
PRICE_OUTPUT = env_number("PRICE_OUTPUT", 0, 0, 1_000_000)
CELERY_BEAT_SCHEDULE["tend_orders"] = {
    "task": "cases.tasks.tend_orders", "schedule": SWEEP_SECONDS, "options": {"expires": 30},
}  # fmt: skip
CELERY_BEAT_SCHEDULE["tell_hooks"] = {
    "task": "cases.tasks.tell_hooks", "schedule": SWEEP_SECONDS, "options": {"expires": 30},
}  # fmt: skip
CELERY_BEAT_SCHEDULE["mark_drift"] = {
    "task": "cases.tasks.mark_drift", "schedule": 10 * SWEEP_SECONDS, "options": {"expires": 300},
}  # fmt: skip
# Accounts and clusters below the threshold that are drawn for labels in a week; 0: none.
LABEL_BUDGET = env_whole("LABEL_BUDGET", 20, 0, 1_000)
CELERY_BEAT_SCHEDULE["draw_labels"] = {
    "task": "cases.tasks.draw_labels", "schedule": 3600, "options": {"expires": 3600},
}  # fmt: skip

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("LOG_LEVEL", "INFO")},
    "loggers": {
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}

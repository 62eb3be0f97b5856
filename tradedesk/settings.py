"""Django settings: one file, everything that differs between machines comes from the environment (env.py)."""

from __future__ import annotations

from datetime import timedelta

from django.urls import reverse_lazy

from tradedesk import env
from tradedesk.conf import codecs_at_hand, gateways  # noqa: F401 - the codecs are looked up at once
from tradedesk.env import BASE_DIR

env.bound_name_lookups()
SECRET_KEY = env.secret_key()
DEBUG = env.read(env.env.bool, "DEBUG", False)
ALLOWED_HOSTS = env.read(env.env.list, "ALLOWED_HOSTS", ["localhost", "127.0.0.1"])
CSRF_FAILURE_VIEW = "tradedesk.http.failures.csrf_failure"
CSRF_TRUSTED_ORIGINS = env.web_addresses("CSRF_TRUSTED_ORIGINS", [])
DATA_DIR = env.data_dir()

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin.apps.SimpleAdminConfig",  # only the web process loads its pages: tradedesk/urls.py
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_fsm",
    "axes",
    "csp",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "tradedesk",
    "brokers",
    "orders",
]

MIDDLEWARE = [
    "tradedesk.http.names.name_requests",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "tradedesk.http.zeros.refuse_zeros",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "orders.admin.people.login.WorkingSession",
    "orders.admin.people.acts.ActingPerson",
    "orders.admin.shared.timezones.ZoneMiddleware",
    "axes.middleware.AxesMiddleware",
    "tradedesk.http.indentation.unindent",
]

#: What requests of the API go through: a token, no session and no page (tradedesk/http/requests.py).
API_MIDDLEWARE = [
    "tradedesk.http.names.name_requests",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "tradedesk.urls"
WSGI_APPLICATION = "tradedesk.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "tradedesk" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis and Celery: the wake-up and the pool, never the record --------------------------------
REDIS_URL = env.redis_url()
# Where REDIS_URL names Sentinels: what they call the primary, and their own password.
REDIS_PRIMARY = env.read(env.env.str, "TRADEDESK_REDIS_PRIMARY", "mymaster")
REDIS_SENTINEL_PASSWORD = env.read(env.env.str, "TRADEDESK_REDIS_SENTINEL_PASSWORD", "")
REDIS_KEY_PREFIX = "tradedesk:"
REDIS_TIMEOUT = 0.5  # seconds; a frozen Redis must not hold up a request or a worker loop

# --- Broker sessions ------------------------------------------------------------------------------
BROKER_SESSIONS = env.broker_sessions()
# A gateway logged in to accounts of the other kind is not used.
TRADING_MODE = env.choice("TRADEDESK_TRADING_MODE", "paper", ("paper", "live"))
# What takes effect only when a second person approves it; empty for a desk of one person.
FOUR_EYES = env.words(
    "TRADEDESK_FOUR_EYES",
    ("limits", "kill_release", "tokens", "manual_executions", "breaks_above", "orders_above", "overrides"),
)
# What "above" means, in the account's base currency: by default what the seeded limits let through.
ORDERS_ABOVE = env.amount("TRADEDESK_ORDERS_ABOVE", 5_000_000)
BREAKS_ABOVE = env.amount("TRADEDESK_BREAKS_ABOVE", 100_000)
# For all that one person closes alone in an account on one day (UTC): many small ones are a large one.
BREAKS_DAY_ABOVE = env.amount("TRADEDESK_BREAKS_DAY_ABOVE", int(BREAKS_ABOVE))
# Where the worker keeps an anchor of the audit each day; `audit verify` compares with all that are there.
AUDIT_ANCHORS = env.folder("TRADEDESK_AUDIT_ANCHORS") or env.data_dir() / "anchors"
# Where the worker archives old raw messages of the broker each night (None: a person does), and their age.
ARCHIVE = env.folder("TRADEDESK_ARCHIVE")
MESSAGES_KEPT_DAYS = env.integer("TRADEDESK_MESSAGES_KEPT_DAYS", 180, low=30, high=3650)
# Days that a token works whose maker names no other span.
TOKEN_DAYS = env.integer("TRADEDESK_TOKEN_DAYS", 365, low=1, high=3650)
# By session: the daily restart, in which no new order is sent, the end of the week's login, market days.
GATEWAY_CALENDARS = gateways.calendars(TRADING_MODE)
# A person is told when a session's link is not READY for so long, outside the restart window.
LOGIN_ALERT_AFTER = timedelta(minutes=env.number("TRADEDESK_LOGIN_ALERT_MINUTES", 5, low=0.1, high=1440))
# Where IBC takes commands (it asks for no login: loopback or the gateway's own network only).
GATEWAY_CONTROLS = gateways.controls()
# Instruments with a live quote at a time; an IB login has 100 lines, and somebody may look at others in TWS.
MARKET_DATA_LINES = env.integer("TRADEDESK_MARKET_DATA_LINES", 90, low=1, high=10_000)
# A gateway takes half as many messages a second of a client as its login has market data lines, 50 or more.
# The reserve is kept back for cancels while there are any.
PACING_PER_SECOND = env.integer("TRADEDESK_PACING", max(50, MARKET_DATA_LINES // 2), low=2, high=10_000)
PACING_CANCEL_RESERVE = max(1, PACING_PER_SECOND // 10)
# When the reports of a day are made by themselves, each working day of the market; empty: not.
REPORT_TIMES = env.report_times()
# The certificate that the proxy shows, where this process can read it: a day begins with how long it lasts.
TLS_CERTIFICATE = env.folder("TRADEDESK_TLS_CERTIFICATE")
# Statements that are fetched from IB's Flex web service; its token is a secret and stands nowhere else.
FLEX = env.flex()
# Where alerts may be sent on, by name; the URLs hold secrets and stand nowhere else.
ALERT_CHANNELS = env.alert_channels()
LEASE_TTL = env.number("TRADEDESK_LEASE_TTL", 3, low=1, high=60)  # seconds
ACK_DEADLINE = env.number("TRADEDESK_ACK_DEADLINE", 5, low=0.2, high=120)  # seconds
# Seconds after a login in which the gateway's lists may be empty, so that no absence is concluded from them.
SETTLING_TIME = env.number("TRADEDESK_SETTLING_TIME", 10, low=0, high=600)
# Seconds by which worker, database and gateway may differ before no absence is concluded any more.
MAX_CLOCK_SKEW = env.number("TRADEDESK_MAX_CLOCK_SKEW", 10, low=1, high=3600)
# For drills only: seconds by which this process takes its machine's clock to be ahead.
CLOCK_OFFSET = env.number("TRADEDESK_CLOCK_OFFSET", 0, low=-86_400, high=86_400)
# Seconds between the two snapshots that prove an order absent.
RESOLUTION_PAUSE = env.number("TRADEDESK_RESOLUTION_PAUSE", 1.5, low=0.2, high=60)
# Seconds a commission may lag behind its execution before the order is marked and somebody is told.
COMMISSION_GRACE = env.number("TRADEDESK_COMMISSION_GRACE", 60, low=1, high=86_400)
# The breaker opens after so many unanswered orders in a row, and tries one after so many seconds.
BREAKER_THRESHOLD = env.integer("TRADEDESK_BREAKER_THRESHOLD", 5, low=1, high=10_000)
BREAKER_COOL_DOWN = env.number("TRADEDESK_BREAKER_COOL_DOWN", 15, low=0.2, high=3600)
RECONCILE_ORDERS_EVERY = env.number("TRADEDESK_RECONCILE_ORDERS_EVERY", 30, low=1, high=3600)
RECONCILE_POSITIONS_EVERY = env.number("TRADEDESK_RECONCILE_POSITIONS_EVERY", 60, low=1, high=3600)
# Hours in which a basket's order of the same content as an earlier one needs a typed confirmation.
REPEAT_HOURS = env.number("TRADEDESK_REPEAT_HOURS", 24, low=0, high=24 * 31)
# Hours that the last price may be old at which an order without a limit is valued: a long weekend.
MAX_PRICE_AGE_HOURS = env.number("TRADEDESK_MAX_PRICE_AGE_HOURS", 96, low=0.001, high=24 * 31)
# Seconds an order may be old when it is sent (design section 4, freshness), by order type.
MAX_AGE = {
    name: env.number(f"TRADEDESK_MAX_AGE_{name}", default, low=1, high=86_400)
    for name, default in {
        "MARKET": 10,
        "LIMIT": 300,
        "STOP": 60,
        "STOP_LIMIT": 300,
        "TRAIL": 60,
        "TRAIL_LIMIT": 300,
        "MIT": 60,
        "LIT": 300,
        "MOC": 300,
        "LOC": 300,
        "RELATIVE": 60,
        "MIDPRICE": 60,
        "MARKET_TO_LIMIT": 10,
    }.items()
}

# --- Web ------------------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
FORMAT_MODULE_PATH = "tradedesk.formats"
STATIC_URL = "/static/"
STATIC_ROOT = env.read(env.env.str, "STATIC_ROOT", "") or None  # where collectstatic puts them in an image
WHITENOISE_USE_FINDERS = True  # the local stack serves without a collectstatic step
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000  # bytes; larger bodies are refused with 413
# Seconds that the body of a request may take as a whole to arrive; then the answer is 408.
BODY_TIME = env.number("TRADEDESK_BODY_TIME", 10, low=0.5, high=600)
# Requests that a web process works at once; its other threads wait for slow bodies.
WEB_TURNS = env.integer("TRADEDESK_WEB_TURNS", 8, low=1, high=100)
STREAM_URL = env.web_address("TRADEDESK_STREAM_URL", "http://127.0.0.1:8001")

# Spans go there (OTLP over HTTP); empty: none are made. Needs the extra `otel`.
OTLP_ENDPOINT = env.read(env.env.str, "OTEL_EXPORTER_OTLP_ENDPOINT", "")

from tradedesk.conf.accounts import ACCOUNTS, APPROVER_PASSWORD, DESK_PASSWORD  # noqa: E402, F401
from tradedesk.conf.celery import *  # noqa: E402, F403
from tradedesk.conf.csp import CONTENT_SECURITY_POLICY  # noqa: E402, F401
from tradedesk.conf.database import *  # noqa: E402, F403
from tradedesk.conf.login import *  # noqa: E402, F403
from tradedesk.conf.logs import LOGGING  # noqa: E402, F401
from tradedesk.conf.rest import *  # noqa: E402, F403
from tradedesk.conf.transport import *  # noqa: E402, F403
from tradedesk.conf.unfold import FLOWER_URL, UNFOLD  # noqa: E402, F401

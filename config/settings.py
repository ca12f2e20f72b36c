"""All settings, read from the environment and from `.env` beside manage.py.

The only variables a production installation must set are SECRET_KEY, VAULT_KEYS, ALLOWED_HOSTS, PUBLIC_URL,
DATABASE_URL and REDIS_URL. Without the last two the portal runs on SQLite and on the embedded Valkey.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.conf import global_settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy

from config import logging as log_config

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
_env_file = Path(env("ENV_FILE", default=str(BASE_DIR / ".env")))
if _env_file.exists():
    env.read_env(_env_file)

# --- Who we are -----------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
VAR_DIR = Path(env("VAR_DIR", default=str(BASE_DIR / "var")))
try:
    SECRET_KEY = env("SECRET_KEY")
except ImproperlyConfigured as error:
    msg = "SECRET_KEY is not set. `make run` writes a .env with fresh secrets; in production set it in the environment."
    raise ImproperlyConfigured(msg) from error
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Where gunicorn listens.
HOST = env("HOST", default="127.0.0.1")
PORT = env.int("PORT", default=8000)
# Where people and vendors reach the portal: in mails, and registered with vendors as the redirect URI.
# On one's own machine that is localhost, as browsers take no passkeys for an address of numbers.
PUBLIC_URL = env("PUBLIC_URL", default=f"http://{'localhost' if HOST == '127.0.0.1' else HOST}:{PORT}").rstrip("/")
USER_AGENT = "sen-partner-portal/1"

# Master keys of the vault as `id:base64 of 32 bytes`, comma-separated. The last one seals, all of them open.
VAULT_KEYS = env("VAULT_KEYS", default="")

# --- Apps and middleware --------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "simple_history",
    "csp",
    "django_structlog",
    "rest_framework",
    "oauth2_provider",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "onboarding",
    "ingest",
    "gateways",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.middleware.relaxed_policy_for_admin",
    "config.middleware.kept_by_nobody",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.middleware.RequestIdMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
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
                "onboarding.views.branding.look",
            ]
        },
    }
]

# --- Database, broker, cache ----------------------------------------------------------------------

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'portal.sqlite3'}")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
else:
    # A thread keeps its connection. Not psycopg's pool: Celery's workers would tear it down after every task.
    DATABASES["default"] |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)

# The embedded Valkey listens on a unix socket; `manage.py run` starts it when REDIS_URL is not set.
REDIS_URL = env("REDIS_URL", default="")
VALKEY_SOCKET = VAR_DIR / "valkey.sock"
_cache_url = REDIS_URL or f"unix://{VALKEY_SOCKET}?db=1"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": _cache_url}}

# --- Jobs -----------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL or f"redis+socket://{VALKEY_SOCKET}?virtual_host=0"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", default=4)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")
CELERY_TIMEZONE = "UTC"
# Every task ends within TASK_SLICE and goes on in the next one, so that the broker may hand a task that was lost with
# its worker to another one soon. kombu looks for lost tasks only every interval x throttle ticks (100 s as shipped).
TASK_SLICE = timedelta(seconds=25)
CELERY_TASK_TIME_LIMIT = 45
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 50,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    # A worker that was killed while it looked would keep the others from looking for 300 s.
    "unacked_mutex_expire": 3,
}

# --- The Sourceful Energy Network and the vendor clouds -------------------------------------------

# The stand-ins of SEN and of every vendor cloud: partners in the sandbox environment talk to nothing else.
SANDBOX_URL = env("SANDBOX_URL", default="http://127.0.0.1:8801")
SEN_DATA_URL = env("SEN_DATA_URL", default="https://mainnet.srcful.dev/gw/data/")
SEN_GRAPHQL_URL = env("SEN_GRAPHQL_URL", default="https://api.srcful.dev/")
# Hosts of production vendor clouds that differ from the adapter's own, e.g. {"solis": {"api": "https://…"}}.
VENDOR_URLS = env.json("VENDOR_URLS", default={})
# Proxy and CA bundle for all outgoing calls; the usual environment variables are ignored on purpose.
OUTGOING_PROXY = env("OUTGOING_PROXY", default="")
OUTGOING_CA_BUNDLE = env("OUTGOING_CA_BUNDLE", default="")

# --- People ---------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1"]  # who has no password signs in by a code in a mail, or a passkey
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = 15 * 60  # mail can be slow
# Else a session that was left open could give itself an address to reset the password with.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_RATE_LIMITS = {"download": "10/5m/user"}  # beside those of allauth, which stay
ACCOUNT_ADAPTER = "onboarding.accounts.AccountAdapter"
ACCOUNT_FORMS = {"login": "onboarding.accounts.LoginForm", "signup": "onboarding.accounts.SignupForm"}
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGOUT_REDIRECT_URL = reverse_lazy("account_login")
LOGIN_REDIRECT_URL = reverse_lazy("home")
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = MFA_PASSKEY_SIGNUP_ENABLED = True
# Sign-in through others: django-allauth's SOCIALACCOUNT_PROVIDERS, each with the `origin` of its own page besides, so
# `{"google": {"origin": "https://accounts.google.com", "APPS": [{"client_id": "…", "secret": "…"}]}}`.
SOCIALACCOUNT_PROVIDERS = env.json("SOCIAL_SIGN_IN", default={})
SOCIAL_ORIGINS = [provider.pop("origin", "") for provider in SOCIALACCOUNT_PROVIDERS.values()]
if SOCIALACCOUNT_PROVIDERS:
    INSTALLED_APPS.append("allauth.socialaccount")
    INSTALLED_APPS += [f"allauth.socialaccount.providers.{name}" for name in SOCIALACCOUNT_PROVIDERS]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
EMAIL_CONFIG = env.email("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10  # seconds; without it a mail server that is silent holds a worker for ever
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="portal@localhost")

# --- OAuth2 server and API ------------------------------------------------------------------------

PASSWORD_HASHERS = [*global_settings.PASSWORD_HASHERS, "gateways.oauth.hashers.ClientSecretHasher"]
OAUTH2_PROVIDER_APPLICATION_MODEL = "gateways.Client"
# RFC 9700 is the checklist, docs/oauth.md says what shows each line of it.
OAUTH2_PROVIDER = {
    "OAUTH2_SERVER_CLASS": "gateways.oauth.server.Server",
    "OAUTH2_BACKEND_CLASS": "gateways.oauth.server.Core",
    "OAUTH2_VALIDATOR_CLASS": "gateways.oauth.validator.Validator",
    "SCOPES_BACKEND_CLASS": "gateways.oauth.scopes.PerClient",
    "CLIENT_SECRET_HASHER": "pbkdf2_sha256_client",
    "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": 60,
    "REFRESH_TOKEN_EXPIRE_SECONDS": 60 * 86_400,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "PKCE_REQUIRED": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    **{
        f"COMPLIANT_BCP_RFC9700_{rule}": True
        for rule in (
            "IMPLICIT_GRANT", "PASSWORD_GRANT", "PKCE_METHOD", "ACCESS_TOKEN_TRANSPORT", "AUTHZ_RESPONSE_ISS",
            "TOKEN_STORAGE", "REFRESH_TOKEN", "REDIRECT_URI_SCHEME", "REDIRECT_URI_MATCHING", "PKCE_REQUIRED",
        )
    },
}  # fmt: skip
REST_FRAMEWORK = {
    "EXCEPTION_HANDLER": "gateways.rest.problems.handler",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "gateways.rest.schema.Schema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Partner portal",
    "DESCRIPTION": (
        "What a partner's staff do by hand, and what SEN and apps ask of a home. The newcomer's page is"
        " `docs/api.md` of the portal's source; [all that can go wrong](/api/problems) has a page of its own."
    ),
    "VERSION": "2026-11-21",
    "OAS_VERSION": "3.1.1",
    "COMPONENT_SPLIT_PATCH": False,  # a body of PATCH is one of its own
    "POSTPROCESSING_HOOKS": ["gateways.rest.openapi.complete"],
}

LANGUAGE_CODE = "en"
# Named as in the menu: each in itself. The texts are in locale/, see docs/translations.md.
LANGUAGES = [
    ("en", "English"),
    ("sv", "Svenska"),
    ("de", "Deutsch"),
    ("nl", "Nederlands"),
    ("fr", "Français"),
    ("es", "Español"),
]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_AGE = 31_536_000
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

# --- Maps -----------------------------------------------------------------------------------------

# A tile server as https://host/{z}/{x}/{y}.png and whom to name for it; without one, maps show coastlines of our own.
MAP_TILES_URL = env("MAP_TILES_URL", default="")
MAP_ATTRIBUTION = env("MAP_ATTRIBUTION", default="")
_MAP_ORIGINS = ["/".join(MAP_TILES_URL.split("/")[:3])] if MAP_TILES_URL else []

# --- Security -------------------------------------------------------------------------------------

# Everything that must be off on a plain-http laptop hangs on this one switch; DEBUG implies it.
HTTPS = env.bool("HTTPS", default=not DEBUG)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
# Whether a proxy of ours stands before us, which sets X-Forwarded-Proto and X-Request-ID itself.
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
# Else rate limits would count everybody as the proxy.
ALLAUTH_TRUSTED_PROXY_COUNT = int(BEHIND_PROXY)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    # unfold needs eval and inline styles; config.middleware lifts the policy to this one on /admin only.
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:", *_MAP_ORIGINS],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF, *SOCIAL_ORIGINS],
    }
}
ADMIN_CSP = {"script-src": [SELF, UNSAFE_EVAL, UNSAFE_INLINE], "style-src": [SELF, UNSAFE_INLINE]}

# --- Static files ---------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- Logs and metrics -----------------------------------------------------------------------------

LOG_FORMAT = env("LOG_FORMAT", default="json")
LOGGING_CONFIG = "config.logging.configure"
LOGGING = log_config.settings(log_format=LOG_FORMAT, level=env("LOG_LEVEL", default="INFO"))
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = BEHIND_PROXY
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_CELERY_TASK_START_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_CELERY_TASK_SUCCESS_LOG_LEVEL = logging.DEBUG
# With a token, /metrics answers only to `Authorization: Bearer <token>`; without one, only to this machine.
METRICS_TOKEN = env("METRICS_TOKEN", default="")

# --- Admin ----------------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Partner portal",
    "SITE_HEADER": "Partner portal",
    "SITE_SYMBOL": "solar_power",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": f"/{STATIC_URL}favicon.svg"}],
    "SHOW_HISTORY": True,
    "DASHBOARD_CALLBACK": "ingest.dashboard.context",
    "SIDEBAR": {"navigation": "ingest.admin.navigation.groups"},
}

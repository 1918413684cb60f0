"""Django settings. What varies comes from keqiao.runtime.environment; nothing else reads the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from keqiao.runtime import federation, keys, postgres
from keqiao.runtime.environment import read_environment

ENV = read_environment()
BASE_DIR = Path(__file__).resolve().parent

SECRET_KEY = ENV.secret_key or keys.secret_key(ENV.data)
DEBUG = ENV.debug
ALLOWED_HOSTS = list(ENV.allowed_hosts)
SITE_URL = ENV.site_url
LIVE_URL = ENV.live_url
FORCE_SCRIPT_NAME = urlsplit(ENV.site_url).path or None  # the site under a path: keqiao.web.proxied
PROXIES = ENV.proxies
CSRF_TRUSTED_ORIGINS = [f"{urlsplit(ENV.site_url).scheme}://{urlsplit(ENV.site_url).netloc}"]
DATA_DIR = ENV.data
INDEX_CACHE_MB = ENV.index_cache
INDEX_PROCESSES = ENV.index_processes
ALL_PAIRS_AT, ALL_PAIRS_PROCESSES = ENV.all_pairs_at, ENV.all_pairs_processes
RAY_ADDRESS = ENV.ray_address
JURISDICTION = ENV.jurisdiction
SITE_TIME_ZONE = ENV.time_zone

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "pgtrigger",
    "procrastinate.contrib.django",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.socialaccount.providers.saml",
    "allauth.usersessions",
    "keqiao.kernel",
    "keqiao.parties",
    "keqiao.accounts",
    "keqiao.ledger",
    "keqiao.inference",
    "keqiao.catalogue",
    "keqiao.matching",
    "keqiao.submissions",
    "keqiao.engagement",
    "keqiao.deals",
    "keqiao.joining",
    "keqiao.alerts",
    "keqiao.experts",
    "keqiao.learning",
    "keqiao.interchange",
    "keqiao.integrations",
    "keqiao.web",
]

MIDDLEWARE = [
    "keqiao.web.proxied.ClientAddress",
    "keqiao.web.proxied.UnderPath",
    "keqiao.web.middleware.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "keqiao.web.middleware.SecurityHeaders",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "keqiao.web.turns.ByTurns",
    "keqiao.web.middleware.CleanInput",
    "keqiao.kernel.replicas.Marker",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "keqiao.web.languages.SiteLanguages",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "keqiao.accounts.middleware.SeenSessions",
    "keqiao.web.middleware.WhoActs",
    "keqiao.web.standing_in.OnlyReading",
    "keqiao.web.middleware.DomainErrors",
    "keqiao.web.frame.ApiFrame",
]

ROOT_URLCONF = "keqiao.web.urls"
WSGI_APPLICATION = "keqiao.web.wsgi.application"
APPEND_SLASH = False
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "keqiao.web.context.site",
            ],
            "builtins": ["django.templatetags.i18n", "keqiao.web.templatetags.keqiao"],
        },
    }
]


def _at(url: str) -> dict[str, Any]:
    """Where a server is. A cluster's several hosts stand in the query: `postgresql:///keqiao?host=a,b&port=5432,5432`."""
    parts = urlsplit(url)
    options = {key: values[0] for key, values in parse_qs(parts.query).items()}
    return {
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or options.pop("user", "")),
        "PASSWORD": unquote(parts.password or options.pop("password", "")),
        "HOST": options.pop("host", "") or parts.hostname or "",
        "PORT": options.pop("port", "") or str(parts.port or ""),
        "OPTIONS": options,
    }


def _embedded() -> dict[str, Any]:
    where = postgres.address(ENV.data)
    place = {"NAME": where["dbname"], "USER": where["user"], "HOST": where["host"], "PORT": str(where["port"])}
    return {**place, "OPTIONS": {}}


def _database(place: dict[str, Any], **pool: Any) -> dict[str, Any]:
    options = {"application_name": "keqiao", "pool": {"max_size": ENV.pool_size, **pool}, **place["OPTIONS"]}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,  # a connection that the database dropped is not given to a request
        "ATOMIC_REQUESTS": False,
        **place,
        "OPTIONS": options,
    }


def _replica(url: str) -> dict[str, Any]:
    """Nobody waits long for it: the primary can answer too."""
    place = _at(url)
    patience = {"connect_timeout": "2", "tcp_user_timeout": "5000"}
    place["OPTIONS"] = {**patience, **place["OPTIONS"]}
    return {**_database(place, min_size=0, timeout=2), "TEST": {"MIRROR": "default"}}


# The server named by DATABASE_URL, or the embedded one of the data folder (started by the launcher, not here).
DATABASES = {"default": _database(_at(ENV.database_url) if ENV.database_url else _embedded(), min_size=1, timeout=10)}
# Lists may be read from replicas (keqiao.kernel.replicas): rows of these contexts, and never who may see them.
DATABASES |= {f"replica{number}": _replica(url) for number, url in enumerate(ENV.replica_urls, 1)}
DATABASE_ROUTERS = ["keqiao.kernel.replicas.Router"]
REPLICAS = [alias for alias in DATABASES if alias != "default"]
REPLICA_LAG = ENV.replica_lag
MAY_LAG = {"parties", "catalogue", "matching", "engagement", "deals", "joining", "experts"}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
SESSION_COOKIE_AGE = 14 * 24 * 3600  # with "stay signed in"; otherwise until the browser closes

# allauth gives second factors, passkeys, sessions and federated sign-in (docs/decisions/0007). Its pages are not
# mounted, its limits are ours (accounts.types.LIMITS), and it sends no mail.
ACCOUNT_ADAPTER = "keqiao.accounts.adapters.Accounts"
ACCOUNT_EMAIL_VERIFICATION = "none"  # an account is opened after its address was proved
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_RATE_LIMITS = False
ACCOUNT_LOGIN_TIMEOUT = 15 * 60  # for the second step
MFA_ADAPTER = "keqiao.accounts.adapters.SecondFactors"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1  # a phone may be half a minute off
# On http:// browsers offer passkeys on localhost only, an origin that the library refuses unless told.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not ENV.site_url.startswith("https://")
SOCIALACCOUNT_ADAPTER = "keqiao.accounts.adapters.Federation"
SOCIALACCOUNT_AUTO_SIGNUP = False  # the agreement is asked first
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False  # an address that an identity provider tells opens no account
SOCIALACCOUNT_LOGIN_ON_GET = True  # a link: the policy lets forms go nowhere but here
SOCIALACCOUNT_PROVIDERS = federation.read_providers(ENV.data, ENV.sign_in_providers)
SMS_URL, SMS_KEY = ENV.sms_url, ENV.sms_key

# Source strings are Chinese (docs/decisions): zh-hans shows them as they stand, other languages translate.
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "中文"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_COOKIE_NAME = "keqiao_language"
LANGUAGE_COOKIE_SAMESITE = "Lax"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"  # served from where the files lie: nothing is collected
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "keqiao.web.storage.HashedStatic"},
}
WHITENOISE_MAX_AGE = 24 * 3600  # addresses carry a hash of the content

SECURE_HTTPS = ENV.site_url.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = SECURE_HTTPS
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = LANGUAGE_COOKIE_PATH = FORCE_SCRIPT_NAME or "/"
SESSION_COOKIE_NAME = "keqiao_session"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_NAME = "keqiao_csrf"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_HTTPS else None
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000  # a table of 50 indicators, each of many fields

EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend" if ENV.email_url else "django.core.mail.backends.dummy.EmailBackend"
)
SENDS_EMAIL = bool(ENV.email_url)
if ENV.email_url:
    _mail = urlsplit(ENV.email_url)
    EMAIL_HOST, EMAIL_PORT = _mail.hostname or "", _mail.port or 25
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_mail.username or ""), unquote(_mail.password or "")
    EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.scheme == "smtp+tls", _mail.scheme == "smtps"
DEFAULT_FROM_EMAIL = ENV.email_from
OUTGOING_HOSTS = frozenset(ENV.outgoing_hosts)  # webhooks and robots may reach these inside the network, also by http

# Outside models (src/keqiao/inference): none unless an address or a folder is given.
EMBEDDINGS_URL, EMBEDDINGS_FOLDER, EMBEDDINGS_MODEL = ENV.embeddings_url, ENV.embeddings_folder, ENV.embeddings_model
EMBEDDINGS_KEY, EMBEDDINGS_PRICE, EMBEDDINGS_SEARCHES = (
    ENV.embeddings_key,
    ENV.embeddings_price,
    ENV.embeddings_searches,
)
CHAT_URL, CHAT_MODEL, CHAT_KEY = ENV.chat_url, ENV.chat_model, ENV.chat_key
CHAT_PRICE_IN, CHAT_PRICE_OUT = ENV.chat_price_in, ENV.chat_price_out
MODELS_CAP = ENV.models_cap

# The search index: LanceDB in the data folder unless a Milvus is named.
MILVUS_URI, MILVUS_TOKEN, MILVUS_CONSISTENCY = ENV.milvus_uri, ENV.milvus_token, ENV.milvus_consistency

# What the processes tell of themselves (keqiao.kernel.measures): nothing unless asked.
METRICS, METRICS_TOKEN, TRACES_URL = ENV.metrics, ENV.metrics_token, ENV.traces_url

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "keqiao.web.logs.JsonLines"}},
    "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["out"], "level": ENV.log_level},
    "loggers": {
        "procrastinate": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
        "httpx": {"level": "WARNING"},
    },
}

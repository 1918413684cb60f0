"""The environment is read here, once, and nowhere else. Every variable is described in docs/reference/settings.md."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path


class BadSetting(ValueError):
    """An environment variable has a value that cannot be used; the message names it and gives an example."""


@dataclass(frozen=True)
class Environment:
    """What the one who runs the site decides. `variable` and `help` of each field become the reference page."""

    data: Path  # KEQIAO_DATA: database, files, keys, index
    port: int  # PORT: the web process; the live-event process listens on the next one
    host: str  # KEQIAO_HOST: address to listen on
    database_url: str  # DATABASE_URL: a PostgreSQL server; empty means the embedded one
    site_url: str  # KEQIAO_SITE_URL: the public address, for links in feeds and mails
    allowed_hosts: tuple[str, ...]  # KEQIAO_ALLOWED_HOSTS: comma-separated
    proxies: int  # KEQIAO_PROXIES: how many reverse proxies stand before the site; their X-Forwarded-For is believed
    debug: bool  # KEQIAO_DEBUG: 1 shows tracebacks; never on a public site
    secret_key: str  # KEQIAO_SECRET_KEY: empty means a key kept in the data folder
    jurisdiction: str  # KEQIAO_JURISDICTION: which rule packs apply, for example CN-SH
    time_zone: str  # KEQIAO_TIME_ZONE: the site's zone for dates and deadlines
    email_url: str  # EMAIL_URL: smtp://user:password@host:port; empty means no e-mail is sent
    email_from: str  # KEQIAO_EMAIL_FROM: sender of the platform's mail
    sms_url: str  # KEQIAO_SMS_URL: an HTTP gateway for text messages; empty means none are sent
    sms_key: str  # KEQIAO_SMS_KEY: the gateway's bearer token
    sign_in_providers: str  # KEQIAO_SIGN_IN_PROVIDERS: a TOML file of OIDC and SAML providers, in the data folder
    outgoing_hosts: tuple[str, ...]  # KEQIAO_OUTGOING_HOSTS: own hosts that webhooks and robots may reach inside
    web_workers: int  # KEQIAO_WEB_WORKERS: web processes
    pool_size: int  # KEQIAO_POOL_SIZE: database connections per process
    log_level: str  # KEQIAO_LOG_LEVEL: DEBUG, INFO, WARNING or ERROR


VARIABLES = {
    "data": ("KEQIAO_DATA", "var/keqiao"),
    "port": ("PORT", "8000"),
    "host": ("KEQIAO_HOST", "127.0.0.1"),
    "database_url": ("DATABASE_URL", ""),
    "site_url": ("KEQIAO_SITE_URL", ""),
    "allowed_hosts": ("KEQIAO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]"),
    "proxies": ("KEQIAO_PROXIES", "0"),
    "debug": ("KEQIAO_DEBUG", "0"),
    "secret_key": ("KEQIAO_SECRET_KEY", ""),
    "jurisdiction": ("KEQIAO_JURISDICTION", "CN"),
    "time_zone": ("KEQIAO_TIME_ZONE", "Asia/Shanghai"),
    "email_url": ("EMAIL_URL", ""),
    "email_from": ("KEQIAO_EMAIL_FROM", "keqiao@localhost"),
    "sms_url": ("KEQIAO_SMS_URL", ""),
    "sms_key": ("KEQIAO_SMS_KEY", ""),
    "sign_in_providers": ("KEQIAO_SIGN_IN_PROVIDERS", ""),
    "outgoing_hosts": ("KEQIAO_OUTGOING_HOSTS", ""),
    "web_workers": ("KEQIAO_WEB_WORKERS", "1"),
    "pool_size": ("KEQIAO_POOL_SIZE", "6"),
    "log_level": ("KEQIAO_LOG_LEVEL", "INFO"),
}


def read_environment(environ: os._Environ[str] | dict[str, str] = os.environ) -> Environment:
    """The settings of this process; raises BadSetting naming the variable."""
    raw = {field.name: _text(environ, field.name) for field in fields(Environment)}
    port = _whole(raw, "port", 1, 65534)
    return Environment(
        data=Path(raw["data"]).expanduser().resolve(),
        port=port,
        host=raw["host"],
        database_url=raw["database_url"],
        site_url=(raw["site_url"] or f"http://localhost:{port}").rstrip("/"),
        allowed_hosts=tuple(h.strip() for h in raw["allowed_hosts"].split(",") if h.strip()),
        proxies=_whole(raw, "proxies", 0, 9),
        debug=raw["debug"] == "1",
        secret_key=raw["secret_key"],
        jurisdiction=raw["jurisdiction"],
        time_zone=raw["time_zone"],
        email_url=raw["email_url"],
        email_from=raw["email_from"],
        sms_url=raw["sms_url"],
        sms_key=raw["sms_key"],
        sign_in_providers=raw["sign_in_providers"],
        outgoing_hosts=tuple(h.strip().lower() for h in raw["outgoing_hosts"].split(",") if h.strip()),
        web_workers=_whole(raw, "web_workers", 1, 64),
        pool_size=_whole(raw, "pool_size", 1, 64),
        log_level=raw["log_level"].upper(),
    )


def _text(environ: os._Environ[str] | dict[str, str], name: str) -> str:
    variable, default = VARIABLES[name]
    return environ.get(variable, "").strip() or default


def _whole(raw: dict[str, str], name: str, low: int, high: int) -> int:
    variable, default = VARIABLES[name]
    try:
        value = int(raw[name])
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise BadSetting(f"{variable}={raw[name]!r}: a whole number from {low} to {high}, for example {default}")
    return value

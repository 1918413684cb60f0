"""The environment is read here, once, and nowhere else. Every variable is described in docs/reference/settings.md."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import time
from decimal import Decimal, InvalidOperation
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit


class BadSetting(ValueError):
    """An environment variable has a value that cannot be used; the message names it and gives an example."""


@dataclass(frozen=True)
class Environment:
    """What the one who runs the site decides. `variable` and `help` of each field become the reference page."""

    data: Path  # KEQIAO_DATA: database, files, keys, index
    port: int  # PORT: the web process; the live-event process listens on the next one
    host: str  # KEQIAO_HOST: address to listen on
    database_url: str  # DATABASE_URL: a PostgreSQL server; empty means the embedded one
    replica_urls: tuple[str, ...]  # DATABASE_REPLICA_URL: replicas that lists are read from, separated by spaces
    replica_lag: int  # KEQIAO_REPLICA_LAG: how many seconds old what such a list shows may be
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
    embeddings_url: str  # KEQIAO_EMBEDDINGS_URL: an OpenAI-compatible endpoint, as https://models.example.org/v1
    embeddings_folder: str  # KEQIAO_EMBEDDINGS_FOLDER: a sentence-transformers folder; needs keqiao[models]
    embeddings_model: str  # KEQIAO_EMBEDDINGS_MODEL: the model's name at the endpoint
    embeddings_key: str  # KEQIAO_EMBEDDINGS_KEY: the endpoint's bearer token
    embeddings_price: Decimal | None  # KEQIAO_EMBEDDINGS_PRICE: yuan per million tokens; 0 for a server of one's own
    embeddings_searches: bool  # KEQIAO_EMBEDDINGS_SEARCHES: 1 sends what people search for too
    chat_url: str  # KEQIAO_CHAT_URL: an OpenAI-compatible endpoint that drafts and translates; empty means none
    chat_model: str  # KEQIAO_CHAT_MODEL: the model's name there
    chat_key: str  # KEQIAO_CHAT_KEY: the endpoint's bearer token
    chat_price_in: Decimal | None  # KEQIAO_CHAT_PRICE_IN: yuan per million tokens sent; 0 for a server of one's own
    chat_price_out: Decimal | None  # KEQIAO_CHAT_PRICE_OUT: yuan per million tokens received
    models_cap: Decimal  # KEQIAO_MODELS_CAP: yuan a month for all models together; what would go beyond it is not asked
    milvus_uri: str  # MILVUS_URI: a Milvus server that holds the search index; empty means LanceDB in the data folder
    milvus_token: str  # MILVUS_TOKEN: user:password or API key of that server
    milvus_consistency: str  # MILVUS_CONSISTENCY: Bounded (searches some seconds behind) or Strong
    index_processes: int  # KEQIAO_INDEX_PROCESSES: that make a large index anew; 0 means one a core, at most 3
    all_pairs_at: str  # KEQIAO_ALL_PAIRS_AT: when all needs are matched with all achievements, as 02:30; empty: never
    all_pairs_processes: int  # KEQIAO_ALL_PAIRS_PROCESSES: that compute it on this machine; 0 means one a core
    ray_address: str  # RAY_ADDRESS: a Ray cluster that computes all pairs, or local; needs keqiao[ray]; empty: no Ray
    metrics: str  # KEQIAO_METRICS: where Prometheus may ask, as 127.0.0.1:9464; empty means nowhere
    metrics_token: str  # KEQIAO_METRICS_TOKEN: bearer token that Prometheus gives; needed beyond loopback
    traces_url: str  # KEQIAO_TRACES_URL: an OpenTelemetry collector (OTLP over HTTP); needs keqiao[traces]
    web_workers: int  # KEQIAO_WEB_WORKERS: web processes
    pool_size: int  # KEQIAO_POOL_SIZE: database connections per process
    index_cache: int  # KEQIAO_INDEX_CACHE: MB of the search index that each process keeps; more is faster
    log_level: str  # KEQIAO_LOG_LEVEL: DEBUG, INFO, WARNING or ERROR

    @property
    def live_url(self) -> str:
        """Where browsers reach the live process: beside the port that they came to, or behind the proxy of the site."""
        address = urlsplit(self.site_url)
        if address.scheme == "http" and address.port == self.port:
            return f"http://{address.hostname}:{self.port + 1}"
        return self.site_url


VARIABLES = {
    "data": ("KEQIAO_DATA", "var/keqiao"),
    "port": ("PORT", "8000"),
    "host": ("KEQIAO_HOST", "127.0.0.1"),
    "database_url": ("DATABASE_URL", ""),
    "replica_urls": ("DATABASE_REPLICA_URL", ""),
    "replica_lag": ("KEQIAO_REPLICA_LAG", "5"),
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
    "embeddings_url": ("KEQIAO_EMBEDDINGS_URL", ""),
    "embeddings_folder": ("KEQIAO_EMBEDDINGS_FOLDER", ""),
    "embeddings_model": ("KEQIAO_EMBEDDINGS_MODEL", ""),
    "embeddings_key": ("KEQIAO_EMBEDDINGS_KEY", ""),
    "embeddings_price": ("KEQIAO_EMBEDDINGS_PRICE", ""),
    "embeddings_searches": ("KEQIAO_EMBEDDINGS_SEARCHES", "0"),
    "chat_url": ("KEQIAO_CHAT_URL", ""),
    "chat_model": ("KEQIAO_CHAT_MODEL", ""),
    "chat_key": ("KEQIAO_CHAT_KEY", ""),
    "chat_price_in": ("KEQIAO_CHAT_PRICE_IN", ""),
    "chat_price_out": ("KEQIAO_CHAT_PRICE_OUT", ""),
    "models_cap": ("KEQIAO_MODELS_CAP", "500"),
    "milvus_uri": ("MILVUS_URI", ""),
    "milvus_token": ("MILVUS_TOKEN", ""),
    "milvus_consistency": ("MILVUS_CONSISTENCY", "Bounded"),
    "index_processes": ("KEQIAO_INDEX_PROCESSES", "0"),
    "all_pairs_at": ("KEQIAO_ALL_PAIRS_AT", ""),
    "all_pairs_processes": ("KEQIAO_ALL_PAIRS_PROCESSES", "0"),
    "ray_address": ("RAY_ADDRESS", ""),
    "metrics": ("KEQIAO_METRICS", ""),
    "metrics_token": ("KEQIAO_METRICS_TOKEN", ""),
    "traces_url": ("KEQIAO_TRACES_URL", ""),
    "web_workers": ("KEQIAO_WEB_WORKERS", "1"),
    "pool_size": ("KEQIAO_POOL_SIZE", "6"),
    "index_cache": ("KEQIAO_INDEX_CACHE", "48"),
    "log_level": ("KEQIAO_LOG_LEVEL", "INFO"),
}


def read_environment(environ: os._Environ[str] | dict[str, str] = os.environ) -> Environment:
    """The settings of this process; raises BadSetting naming the variable."""
    raw = {field.name: _text(environ, field.name) for field in fields(Environment)}
    port = _whole(raw, "port", 1, 65534)
    hosts = tuple(h.strip().lower() for h in raw["outgoing_hosts"].split(",") if h.strip())
    _check_models(raw, hosts)
    _check_observers(raw)
    return Environment(
        data=Path(raw["data"]).expanduser().resolve(),
        port=port,
        host=raw["host"],
        database_url=raw["database_url"],
        replica_urls=_replicas(raw),
        replica_lag=_whole(raw, "replica_lag", 1, 60),
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
        outgoing_hosts=hosts,
        embeddings_url=raw["embeddings_url"].rstrip("/"),
        embeddings_folder=raw["embeddings_folder"],
        embeddings_model=raw["embeddings_model"],
        embeddings_key=raw["embeddings_key"],
        embeddings_price=_price(raw, "embeddings_price"),
        embeddings_searches=raw["embeddings_searches"] == "1",
        chat_url=raw["chat_url"].rstrip("/"),
        chat_model=raw["chat_model"],
        chat_key=raw["chat_key"],
        chat_price_in=_price(raw, "chat_price_in"),
        chat_price_out=_price(raw, "chat_price_out"),
        models_cap=_price(raw, "models_cap") or Decimal(0),
        milvus_uri=_milvus(raw),
        milvus_token=raw["milvus_token"],
        milvus_consistency=raw["milvus_consistency"],
        index_processes=_whole(raw, "index_processes", 0, 1_000),
        all_pairs_at=_time_of_day(raw, "all_pairs_at"),
        all_pairs_processes=_whole(raw, "all_pairs_processes", 0, 1_000),
        ray_address=raw["ray_address"],
        metrics=raw["metrics"],
        metrics_token=raw["metrics_token"],
        traces_url=raw["traces_url"].rstrip("/"),
        web_workers=_whole(raw, "web_workers", 1, 64),
        pool_size=_whole(raw, "pool_size", 1, 64),
        index_cache=_whole(raw, "index_cache", 16, 1_000_000),
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


def _time_of_day(raw: dict[str, str], name: str) -> str:
    try:
        return raw[name] and time.fromisoformat(raw[name]).strftime("%H:%M")
    except ValueError:
        variable, _default = VARIABLES[name]
        raise BadSetting(f"{variable}={raw[name]!r}: a time of day, for example 02:30") from None


def _price(raw: dict[str, str], name: str) -> Decimal | None:
    """Yuan; None when nothing is said."""
    variable, _default = VARIABLES[name]
    if not raw[name]:
        return None
    try:
        value = Decimal(raw[name])
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or not 0 <= value <= 1_000_000:
        raise BadSetting(f"{variable}={raw[name]!r}: an amount in yuan, for example 2.5")
    return value


SHORTEST_TOKEN = 16
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _check_models(raw: dict[str, str], hosts: tuple[str, ...]) -> None:
    """An endpoint needs its model and its price: without a price the cap would be a promise that nothing keeps."""
    if raw["embeddings_url"] and raw["embeddings_folder"]:
        raise BadSetting("KEQIAO_EMBEDDINGS_URL and KEQIAO_EMBEDDINGS_FOLDER: only one of them")
    needed = {"embeddings": ("model", "price"), "chat": ("model", "price_in", "price_out")}
    for service, names in needed.items():
        url = raw[f"{service}_url"]
        if not url:
            continue
        variable, _default = VARIABLES[f"{service}_url"]
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if parts.scheme not in {"http", "https"} or not host or parts.username is not None or parts.query:
            raise BadSetting(f"{variable}: an address such as https://models.example.org/v1, without a user name or ?")
        if parts.scheme == "http" and host not in {*LOOPBACK, *hosts}:
            raise BadSetting(f"{variable}: https, or a host of this machine or of KEQIAO_OUTGOING_HOSTS")
        for name in names:
            if not raw[f"{service}_{name}"]:
                missing, _default = VARIABLES[f"{service}_{name}"]
                example = "a name" if name == "model" else "yuan per million tokens, 0 if it costs nothing"
                raise BadSetting(f"{missing} is needed with {variable}: {example}")


def _check_observers(raw: dict[str, str]) -> None:
    """What is measured says how a site is used: beyond this machine only for who has the token."""
    if raw["metrics"]:
        host, port = metrics_address(raw["metrics"])
        if not host or not 1 <= port <= 65535:
            raise BadSetting(f"KEQIAO_METRICS={raw['metrics']!r}: host and port, for example 127.0.0.1:9464")
        if host not in LOOPBACK and len(raw["metrics_token"]) < SHORTEST_TOKEN:
            raise BadSetting(
                f"KEQIAO_METRICS_TOKEN: at least {SHORTEST_TOKEN} characters, because {host} is not loopback"
            )
    if raw["traces_url"]:
        parts = urlsplit(raw["traces_url"])
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise BadSetting("KEQIAO_TRACES_URL: an address such as http://127.0.0.1:4318")


def _milvus(raw: dict[str, str]) -> str:
    uri = raw["milvus_uri"]
    parts = urlsplit(uri)
    if uri and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise BadSetting(f"MILVUS_URI={uri!r}: an address such as http://milvus.internal:19530")
    if raw["milvus_consistency"] not in {"Bounded", "Strong"}:
        raise BadSetting(f"MILVUS_CONSISTENCY={raw['milvus_consistency']!r}: Bounded or Strong")
    return uri


def _replicas(raw: dict[str, str]) -> tuple[str, ...]:
    urls = tuple(raw["replica_urls"].split())
    for number, url in enumerate(urls, 1):
        if urlsplit(url).scheme not in {"postgresql", "postgres"}:  # not repeated: it holds a password
            raise BadSetting(
                f"DATABASE_REPLICA_URL: address {number} is not such as postgresql://keqiao:secret@db2.internal/keqiao"
            )
    return urls


def metrics_address(text: str) -> tuple[str, int]:
    """Host and port; port 0 when there is none that can be used."""
    host, _colon, port = text.rpartition(":")
    return host.strip("[]").lower(), int(port) if port.isascii() and port.isdecimal() else 0


def tell_library(name: str, value: str) -> None:
    """A value that a library reads from the environment by itself; what who runs the site has set there stays."""
    os.environ.setdefault(name, value)


class _NoSuchModule:
    """A finder that says of one module that there is none."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> None:
        if name == self._name:
            raise ModuleNotFoundError(name=name)


@contextlib.contextmanager
def hiding(module: str) -> Iterator[None]:
    """What is imported here finds no such module, and does without; later it is there for whoever wants it."""
    finder = _NoSuchModule(module)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _EmptyModules(Loader):
    """A finder and loader of one module and all below it: empty, with a class of nothing for every name asked of them."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
        is_wanted = name == self._name or name.startswith(f"{self._name}.")
        return ModuleSpec(name, self, is_package=True) if is_wanted else None

    def exec_module(self, module: ModuleType) -> None:
        def named(name: str) -> type:
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {})

        module.__getattr__ = named  # type: ignore[method-assign]


@contextlib.contextmanager
def emptying(module: str) -> Iterator[None]:
    """What is imported here gets names out of this module that stand for nothing: for parts of a library that are never used.

    Where the module is loaded already, it stays what it is.
    """
    finder = _EmptyModules(module)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)

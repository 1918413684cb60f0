"""Milvus' client, with its errors in our words."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from keqiao.matching.engine import NoSuchIndex, SearchError
from keqiao.matching.types import SearchAway
from keqiao.runtime.environment import tell_library

T = TypeVar("T")
NOT_FOUND, NOT_LOADED, ALIAS_NOT_FOUND = 100, 101, 1600


def connect(uri: str, token: str, timeout: float) -> Client:
    """A client of the server at this address. Error: `SearchAway`."""
    # gRPC prepares every child that we fork for calls of its own, and may end it before it becomes the program that it is
    # to run: a server's, a database's. No child of ours asks Milvus with what its parent had.
    tell_library("GRPC_ENABLE_FORK_SUPPORT", "0")
    from pymilvus import MilvusClient
    from pymilvus.exceptions import MilvusException

    # It logs each error that it raises, with a traceback, and sets its own level when it is imported.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    try:
        return Client(MilvusClient(uri, token=token, timeout=timeout))
    except MilvusException as trouble:
        raise SearchAway from trouble


class Client:
    """Milvus' client with its errors in our words."""

    def __init__(self, client: Any) -> None:
        self._own = client

    def __getattr__(self, name: str) -> Any:
        own = getattr(self._own, name)
        return translated(own, self._own.load_collection) if callable(own) else own


def translated(call: Callable[..., T], load: Callable[[str], None]) -> Callable[..., T]:
    def asked(*given: Any, **named: Any) -> T:
        from pymilvus.exceptions import MilvusException

        try:
            try:
                return call(*given, **named)
            except MilvusException as trouble:
                if trouble.code != NOT_LOADED:
                    raise
                load(given[0])  # after a restart of the server
                return call(*given, **named)
        except MilvusException as trouble:
            if (
                trouble.code in {NOT_FOUND, ALIAS_NOT_FOUND}
                or "not found" in str(trouble)
                or "not exist" in str(trouble)
            ):
                raise NoSuchIndex(str(trouble)) from trouble
            if trouble.code in {1, 2} or "connect" in str(trouble).lower() or "deadline" in str(trouble).lower():
                raise SearchAway from trouble
            raise SearchError(str(trouble)) from trouble

    return asked

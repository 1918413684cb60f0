import os

import pytest

from keqiao.matching.tests.milvus_server import MilvusServer


@pytest.fixture(scope="session")
def milvus(tmp_path_factory):
    """Where a Milvus answers: the one of KEQIAO_TEST_MILVUS, or a small server of the same protocol."""
    if given := os.environ.get("KEQIAO_TEST_MILVUS"):
        yield given
        return
    with MilvusServer(tmp_path_factory.mktemp("milvus")) as server:
        yield server.uri

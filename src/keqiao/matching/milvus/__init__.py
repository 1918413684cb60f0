"""Milvus behind the seam of `engine`; see engine.py here. Its client is imported only when an engine is used."""

from keqiao.matching.milvus.engine import MilvusEngine

__all__ = ["MilvusEngine"]

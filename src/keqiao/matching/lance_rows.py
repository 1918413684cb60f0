"""Documents as rows of a LanceDB table, and what its schema says of them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa

from keqiao.matching.engine import Attribute, Piece, Schema

ARROW_TYPES = {
    Attribute.KEYWORD: pa.string(),
    Attribute.KEYWORDS: pa.list_(pa.string()),
    Attribute.INTEGER: pa.int64(),
    Attribute.REAL: pa.float64(),
    Attribute.DATE: pa.int64(),
}
SCHEMA_KEY = b"keqiao.schema"


def arrow_schema(schema: Schema) -> pa.Schema:
    """Of a table that holds such documents; the schema itself is kept in its metadata."""
    fields = [pa.field("id", pa.string()), pa.field("rev", pa.int64()), pa.field("tokens", pa.string())]
    fields.append(pa.field("title_length", pa.int64()))
    if schema.dims:
        fields.append(pa.field("vector", pa.list_(pa.float32(), schema.dims)))
    fields += [pa.field(name, ARROW_TYPES[kind]) for name, kind in schema.attributes.items()]
    meaning = {"dims": schema.dims, "attributes": {name: kind.value for name, kind in schema.attributes.items()}}
    return pa.schema(fields, metadata={SCHEMA_KEY: json.dumps(meaning).encode()})


def schema_of(table: Any) -> Schema:
    """What `arrow_schema` has written into the table."""
    meaning = json.loads(table.schema.metadata[SCHEMA_KEY])
    return Schema({name: Attribute(kind) for name, kind in meaning["attributes"].items()}, meaning["dims"])


def columns_of(piece: Piece, schema: Schema) -> pa.Table:
    """One row a document."""
    columns: dict[str, Any] = {
        "id": piece.ids,
        "rev": piece.revs,
        "tokens": piece.tokens,
        "title_length": piece.title_lengths,
    }
    if schema.dims:
        columns["vector"] = _vectors(piece.vectors)
    columns.update({name: piece.attributes[name] for name in schema.attributes})
    return pa.table(columns, schema=arrow_schema(schema))


def _vectors(rows: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1], mask=pa.array(~rows.any(axis=1)))


def matrix_of(column: pa.Array, dims: int) -> np.ndarray:
    """float32[rows, dims]; 0 where there is no vector."""
    found = np.zeros((len(column), dims), dtype=np.float32)
    found[np.asarray(column.is_valid())] = column.drop_null().flatten().to_numpy().reshape(-1, dims)
    return found

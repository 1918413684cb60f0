"""CSV: quoted fields, any of three delimiters, any line ends."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from django.utils.translation import gettext as _

from keqiao.interchange.types import UnreadableFile


def records(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, Sequence[str]]]:
    """Record number (as a spreadsheet would count rows, lines inside quotes not counted) and cells."""
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        number = 0
        while True:
            number += 1
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                message = _("第 %(n)d 行读不下去：引号不成对，或一格超过 13 万字。请检查这一行的引号。")
                raise UnreadableFile(message % {"n": number}) from error
            if number == 1 and values:
                values[0] = values[0].removeprefix("\ufeff")
            yield number, values

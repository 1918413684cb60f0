"""docs/reference/permissions.md is what the site answers. `python tools/permissions.py` writes it anew."""

import os
from pathlib import Path

import pytest

from tests import permission_matrix

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "permissions.md"


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.usefixtures("rules")
def test_everybody_may_do_what_the_page_says(monkeypatch):
    from keqiao.integrations import rates

    monkeypatch.setattr(rates, "limits", dict)
    found = permission_matrix.matrix()
    if os.environ.get("KEQIAO_WRITE_PERMISSIONS"):
        PAGE.write_text(found, encoding="utf-8")
    assert [line for line in found.splitlines() if "| 500" in line or "/ 500" in line] == []
    assert PAGE.read_text(encoding="utf-8") == found


def test_routes_are_filled_with_the_codes_of_things():
    things = permission_matrix.Things(
        "DW-1", "XQ-1", "CG-1", "SB-1", "DJ-1", "HD-1", "DR-1", 5, 6, book="ZB-1", deal="JY-1"
    )
    filled = {
        "needs/<str:code>/matches/<str:achievement_code>": "/needs/XQ-1/matches/CG-1",
        r"me/webhooks/(?P<code>[A-Z0-9-]{1,24})/(?P<action>rotate|ping)": "/me/webhooks/HD-1/rotate",
        "api/v1/needs/{code}": "/api/v1/needs/XQ-1",
        "me/tokens/<int:token_id>/revoke": "/me/tokens/5/revoke",
        "post/<str:code>/<int:step>": "/post/SB-1/1",
        "import/<str:code>/errors.<str:extension>": "/import/DR-1/errors.csv",
        "books/<str:code>/accounts/<str:number>": "/books/ZB-1/accounts/1002.01",
        "api/v1/books/{code}/entries/{month}/{number}": "/api/v1/books/ZB-1/entries/2026-03/1",
        "deals/<str:code>/receipts/<int:number>/divide": "/deals/JY-1/receipts/1/divide",
    }
    assert {route: permission_matrix.filled(route, things) for route in filled} == filled

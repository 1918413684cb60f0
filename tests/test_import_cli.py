"""`keqiao import` and `keqiao export` do what the pages do. Here without starting a site: Django is there already."""

import argparse
import csv
import json

import pytest

from keqiao.catalogue.models import Achievement
from keqiao.catalogue.tests.factories import make_achievement
from keqiao.cli import export_, import_
from keqiao.cli.errors import CommandTrouble
from keqiao.interchange import services
from keqiao.interchange.models import Import
from keqiao.interchange.tests.factories import HEADER, csv_file, make_importer, make_tables, row, start
from keqiao.kernel.errors import NotFound
from keqiao.parties.models import Person
from keqiao.parties.tests.factories import make_organisation
from keqiao.submissions.models import Submission

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _tables(rules):
    make_tables()


def email_of(actor):
    return Person.objects.get(pk=actor.person_id).user.email


def command(module, *words):
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return parser.parse_args([str(word) for word in words])


def bring(*words):
    return import_._import(command(import_, *words))


def test_drafts_come_in_for_somebody(tmp_path, capsys):
    actor = make_importer()
    file, back = tmp_path / "成果.csv", tmp_path / "错误.csv"
    file.write_bytes(csv_file(row(1), row(2, 报价="300")))
    asked = (file, "--kind", "achievements", "--as", email_of(actor))
    assert bring(*asked, "--check") == 1
    assert Submission.objects.count() == 0
    assert bring(*asked, "--errors", back) == 1
    assert Submission.objects.get().external_id == "LUT-1"
    said = capsys.readouterr().out
    assert "added 1, changed 0, unchanged 0, not imported 1" in said or "新增 1" in said
    rows = list(csv.DictReader(back.read_text(encoding="utf-8-sig").splitlines()))
    assert [len(cells) for cells in rows] == [len(HEADER) + 1] * 2


def test_a_migration_is_published_by_the_administrator_of_the_server(tmp_path):
    make_organisation(kind="university", is_verified=True, name_zh="澜江大学")
    file = tmp_path / "x.csv"
    file.write_bytes(csv_file([*row(1), "澜江大学"], header=[*HEADER, "完成单位"]))
    with pytest.raises(CommandTrouble, match="--as EMAIL"):
        bring(file, "--kind", "achievements")
    assert bring(file, "--kind", "achievements", "--publish") == 0
    assert Achievement.objects.get().state == "published"


def test_columns_by_hand_and_what_is_lacking(tmp_path):
    actor = make_importer()
    file = tmp_path / "x.csv"
    file.write_bytes(csv_file(["膜", "稳定。", "新材料"], header=["课题", "说明", "产业领域"]))
    asked = (file, "--kind", "achievements", "--as", email_of(actor))
    with pytest.raises(CommandTrouble, match="成果名称"):
        bring(*asked)
    with pytest.raises(CommandTrouble, match="COLUMN=OURS"):
        bring(*asked, "--map", "课题")
    assert bring(*asked, "--map", "课题=title", "--map", "说明=summary") == 0
    assert Submission.objects.count() == 1


def test_an_interrupted_import_goes_on(tmp_path):
    actor = make_importer()
    job = start(actor, csv_file(row(1), row(2)))
    assert bring("--resume", job.code, "--as", email_of(actor)) == 0
    assert (Submission.objects.count(), Import.objects.get().state) == (2, "done")
    second = start(actor, csv_file(row(3)))
    services.cancel_import(actor=actor, code=second.code)
    with pytest.raises(NotFound):
        bring("--resume", second.code, "--as", email_of(make_importer()))


def test_nobody_with_that_address(tmp_path):
    file = tmp_path / "x.csv"
    file.write_bytes(csv_file(row(1)))
    with pytest.raises(CommandTrouble, match="nobody has an account"):
        bring(file, "--kind", "achievements", "--as", "nobody@example.org")


def test_everything_goes_out_or_what_somebody_may_see(tmp_path, capsys):
    actor = make_importer()
    public, hidden = make_achievement(), make_achievement(state="draft", published_at=None)
    export_._export(command(export_, "achievements"), "jsonl")
    assert {json.loads(line)["code"] for line in capsys.readouterr().out.splitlines()} == {public.code, hidden.code}
    for extension in ("csv", "xlsx", "jsonl"):
        file = tmp_path / f"x.{extension}"
        asked = command(export_, "achievements", "--to", file, "--as", email_of(actor))
        assert export_._export(asked, extension) == 0
        assert file.stat().st_size > 50
    assert public.code in (tmp_path / "x.csv").read_text(encoding="utf-8-sig")
    assert hidden.code not in (tmp_path / "x.csv").read_text(encoding="utf-8-sig")


@pytest.mark.parametrize(
    "words", [["x.csv"], [], ["x.csv", "--kind", "needs", "--resume", "DR-1"], ["gone.csv", "--kind", "needs"]]
)
def test_what_cannot_be_meant_is_said_before_anything_starts(words):
    with pytest.raises(CommandTrouble):
        import_.run(command(import_, *words), None)
    with pytest.raises(CommandTrouble):
        export_.run(command(export_, "needs", "--to", "x.exe"), None)

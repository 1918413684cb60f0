"""Imports follow their organisation when two entries of the register become one, and back."""

import pytest

from keqiao.interchange import moving, selectors, services, tasks
from keqiao.interchange.models import ColumnMapping, Import, ImportedThing
from keqiao.interchange.tests.factories import applied, counts, csv_file, make_importer, make_tables, row, staged
from keqiao.kernel import events
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.models import Event
from keqiao.parties import services as parties
from keqiao.parties.models import Organisation
from keqiao.parties.tests.factories import again, make_operator
from keqiao.submissions.models import Submission

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _tables(rules):
    make_tables()


def merge(kept_id, gone_id):
    code = dict(Organisation.objects.values_list("pk", "code"))
    made = parties.merge_organisations(actor=make_operator(), kept_code=code[kept_id], gone_code=code[gone_id])
    for _again in range(2):
        events.dispatch(Event.objects.get(name="parties.organisations_merged"))
    return made


def undo(merged):
    parties.undo_merge(actor=make_operator(), code=merged.code)
    for _again in range(2):
        events.dispatch(Event.objects.get(name="parties.merge_undone"))


def test_a_file_of_the_merged_one_changes_what_it_became_there():
    keeper, importer = make_importer(), make_importer()
    kept, gone = keeper.acting_for, importer.acting_for
    applied(keeper, csv_file(row(1)))
    applied(importer, csv_file(row(1), row(2)))
    ColumnMapping.objects.create(organisation_id=gone, kind="achievements", fingerprint="f" * 64, mapping={"a": "b"})
    merged = merge(kept, gone)
    things = {thing.pk: (thing.organisation_id, thing.key) for thing in ImportedThing.objects.all()}
    assert sorted(things.values()) == sorted([(kept, "LUT-1"), (kept, "LUT-2"), (gone, "LUT-1")])  # 1 was there already
    assert selectors.saved_mapping(kept, "achievements", "f" * 64) == {"a": "b"}
    job = applied(again(importer), csv_file(row(2, 成果名称="新名称")))
    assert (job.organisation_id, counts(job)["changed"]) == (kept, 1)
    undo(merged)
    assert sorted(ImportedThing.objects.values_list("organisation_id", "key")) == sorted(
        [(kept, "LUT-1"), (gone, "LUT-2"), (gone, "LUT-1")]
    )
    assert Import.objects.filter(organisation_id=gone).count() == 1
    assert selectors.saved_mapping(gone, "achievements", "f" * 64) == {"a": "b"}
    assert selectors.saved_mapping(kept, "achievements", "f" * 64) == {}


def test_an_import_under_way_goes_on_for_the_one_that_stays():
    keeper, importer = make_importer(), make_importer()
    job = staged(importer, csv_file(row(1), row(2)))
    merge(keeper.acting_for, importer.acting_for)
    services.apply_import(actor=again(importer), code=job.code)
    tasks.apply_import(import_id=job.pk)
    assert counts(Import.objects.get(pk=job.pk))["added"] == 2
    assert set(Submission.objects.values_list("organisation_id", flat=True)) == {keeper.acting_for}


def test_only_jobs_move():
    with pytest.raises(NotAllowed):
        moving.move_imports(actor=make_operator(), from_id=1, merge_id=1)
    with pytest.raises(NotAllowed):
        moving.move_imports_back(actor=make_operator(), merge_id=1)

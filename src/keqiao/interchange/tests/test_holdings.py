"""What an erased person leaves behind in imports: nothing but ids."""

import pytest
from django.test import TestCase

from keqiao.interchange import holdings
from keqiao.interchange.models import Import, ImportRow
from keqiao.interchange.tests.factories import applied, csv_file, make_importer, make_tables, row, staged
from keqiao.kernel import files
from keqiao.parties.models import Person

pytestmark = pytest.mark.django_db


def test_files_and_rows_of_a_person_go_and_the_drafts_stay(rules):
    make_tables()
    actor, colleague_elsewhere = make_importer(), make_importer()
    Person.objects.filter(pk=actor.person_id).update(name_zh="林若川川")
    own = applied(actor, csv_file(row(1), row(2, 报价="?")), name="林若川川的成果.csv")
    naming = staged(colleague_elsewhere, csv_file(row(1, 成果简介="林若川川做的")))
    other = staged(colleague_elsewhere, csv_file(row(5)))
    assert holdings.export(actor.person_id)["imports"][0]["file"] == "林若川川的成果.csv"
    paths = [files.path_of(job.file.digest) for job in (own, naming)]
    with TestCase.captureOnCommitCallbacks(execute=True):
        holdings.erase(actor.person_id)
    assert [path.exists() for path in paths] == [False, False]
    assert list(Import.objects.exclude(file=None)) == [other]
    assert ImportRow.objects.exclude(job=other).count() == 0
    assert not Import.objects.filter(file_name__contains="林若川川").exists()

import pytest
from django.core import mail

from keqiao.kernel import files, notices
from keqiao.kernel.errors import NotAllowed, NotFound
from keqiao.kernel.models import Notice, StoredFile
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_actor

pytestmark = pytest.mark.django_db


def test_file_comes_back_as_it_went_in():
    stored = files.store(actor=make_actor(), name="../检测报告.pdf", media_type="application/pdf", chunks=[b"ab", b"c"])
    with files.open_file(stored) as file:
        assert (file.read(), stored.name, stored.size) == (b"abc", "检测报告.pdf", 3)


def test_refused_files_leave_nothing(monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 3)
    with pytest.raises(files.FileTooLarge):
        files.store(actor=make_actor(), name="a", media_type="text/plain", chunks=[b"xy", b"zz"])
    with pytest.raises(NotAllowed):
        files.store(actor=parties.visitor(), name="a", media_type="text/plain", chunks=[b"x"])
    assert not StoredFile.objects.exists()
    assert list(files.folder().glob("tmp*")) == []


def test_the_same_cause_is_told_once_and_mailed_once(settings):
    settings.SENDS_EMAIL = True
    reader = make_actor()
    tell = {"kind": "match", "key": "match:1", "title_zh": "有新的匹配", "title_en": "A new match", "link": "/needs/x"}
    told = [notices.tell(actor=parties.system(), person_id=reader.person_id, **tell) for _ in range(2)]
    notice = Notice.objects.get()
    notices.send(notice)
    notices.send(notice)
    assert told == [True, False]
    assert [(m.subject, m.to) for m in mail.outbox] == [("有新的匹配", [parties.email_of(reader.person_id)])]


def test_only_ones_own_notices_can_be_read():
    reader, other = make_actor(), make_actor()
    notices.tell(
        actor=parties.system(), person_id=reader.person_id, kind="k", key="1", title_zh="标题", title_en="Title"
    )
    notice = Notice.objects.get()
    with pytest.raises(NotFound):
        notices.mark_read(actor=other, notice_id=notice.pk)
    notices.mark_read(actor=reader, notice_id=notice.pk)
    notice.refresh_from_db()
    assert notice.read_at is not None
    assert list(notices.notices_of(parties.visitor())) == []

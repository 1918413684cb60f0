"""The logo of an organisation: by its content, drawn anew, seen once somebody verified whose it is."""

import io

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from keqiao.kernel import files
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.models import Event, StoredFile
from keqiao.parties import services
from keqiao.parties.models import Organisation, OrganisationChange
from keqiao.parties.tests.factories import make_actor, make_organisation, user_of
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>"


@pytest.fixture(autouse=True)
def _files(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def ours():
    return make_organisation(name_zh="澜江理工大学", kind="university")


@pytest.fixture
def actor(ours):
    return make_actor(organisation=ours, role=Role.CONVERSION_OFFICER)


def picture(colour="red", kind="PNG"):
    out = io.BytesIO()
    Image.new("RGB", (600, 300), colour).save(out, kind)
    return out.getvalue()


def put(actor, organisation, content):
    return services.put_logo(actor=actor, code=organisation.code, picture=ContentFile(content, "x.svg"))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_logo_is_kept_as_a_small_png(actor, ours, kind):
    file = put(actor, ours, picture(kind=kind)).logo
    with files.open_file(file) as stored:
        assert (Image.open(stored).format, Image.open(stored).size) == ("PNG", (256, 128))
    assert (file.name, file.media_type) == ("logo.png", "image/png")
    assert OrganisationChange.objects.get().fields == {"logo": ["", file.digest[:12]]}
    assert Event.objects.get(name="parties.organisation_rewritten").data == {"fields": ["logo"]}


def test_another_takes_its_place_and_the_old_file_goes(actor, ours, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        before = put(actor, ours, picture()).logo
        after = put(actor, ours, picture("blue")).logo
    assert list(StoredFile.objects.all()) == [after]
    assert (files.path_of(before.digest).exists(), files.path_of(after.digest).exists()) == (False, True)
    with django_capture_on_commit_callbacks(execute=True):
        services.remove_logo(actor=actor, code=ours.code)
    assert not StoredFile.objects.exists()
    assert not files.path_of(after.digest).exists()
    with pytest.raises(NotFound):
        services.remove_logo(actor=actor, code=ours.code)


@pytest.mark.parametrize("content", [b"", SVG, b"GIF89a" + bytes(40), bytes(1024 * 1024 + 1)])
def test_what_is_refused_leaves_no_trace(actor, ours, content):
    with pytest.raises(BadInput) as refused:
        put(actor, ours, content)
    assert refused.value.field == "logo"
    assert (StoredFile.objects.count(), OrganisationChange.objects.count()) == (0, 0)


def test_others_may_not(ours):
    for stranger in (make_actor(), make_actor(organisation=ours, role=Role.RESEARCHER)):
        with pytest.raises(NotAllowed):
            put(stranger, ours, picture())
        with pytest.raises(NotAllowed):
            services.remove_logo(actor=stranger, code=ours.code)
    assert not StoredFile.objects.exists()


def test_on_the_page(client, actor, ours):
    client.force_login(user_of(actor))
    manage = f"/organisations/{ours.code}/manage"
    page = client.get(manage).content.decode()
    assert "还没有" in page
    assert 'accept=".png,.jpg,.jpeg,.webp"' in page
    refused = client.post(f"{manage}/logo", {"logo": SimpleUploadedFile("logo.png", SVG, "image/png")})
    assert refused.status_code == 422
    assert "不接受 SVG" in refused.content.decode()
    assert "请选一张图片" in client.post(f"{manage}/logo").content.decode()
    sent = client.post(f"{manage}/logo", {"logo": SimpleUploadedFile("标志.jpg", picture(kind="JPEG"), "image/jpeg")})
    assert sent["Location"] == f"{manage}?saved=1"
    client.logout()
    address = f'src="/organisations/{ours.code}/logo?v='
    for page in (f"/organisations/{ours.code}", "/organisations"):
        assert address in client.get(page).content.decode()
    answer = client.get(f"/organisations/{ours.code}/logo")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    assert (answer["Cache-Control"], answer["X-Content-Type-Options"]) == ("public, max-age=86400", "nosniff")
    client.force_login(user_of(actor))
    assert client.post(f"{manage}/logo/remove")["Location"].startswith(manage)
    assert client.get(f"/organisations/{ours.code}/logo").status_code == 404
    assert address not in client.get(f"/organisations/{ours.code}").content.decode()


def test_before_it_is_verified_only_its_own_people_see_it(client, actor, ours):
    put(actor, ours, picture())
    Organisation.objects.update(is_verified=False)
    place = f"/organisations/{ours.code}"
    assert client.get(f"{place}/logo").status_code == 404
    assert f"{place}/logo" not in client.get(place).content.decode()
    assert client.get(f"/api/v1{place}").json()["logo"] is None
    client.force_login(user_of(actor))
    seen = client.get(f"{place}/logo")
    assert (seen.status_code, seen["Cache-Control"]) == (200, "private, no-store")
    assert f"{place}/logo" in client.get(f"{place}/manage").content.decode()


def test_a_list_of_logos_costs_no_queries(client, actor, ours, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for _n in range(2):
        put(actor, ours, picture())
        with CaptureQueriesContext(connection) as caught:
            client.get("/organisations")
        counts.append(len(caught))
        file = Organisation.objects.get(pk=ours.pk).logo
        for _other in range(2):
            make_organisation(logo=file)
        Organisation.objects.filter(pk=ours.pk).update(logo=None)
    assert counts[0] == counts[1]


def test_a_merged_organisation_keeps_its_own_for_the_undo(client, actor, ours):
    from keqiao.parties.tests.factories import make_operator

    put(actor, ours, picture())
    kept, operator = make_organisation(), make_operator()
    merge = services.merge_organisations(actor=operator, kept_code=kept.code, gone_code=ours.code)
    assert client.get(f"/organisations/{ours.code}/logo").status_code == 404
    services.undo_merge(actor=operator, code=merge.code)
    assert client.get(f"/organisations/{ours.code}/logo").status_code == 200

"""What an organisation and a person say about themselves."""

from datetime import date

import pytest

from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.models import Event, Notice
from keqiao.parties import reading, selectors, services
from keqiao.parties.models import Organisation, OrganisationAlias, OrganisationChange, OrganisationIdentifier, Person
from keqiao.parties.tests.factories import make_actor, make_operator, make_organisation
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.mark.parametrize(
    ("scheme", "text", "kept"),
    [
        ("lei", "529900T8BM49AURSDO55", "529900T8BM49AURSDO55"),
        ("lei", " 5299 00t8bm49aursdo55", "529900T8BM49AURSDO55"),
        ("ror", "https://ror.org/05a28rw58", "https://ror.org/05a28rw58"),
        ("ror", "ROR.org/05a28rw58", "https://ror.org/05a28rw58"),
        ("isni", "0000000121562780", "0000 0001 2156 2780"),
        ("grid", "grid.5801.c", "grid.5801.c"),
        ("registration", "de-HRB  12345", "DE HRB 12345"),
    ],
)
def test_identifiers_are_kept_in_their_normal_form(scheme, text, kept):
    assert reading.identifier(scheme, text) == kept


@pytest.mark.parametrize(
    ("scheme", "text"),
    [
        ("lei", "529900T8BM49AURSDO54"),
        ("lei", ""),
        ("ror", "https://ror.org/05a28rw59"),
        ("ror", "05a28iw58"),
        ("isni", "0000 0001 2156 2781"),
        ("grid", "grid.x"),
        ("registration", "12345"),
        ("vat", "1"),
    ],
)
def test_wrong_identifiers_are_refused(scheme, text):
    organisation = make_organisation()
    with pytest.raises(BadInput) as caught:
        services.add_identifier(
            actor=make_actor(organisation=organisation), code=organisation.code, scheme=scheme, value=text
        )
    assert caught.value.field == ("scheme" if scheme == "vat" else "value")
    assert (OrganisationIdentifier.objects.count(), OrganisationChange.objects.count()) == (0, 0)


@pytest.mark.parametrize("text", ["0000-0002-1825-0097", "https://orcid.org/0000-0002-1825-0097", "0000000218250097"])
def test_orcid_is_kept_in_its_normal_form(text):
    assert reading.orcid(text) == "0000-0002-1825-0097"


@pytest.mark.parametrize("text", ["0000-0002-1825-0098", "0000-0002-1825", "x"])
def test_a_wrong_orcid_is_refused(text):
    actor = make_actor()
    with pytest.raises(BadInput) as caught:
        services.rewrite_profile(actor=actor, name_zh="林若川", name_en="", orcid=text)
    assert (caught.value.field, Person.objects.get(pk=actor.person_id).orcid) == ("orcid", None)


def test_every_change_is_recorded():
    organisation = make_organisation(name_zh="旧名")
    manager = make_actor(organisation=organisation)
    services.rewrite_organisation(
        actor=manager, code=organisation.code, name_zh=" 新名\u0000 ", about_en="Line 1\r\nLine 2"
    )
    services.rewrite_organisation(actor=manager, code=organisation.code, name_zh="新名")
    assert [(row.person_id, row.fields) for row in OrganisationChange.objects.all()] == [
        (manager.person_id, {"name_zh": ["旧名", "新名"], "about_en": ["", "Line 1\nLine 2"]})
    ]
    assert [event.data for event in Event.objects.filter(name="parties.organisation_rewritten")] == [
        {"fields": ["about_en", "name_zh"]}
    ]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name_zh": "", "name_en": ""}, "name_zh"),
        ({"short_zh": "长" * 61}, "short_zh"),
        ({"region": "a b"}, "region"),
        ({"kind": "bank"}, "kind"),
    ],
)
def test_a_bad_description_changes_nothing(given, field):
    organisation = make_organisation(name_zh="名")
    with pytest.raises(BadInput) as caught:
        services.rewrite_organisation(
            **{"actor": make_actor(organisation=organisation), "code": organisation.code, **given}
        )
    assert caught.value.field == field
    assert Organisation.objects.get(pk=organisation.pk).name_zh == "名"


def test_aliases_are_searched_and_removed():
    organisation = make_organisation()
    manager = make_actor(organisation=organisation)
    services.add_alias(actor=manager, code=organisation.code, name="澜江工学院")
    for name in ("澜江工学院", "工", organisation.name_zh):
        with pytest.raises(BadInput):
            services.add_alias(actor=manager, code=organisation.code, name=name)
    assert list(selectors.find_organisations(selectors.visitor(), name="工学院")) == [organisation]
    services.remove_alias(actor=manager, code=organisation.code, name="澜江工学院")
    with pytest.raises(NotFound):
        services.remove_alias(actor=manager, code=organisation.code, name="澜江工学院")
    assert OrganisationAlias.objects.count() == 0


def test_an_identifier_belongs_to_one_organisation():
    first, second = make_organisation(), make_organisation()
    services.add_identifier(
        actor=make_actor(organisation=first), code=first.code, scheme="ror", value="https://ror.org/05a28rw58"
    )
    with pytest.raises(BadInput):
        services.add_identifier(
            actor=make_actor(organisation=second), code=second.code, scheme="ror", value="https://ror.org/05a28rw58"
        )
    assert OrganisationIdentifier.objects.count() == 1


def test_qualifications_are_shown_with_the_organisation():
    organisation = make_organisation()
    manager = make_actor(organisation=organisation)
    services.put_qualification(actor=manager, code=organisation.code, kind="tech_sme", number="1")
    services.put_qualification(actor=manager, code=organisation.code, kind="tech_sme", number="2")
    organisation.refresh_from_db()
    assert (organisation.qualifications, organisation.qualification_rows.get().number) == (["tech_sme"], "2")
    services.remove_qualification(actor=manager, code=organisation.code, kind="tech_sme")
    organisation.refresh_from_db()
    assert (organisation.qualifications, organisation.qualification_rows.count()) == ([], 0)
    with pytest.raises(BadInput):
        services.put_qualification(actor=manager, code=organisation.code, kind="best")


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.TECHNOLOGY_MANAGER])
def test_others_write_nothing(role):
    organisation = make_organisation()
    for actor in (make_actor(organisation=organisation, role=role), make_actor(organisation=make_organisation())):
        for call in (
            lambda actor=actor: services.rewrite_organisation(actor=actor, code=organisation.code, name_zh="x"),
            lambda actor=actor: services.add_alias(actor=actor, code=organisation.code, name="别名"),
            lambda actor=actor: services.put_qualification(actor=actor, code=organisation.code, kind="tech_sme"),
        ):
            with pytest.raises(NotAllowed):
                call()
    assert OrganisationChange.objects.count() == 0


def test_a_profile_is_ones_own():
    with pytest.raises(NotAllowed):
        services.rewrite_profile(actor=selectors.visitor(), name_zh="x", name_en="")
    actor = make_actor()
    for given, field in (
        ({"name_zh": ""}, "name_zh"),
        ({"expertise": "，".join(str(n) for n in range(13))}, "expertise"),
        ({"language": "fr"}, "language"),
        ({"shown": ["email"]}, "shown"),
    ):
        with pytest.raises(BadInput) as caught:
            services.rewrite_profile(actor=actor, **{"name_zh": "林", "name_en": "", **given})
        assert caught.value.field == field
    assert Event.objects.count() == 0


def test_operators_hear_of_a_new_name_for_what_they_verified():
    organisation, operator = make_organisation(name_zh="旧名"), make_operator()
    manager = make_actor(organisation=organisation)
    services.rewrite_organisation(actor=manager, code=organisation.code, about_zh="介绍")
    assert Notice.objects.count() == 0
    services.rewrite_organisation(actor=manager, code=organisation.code, name_zh="新名")
    assert list(Notice.objects.values_list("person_id", "kind", "link")) == [
        (operator.person_id, "parties.to_decide", f"/organisations/{organisation.code}/changes")
    ]


def test_a_title_that_has_run_out_is_not_shown():
    organisation = make_organisation(qualifications=["tech_sme", "hitech_enterprise"])
    organisation.qualification_rows.create(kind="tech_sme", valid_until=date(2020, 1, 1))
    found = selectors.get_described(organisation.code, actor=selectors.visitor())
    assert selectors.qualifications_in_force(found) == ["hitech_enterprise"]

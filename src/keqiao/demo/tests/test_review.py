from collections import Counter

import pytest

from keqiao.catalogue.tests.factories import make_achievement, make_code
from keqiao.demo import review
from keqiao.parties.tests.factories import make_organisation, make_person
from keqiao.parties.types import Role
from keqiao.submissions.models import Complaint, Submission

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


@pytest.mark.slow
def test_a_demo_has_something_to_review():
    make_code()
    university, enterprise, agency = (make_organisation(kind=k) for k in ("university", "enterprise", "agency"))
    for email, place, role in (
        (review.AUTHOR, university, Role.RESEARCHER),
        (review.OFFICER, university, Role.CONVERSION_OFFICER),
        (review.MANAGER, enterprise, Role.RD_MANAGER),
        (review.BROKER, agency, Role.TECHNOLOGY_MANAGER),
        (review.OPERATOR, agency, Role.ADMINISTRATOR),
    ):
        make_person(email=email, organisation=place, role=role)
    make_achievement(owner=university, is_fictional=True)
    review.load()
    review.load()
    assert Counter(Submission.objects.values_list("state", flat=True)) == {
        "draft": 1,
        "organisation_review": 1,
        "returned": 1,
        "platform_review": 2,
        "declined": 1,
        "accepted": 1,
    }
    assert Complaint.objects.count() == 1

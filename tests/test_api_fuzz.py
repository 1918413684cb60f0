"""The API against its own description: hundreds of odd requests to a real server, no 5xx, answers as declared."""

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from keqiao.web.api import api

pytestmark = pytest.mark.slow
schema = schemathesis.openapi.from_dict(api.get_openapi_schema())


@schema.parametrize()
@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_operation_keeps_its_word(case, lanjiang):
    case.call_and_validate(base_url=lanjiang)

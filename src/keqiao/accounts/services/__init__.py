"""Commands of the accounts context: signing up, codes, limits, second factor, what protects an account."""

from keqiao.accounts.services.codes import *  # noqa: F403 -- one door to the commands of this folder
from keqiao.accounts.services.consents import *  # noqa: F403
from keqiao.accounts.services.linking import *  # noqa: F403
from keqiao.accounts.services.personal import *  # noqa: F403
from keqiao.accounts.services.protecting import *  # noqa: F403
from keqiao.accounts.services.second_factor import *  # noqa: F403
from keqiao.accounts.services.signing_up import *  # noqa: F403
from keqiao.accounts.services.standing_in import *  # noqa: F403
from keqiao.accounts.services.throttling import *  # noqa: F403

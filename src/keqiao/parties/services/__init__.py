"""Commands of the parties context: one door to the commands of this folder."""

from keqiao.parties.services.describing import *  # noqa: F403 -- one door to the commands of this folder
from keqiao.parties.services.founding import *  # noqa: F403
from keqiao.parties.services.inviting import *  # noqa: F403
from keqiao.parties.services.joining import *  # noqa: F403
from keqiao.parties.services.members import *  # noqa: F403
from keqiao.parties.services.merging import *  # noqa: F403
from keqiao.parties.services.profiles import *  # noqa: F403
from keqiao.parties.services.registering import *  # noqa: F403

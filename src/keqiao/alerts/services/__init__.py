"""Commands of the alerts context: watching, finding, sending, upkeep, following a merge."""

from keqiao.alerts.services.finding import *  # noqa: F403 -- one door to the commands of this folder
from keqiao.alerts.services.moving import *  # noqa: F403
from keqiao.alerts.services.sending import *  # noqa: F403
from keqiao.alerts.services.upkeep import *  # noqa: F403
from keqiao.alerts.services.watching import *  # noqa: F403

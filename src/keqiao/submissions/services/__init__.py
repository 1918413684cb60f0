"""Commands of the submissions context: writing (drafting, sourcing), reviewing, complaints."""

from keqiao.submissions.services.complaints import *  # noqa: F403 -- one door to the commands of this folder
from keqiao.submissions.services.drafting import *  # noqa: F403
from keqiao.submissions.services.importing import *  # noqa: F403
from keqiao.submissions.services.moving import *  # noqa: F403
from keqiao.submissions.services.reviewing import *  # noqa: F403
from keqiao.submissions.services.sourcing import *  # noqa: F403

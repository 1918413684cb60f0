"""Commands of the experts context: profiles, plans, answers, and rows that follow their organisation."""

from keqiao.experts.services.answering import *  # noqa: F403 -- one door to the commands of this folder
from keqiao.experts.services.indexing import *  # noqa: F403
from keqiao.experts.services.moving import *  # noqa: F403
from keqiao.experts.services.planning import *  # noqa: F403
from keqiao.experts.services.profiling import *  # noqa: F403

"""Commands of the engagement context: contacting, conversing, brokers, feedback, the person's own things."""

from keqiao.engagement.services.brokers import *  # noqa: F403 -- one door to the commands of this folder
from keqiao.engagement.services.contacting import *  # noqa: F403
from keqiao.engagement.services.conversing import *  # noqa: F403
from keqiao.engagement.services.feedback import *  # noqa: F403
from keqiao.engagement.services.moving import *  # noqa: F403
from keqiao.engagement.services.own import *  # noqa: F403

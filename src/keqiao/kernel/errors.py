"""One class per thing that can go wrong. `message` is shown to people, `status` is its HTTP code."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class DomainError(Exception):
    """The request could not be carried out."""

    status = 409
    message: str | Promise = _("这一步没有办成。")

    def __init__(self, message: str | Promise | None = None, *, field: str = "") -> None:
        super().__init__(message or self.message)
        self.field = field

    @property
    def code(self) -> str:
        return type(self).__name__

    def __str__(self) -> str:
        return str(self.args[0])


class NotFound(DomainError):
    """Missing and hidden look the same."""

    status = 404
    message = _("没有找到，或者您不能查看。")


class NotAllowed(DomainError):
    """The actor may see the thing but not do this to it."""

    status = 403
    message = _("您没有办理这一步的权限。")


class OnlyReads(NotAllowed):
    """Staff who stand in for a user see that user's pages and change nothing."""

    message = _("代登录期间只能查看，不能办理。请先结束代登录。")


class WrongState(DomainError):
    """The thing is not in a state from which this step is possible."""

    message = _("当前状态下不能办理这一步。")


class BadInput(DomainError):
    """A value cannot be used; the message names the field, the problem and an example."""

    status = 422
    message = _("填写的内容有误。")


class Busy(DomainError):
    """A lock was not had in time; the same request may be sent again."""

    status = 503
    message = _("这条记录正被别人办理，请稍后再试。")

"""Words of the interchange context."""

from __future__ import annotations

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from keqiao.kernel.errors import BadInput


class Kind(models.TextChoices):
    """What a file holds, one thing a row."""

    ACHIEVEMENTS = "achievements", _("成果")
    NEEDS = "needs", _("需求")
    ORGANISATIONS = "organisations", _("单位")
    PEOPLE = "people", _("人员")
    ASSETS = "assets", _("知识产权")


ITEM_KINDS = (Kind.ACHIEVEMENTS, Kind.NEEDS)
OPERATORS_KINDS = (Kind.ORGANISATIONS, Kind.PEOPLE)  # only operators import these


class FileFormat(models.TextChoices):
    CSV = "csv", "CSV"
    XLSX = "xlsx", "XLSX"
    XLS = "xls", "XLS"
    JSONL = "jsonl", "JSONL"


class ImportState(models.TextChoices):
    """Nothing is applied before every row was checked and a person said so."""

    UPLOADED = "uploaded", _("等待检查")
    VALIDATED = "validated", _("已检查")
    APPLYING = "applying", _("正在导入")
    DONE = "done", _("已完成")
    CANCELLED = "cancelled", _("已取消")
    REFUSED = "refused", _("不能读取")


class RowState(models.TextChoices):
    READY = "ready", _("可以导入")
    WRONG = "wrong", _("有错误")
    ADDED = "added", _("新增")
    CHANGED = "changed", _("更新")
    UNCHANGED = "unchanged", _("没有变化")
    FAILED = "failed", _("没有导入")


class UnreadableFile(BadInput):
    """The file cannot be read as a table; the message says why and what to do."""

    message = _("文件不能读取。请用 Excel 或 WPS 打开后另存为 .xlsx 再传。")

    def __init__(self, message: str | Promise | None = None, *, field: str = "file") -> None:
        super().__init__(message, field=field)

"""Plain functions that build interchange rows, and files to import."""

import csv
import io
import json

import openpyxl

from keqiao.catalogue.tests.factories import make_code
from keqiao.interchange import services, tasks
from keqiao.interchange.models import Import
from keqiao.parties.tests.factories import make_actor, make_organisation

HEADER = ["外部编号", "成果名称", "成果简介", "产业领域", "地区", "技术成熟度", "报价", "合作方式", "指标"]
ROW = [
    "LUT-1",
    "耐酸纳滤膜",
    "在 pH 1 下稳定。",
    "新材料",
    "上海市",
    "TRL 6",
    "300–500万元",
    "转让、普通许可",
    "水通量≥15 LMH/bar",
]
NEED_HEADER = ["外部编号", "需求名称", "要解决的问题", "产业领域", "预算", "截止日期", "指标"]
NEED_ROW = ["CY-1", "耐酸纳滤膜的涂覆", "现用膜三个月失效。", "新材料", "200万元", "2027年6月30日", "希望：寿命≥3 年"]


def make_tables():
    make_code("field", "materials", "新材料", "Materials")
    make_code("field", "energy", "新能源", "Energy")
    make_code("region", "310000", "上海市", "Shanghai")
    make_code("region", "990106", "东湖区", "Donghu")
    make_code("region", "990206", "东湖区", "Donghu (other)")
    make_code("gbt4754", "26", "化学原料和化学制品制造业", "Chemicals")
    make_code("gbt13745", "430", "材料科学", "Materials science")


def make_importer(**fields):
    """Somebody of a verified university."""
    fields.setdefault("kind", "university")
    return make_actor(organisation=make_organisation(is_verified=True, **fields), role="conversion_officer")


def csv_file(*rows, header=HEADER, encoding="utf-8-sig", delimiter=","):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([header, *rows])
    return out.getvalue().encode(encoding)


def xlsx_file(*rows, header=HEADER):
    book = openpyxl.Workbook()
    for row in [header, *rows]:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def jsonl_file(*records):
    return "\n".join(json.dumps(record, ensure_ascii=False) for record in records).encode()


def row(number=1, **changes):
    """A row of achievements; `changes` by column name."""
    cells = dict(zip(HEADER, ROW, strict=True)) | {"外部编号": f"LUT-{number}", "成果名称": f"耐酸纳滤膜{number}"}
    return list((cells | changes).values())


def start(actor, data, *, kind="achievements", name="成果.csv", **options):
    return services.start_import(actor=actor, kind=kind, name=name, chunks=[data], **options)


def staged(actor, data, **options):
    """An import whose rows are checked."""
    job = start(actor, data, **options)
    tasks.validate_import(import_id=job.pk)
    return Import.objects.get(pk=job.pk)


def applied(actor, data, **options):
    job = staged(actor, data, **options)
    services.apply_import(actor=actor, code=job.code)
    tasks.apply_import(import_id=job.pk)
    return Import.objects.get(pk=job.pk)


def counts(job):
    return {name: getattr(job, name) for name in ("ready", "wrong", "added", "changed", "unchanged", "failed")}


def problems(job):
    """(row, column, message) of every problem."""
    from keqiao.interchange.selectors import troubled_rows

    return [(r.number, p["column"], p["zh"]) for r in troubled_rows(job) for p in r.problems]

"""The house rules that import-linter cannot express."""

import importlib
import inspect
import re
import tomllib
from pathlib import Path

import grimp
import pytest
from django.apps import apps

import keqiao

ROOT = Path(keqiao.__file__).parent
PROJECT = ROOT.parent.parent
# What one context may import from another; `asking` is the door to outside models, for jobs (src/keqiao/inference).
PUBLIC = {"services", "selectors", "types", "asking"}
# Modules of matching and catalogue that are pure computation on plain data, open to the layers above.
PURE = {
    "chips", "content", "quantities", "passages", "reading", "stones", "queries", "search", "indexing", "evaluation", "codes",
    "text", "lexicon", "sketching",
}  # fmt: skip
CONTRACTS = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
LAYERS = CONTRACTS[0]["layers"]
HEIGHT = {name.strip(): -place for place, layer in enumerate(LAYERS) for name in layer.split("|")}
CONTEXTS = sorted(path.parent.name for path in ROOT.glob("*/apps.py"))
# Top of the stack: they compose everything and own nothing.
ABOVE = {"", "__main__", "web", "cli", "demo"}


def context_and_part(module: str) -> tuple[str, str]:
    _, context, part, *_ = [*module.split("."), "", ""]
    return context, part


def sources(context: str) -> list[Path]:
    return [
        path for path in (ROOT / context).rglob("*.py") if not {"tests", "migrations"} & {*path.relative_to(ROOT).parts}
    ]


def test_contexts_meet_only_through_their_public_modules():
    graph = grimp.build_graph("keqiao", exclude_type_checking_imports=True)
    trespass = set()
    for importer in graph.modules:
        here, part = context_and_part(importer)
        if here in ABOVE or part == "tests":
            continue
        for imported in graph.find_modules_directly_imported_by(importer):
            there, door = context_and_part(imported)
            if there not in {here, "kernel", "runtime"} and door not in PUBLIC | PURE:
                trespass.add(f"{importer} -> {imported}")
    assert trespass == set()


def test_foreign_keys_between_contexts_point_down_and_leave_no_trace():
    wrong = []
    ours = {config.label for config in apps.get_app_configs() if config.name.startswith("keqiao.")}
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if not (field.is_relation and field.concrete and field.related_model):
                continue
            here, there = model._meta.app_label, field.related_model._meta.app_label
            crossing = here != there and {here, there} <= ours
            if crossing and not (HEIGHT[there] < HEIGHT[here] and field.remote_field.hidden):
                wrong.append(str(field))
    assert wrong == []


def test_contexts_listen_only_to_what_is_below_them():
    upward = [
        f"{context} listens to {heard}"
        for context in CONTEXTS
        for path in sources(context)
        for heard in re.findall(r'@on\("(\w+)\.', path.read_text())
        if HEIGHT[heard] >= HEIGHT[context]
    ]
    assert upward == []


SERVICES = sorted([*ROOT.glob("*/services.py"), *ROOT.glob("*/services/*.py")])


@pytest.mark.parametrize("file", SERVICES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_public_service_is_a_command(file):
    name = ".".join(file.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
    module = importlib.import_module(name)
    loose = [
        name
        for name, func in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_") and func.__module__ == module.__name__ and not hasattr(func, "is_command")
    ]
    assert loose == []


@pytest.mark.parametrize("home", CONTEXTS)
def test_every_event_is_named_in_the_readme_of_its_context(home):
    readme = (ROOT / home / "README.md").read_text()
    named = {
        name
        for path in sources(home)
        for name in re.findall(rf'(?<!parameter\()(?<!kind\()"({home}\.[a-z]+(?:_[a-z]+)+)"', path.read_text())
    }
    assert {name for name in named if f"`{name}`" not in readme} == set()


@pytest.mark.parametrize("home", CONTEXTS)
def test_no_module_grows_past_a_folders_size(home):
    assert [f"{path.name}: {n}" for path in sources(home) if (n := len(path.read_text().splitlines())) > 650] == []


def test_only_the_clock_asks_what_time_it_is():
    asking = re.compile(r"\b(?:datetime\.now|datetime\.utcnow|date\.today|timezone\.now)\(")
    found = [
        str(path.relative_to(ROOT))
        for context in CONTEXTS
        for path in sources(context)
        if asking.search(path.read_text())
    ]
    assert found == ["kernel/clock.py"]


def test_only_the_environment_module_reads_the_environment():
    reading = re.compile(r"\bos\.(?:environ|getenv)\b")
    found = [
        str(path.relative_to(ROOT))
        for context in CONTEXTS
        for path in sources(context)
        if reading.search(path.read_text())
    ]
    # wsgi.py and live.py only name Django's settings module before it loads
    assert set(found) <= {"web/wsgi.py", "web/live.py"}


def test_migrations_never_import_our_code():
    found = [
        str(path)
        for path in ROOT.rglob("migrations/*.py")
        if re.search(r"^(?:from|import) keqiao", path.read_text(), re.MULTILINE)
    ]
    assert found == []

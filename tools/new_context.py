"""Start a bounded context: python tools/new_context.py leasing after:catalogue (it stands directly above catalogue)."""

import re
import sys
from pathlib import Path

FILES = {
    "__init__.py": '"""{Name}: say in one line what it owns."""\n',
    "README.md": (
        "# {name}\n\n**Owns** … **Does not own** …\n\n**Words.** …\n\n**Always true.** …\n\n**States.** none yet.\n\n"
        "**Events.** none yet.\n"
    ),
    "apps.py": 'from django.apps import AppConfig\n\n\nclass {Name}Config(AppConfig):\n    name = "keqiao.{name}"\n',
    "types.py": '"""Words of the {name} context."""\n',
    "models.py": '"""Tables of the {name} context."""\n',
    "selectors.py": '"""What may be seen of {name}. A hidden thing looks like a missing one."""\n',
    "policies.py": '"""Who may. Whether now is the right time is the workflow\'s business."""\n',
    "services.py": '"""Commands of the {name} context."""\n',
    "migrations/__init__.py": "",
    "tests/__init__.py": "",
    "tests/factories.py": '"""Plain functions that build {name} rows."""\n',
}


def main(name: str, below: str) -> None:
    if not re.fullmatch(r"[a-z]+", name):
        sys.exit(f"{name!r}: a context is one lower-case word, for example leasing")
    home = Path("src/keqiao", name)
    if home.exists():
        sys.exit(f"{home} is there already")
    for file, text in FILES.items():
        path = home / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(name=name, Name=name.title()), encoding="utf-8")
    edit("pyproject.toml", rf'(\nlayers = \["__main__".*?)("{below}")', rf'\1"{name}", \2')
    edit("pyproject.toml", rf'(containers = \[[^\]]*"keqiao\.{below}")', rf'\1, "keqiao.{name}"')
    edit("src/keqiao/web/settings.py", rf'("keqiao\.{below}",)', rf'\1\n    "keqiao.{name}",')
    print(f"{home} stands above {below}. Next: its README, then types and models, then `make check`.")


def edit(file: str, pattern: str, replacement: str) -> None:
    path = Path(file)
    text, hits = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), count=1, flags=re.DOTALL)
    if hits != 1:
        sys.exit(f"{file}: nothing to edit for {pattern}")
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[2].startswith("after:"):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2].removeprefix("after:"))

import hashlib
import tomllib
from pathlib import Path

STATIC = Path(__file__).parent.parent / "static"


def test_third_party_files_are_those_that_were_published():
    packages = tomllib.loads((STATIC / "vendor" / "vendor.toml").read_text())["package"]
    for package in packages:
        folder = STATIC / "vendor" / package["folder"]
        found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
        assert found == package["sha256"]
        assert package["version"] in package["folder"]
    assert {package["folder"] for package in packages} == {
        path.name for path in (STATIC / "vendor").iterdir() if path.is_dir()
    }

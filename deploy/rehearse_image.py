"""Build the image of deploy/Containerfile where no registry of images is reached, start it, and ask it whether the site is whole.

`python deploy/rehearse_image.py FOLDER`, as root, with Debian's buildah and debootstrap; it takes some minutes and 6 GB in FOLDER.
The base is a Debian with the same Python, made here under the base's name: it stands in for it, and is no release.
With packages in build/wheelhouse (make wheelhouse) the build has no network. Exits 0 when the site said that it is ready,
its processes ran as the image's own user, and it stopped when it was told to.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECIPE = ROOT / "deploy" / "Containerfile"
PORT = 8741
PATIENCE = 300  # seconds for the first start, which makes the database


def main(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    tool = Buildah(folder)
    base = re.findall(r"^FROM (\S+)", RECIPE.read_text(), re.MULTILINE)[-1]
    if not tool.has(base):
        make_base(tool, base, folder / "base")
    offline = ["--network=none"] if (ROOT / "build" / "wheelhouse").exists() else []
    tool("bud", "--format=docker", "--pull-never", *offline, "-t", "keqiao", "-f", str(RECIPE), str(ROOT))
    container = tool("from", "--pull-never", "localhost/keqiao")
    try:
        return serves(tool, container)
    finally:
        tool("rm", container)


class Buildah:
    """Images and containers in a folder, without daemons or kernel features that a small machine lacks."""

    def __init__(self, folder: Path) -> None:
        self.start = [
            "buildah",
            "--storage-driver=vfs",
            "--root",
            str(folder / "root"),
            "--runroot",
            str(folder / "run"),
        ]
        self.env = {**os.environ, "BUILDAH_ISOLATION": "chroot"}

    def __call__(self, *words: str) -> str:
        print("buildah", *words, file=sys.stderr, flush=True)
        done = subprocess.run([*self.start, *words], env=self.env, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.strip()

    def has(self, image: str) -> bool:
        asked = [*self.start, "inspect", "--type=image", image]
        return subprocess.run(asked, env=self.env, capture_output=True, check=False).returncode == 0


def make_base(tool: Buildah, name: str, draft: Path) -> None:
    release = name.rpartition("-")[2]
    shutil.rmtree(draft, ignore_errors=True)
    packages = "--include=python3,python3-venv,ca-certificates"
    subprocess.run(["debootstrap", "--variant=minbase", packages, release, str(draft)], check=True)
    container = tool("from", "scratch")
    subprocess.run(["cp", "-a", f"{draft}/.", tool("mount", container)], check=True)
    tool("commit", "--rm", container, name)
    shutil.rmtree(draft)


def serves(tool: Buildah, container: str) -> int:
    """As the image says: its user, its folder, its command."""
    image = json.loads(tool("inspect", "--type=image", "localhost/keqiao"))["Docker"]["config"]
    command = [*image["Entrypoint"], *image["Cmd"]]
    settings = ["--env", f"PORT={PORT}", "--env", "KEQIAO_HOST=127.0.0.1"]
    site = subprocess.Popen([*tool.start, "run", *settings, container, "--", *command], env=tool.env)
    try:
        answer = wait_until_ready(site)
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in processes(command)}
        print(
            f"ready: {answer['checks']}; user {image['User']} is {owners}; health check: {image['Healthcheck']['Test'][0]}"
        )
    finally:
        for pid in processes(command):
            os.kill(pid, signal.SIGTERM)
        site.wait(60)
    left = processes(command)
    print("stopped" if not left else f"still there: {left}")
    return 0 if all(answer["checks"].values()) and 0 not in owners and not left else 1


def wait_until_ready(site: subprocess.Popen[bytes]) -> dict[str, dict[str, bool]]:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and site.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=5) as answer:
                return dict(json.load(answer))
        except OSError:
            time.sleep(1)
    sys.exit("the site did not become ready")


def processes(command: list[str]) -> list[int]:
    """Those that run the image's command, not the tool that started them."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if words[1 : len(command) + 1] == command and "python" in words[0]:
            found.append(int(place.parent.name))
    return found


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))

"""Images made of files, as archives that a container runtime imports."""

import hashlib
import io
import json
import tarfile
from pathlib import Path


def archive(path, name, files, *, command):
    """Writes an image of one layer, as `docker save` would: the files by their paths in it, each an executable."""
    layer = _tar({inside.lstrip("/"): Path(file).read_bytes() for inside, file in files.items()})
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": [command], "Env": ["PATH=/bin:/usr/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    whole = {"layer.tar": layer, "config.json": _json(config), "manifest.json": _json(manifest)}
    path.write_bytes(_tar(whole))
    return path


def _json(value):
    return json.dumps(value).encode()


def _tar(files):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()

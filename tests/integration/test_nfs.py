"""A store in a folder on NFS, as Linux mounts it: a kernel in a process of its own is the server and its clients.

User Mode Linux sees this machine's files, and has a loopback of its own, so that nothing listens here.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PROGRAMS = ("linux.uml", "mount.nfs", "rpc.nfsd", "rpc.mountd", "rpc.statd", "exportfs", "rpcbind")
# Two of one version have caches of their own, as on two nodes.
MOUNTS = {"v3": "vers=3", "v4": "vers=4.2", "other": "vers=4.2,nosharecache", "nolock": "vers=3,nolock"}
PAIRS = (("v3", "v3"), ("v4", "other"), ("v3", "v4"), ("nolock", "v3"))

BOOT = """#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /mnt
mkdir -p /run/rpcbind /mnt/export /mnt/m/lib /mnt/var/{{v4recovery,sm,rpc_pipefs}} {folders}
ln -s /usr/lib/uml/modules /mnt/m/lib/modules; ip link set lo up
for module in nfsd nfs nfsv3 nfsv4; do modprobe -d /mnt/m $module; done; echo /bin/true >/proc/sys/kernel/modprobe
mount -t nfsd nfsd /proc/fs/nfsd; mount --bind /mnt/var /var/lib/nfs; touch /var/lib/nfs/{{etab,rmtab}}
rpcbind -w -f & sleep 1; rpc.statd --no-notify
exportfs -o rw,no_root_squash,insecure,fsid=0,no_subtree_check 127.0.0.1:/mnt/export
rpc.nfsd -V 3 4; rpc.mountd -F & sleep 1
{mounts}
cat /proc/mounts >{out}/mounts; cd {checkout}
{work}
echo o >/proc/sysrq-trigger; sleep 9
"""
WORK = """timeout 100 {python} -m pytest -q -p no:cacheprovider tests/store/test_contract.py tests/store/test_folder.py -k folder \\
  --basetemp=/mnt/{name}/base >{out}/{name} 2>&1"""
PAIR = """for each in {one} {other}; do {python} -m exitkit notify console --uid {one}-{other} --name w --status Failed \\
  --state /mnt/$each/state --timeout 60s >{out}/pair-{one}-{other}-$RANDOM 2>/dev/null & running="$running $!"; done; wait $running"""


@pytest.fixture(scope="module")
def nfs(tmp_path_factory):
    """Boots, runs the tests of the folder on each mount and the pairs; gives the folder with what came of it."""
    environ = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    if missing := [name for name in PROGRAMS if shutil.which(name, path=environ["PATH"]) is None]:
        pytest.skip(f"{', '.join(missing)} not installed: no NFS to test on")
    if os.getuid() != 0:
        pytest.skip("only root can mount NFS, also in a kernel of its own")
    out = tmp_path_factory.mktemp("nfs")
    source = {"vers=4": "127.0.0.1:/"}
    mounts = [
        f"mount -t nfs -o {options} {source.get(options[:6], '127.0.0.1:/mnt/export')} /mnt/{name}"
        for name, options in MOUNTS.items()
    ]
    work = [WORK.format(python=sys.executable, name=name, out=out) for name in ("v3", "v4", "nolock")]
    work += [PAIR.format(python=sys.executable, one=one, other=other, out=out) for one, other in PAIRS]
    folders = " ".join(f"/mnt/{name}" for name in MOUNTS)
    boot = out / "boot.sh"
    boot.write_text(
        BOOT.format(folders=folders, mounts="\n".join(mounts), out=out, checkout=CHECKOUT, work="\n".join(work))
    )
    boot.chmod(0o755)
    words = ["mem=600M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw", f"init={boot}", "con=null"]
    with (out / "console").open("wb") as console:
        process = subprocess.Popen(
            [shutil.which("linux.uml", path=environ["PATH"]), *words, "con0=fd:0,fd:1"],
            env=environ, stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
        )  # fmt: skip
    try:
        process.wait(300)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if not (out / "mounts").exists():
        pytest.skip(f"no kernel can be started here: {(out / 'console').read_text(errors='replace')[-300:]}")
    return out


@pytest.mark.parametrize("name", ["v3", "v4", "nolock"])
def test_a_folder_on_nfs_keeps_the_contract(nfs, name):
    """With the locks of NFS 3 and 4, and with those of one machine alone."""
    assert re.search(rf"/mnt/{name} nfs4? ", (nfs / "mounts").read_text())
    told = (nfs / name).read_text()
    assert re.search(r"\d\d passed, \d+ deselected", told), told
    assert "failed" not in told


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_of_two_processes_on_nfs_one_delivers(nfs, one, other):
    """Also where each has a mount of its own, with a cache of its own."""
    told = [path.read_text() for path in nfs.glob(f"pair-{one}-{other}-*")]
    assert sorted(json.loads(text)["steps"][0]["outcome"] for text in told) == ["duplicate", "ok"]

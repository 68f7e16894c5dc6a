#!/usr/bin/env python3
"""OpenSSH through two keepers: a command, and 64 MiB each way by scp with the same checksum at the end."""
import os
import pathlib
import shutil

from kit import *

SIZE = 64 << 20
with Lab("near", "far") as lab:
    near, far = lab
    keeper, listening = pair(lab)
    pathlib.Path("/run/sshd").mkdir(mode=0o755)
    for name in ("host", "user"):
        capture(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", lab.dir / name])
    config = lab.dir / "sshd_config"
    config.write_text(f"HostKey {lab.dir}/host\nAuthorizedKeysFile {lab.dir}/user.pub\nStrictModes no\nUsePAM no\n"
                      f"PermitRootLogin prohibit-password\nPidFile none\nListenAddress {FAR_APP}\nSubsystem sftp internal-sftp\n")
    host_key = (lab.dir / "host.pub").read_text().split()[:2]
    host, port = NEAR_APP.rsplit(":", 1)
    (lab.dir / "known").write_text(f"[{host}]:{port} {' '.join(host_key)}\n")
    far.popen(shutil.which("sshd"), "-D", "-e", "-f", config)
    options = ["-F", "none", "-i", lab.dir / "user", "-o", f"UserKnownHostsFile={lab.dir}/known", "-o", "BatchMode=yes",
               "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10"]

    def ssh(*words, expect=0):
        return near.run("ssh", *options, "-p", port, f"root@{host}", *words, expect=expect)

    wait_for(lambda: ssh("true", expect=None).returncode == 0, 20, "sshd answers through the pair")
    same(ssh("readlink", "/proc/self/ns/net").stdout.strip(), far.run("readlink", "/proc/self/ns/net").stdout.strip(),
         "where the command ran")

    data = lab.dir / "data"
    data.write_bytes(os.urandom(SIZE))
    near.run("scp", "-q", *options, "-P", port, data, f"root@{host}:{lab.dir}/there")
    near.run("scp", "-q", *options, "-P", port, f"root@{host}:{lab.dir}/there", lab.dir / "back")
    sums = {digest((lab.dir / name).read_bytes()) for name in ("data", "there", "back")}
    same(len(sums), 1, "different checksums")
    same((lab.dir / "there").stat().st_size, SIZE, "size")
    counted = listening.status("link")["bytes"]
    require(min(counted.values()) > SIZE, f"bytes counted: {counted}")

    # Control: it is the keepers that make it work. Straight to the keyed port there is silence.
    direct = near.run("ssh", *options, "-o", "ConnectTimeout=2", "-p", str(PORT), f"root@{far.ip}", "true", expect=255)
    require("timed out" in direct.stderr, direct.stderr)

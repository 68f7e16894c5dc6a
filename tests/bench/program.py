"""Program: another program that is measured, started in a directory of its own."""
import pathlib
import shutil
import subprocess
import tempfile


class Program:
    program = None  # its name, for available()

    def __init__(self, name):
        self.name = name
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"bench-{name}-"))
        self.process = None

    def available(self):
        return shutil.which(self.program) is not None

    def spawn(self, command, env=None):
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=env)

    @property
    def pid(self):
        return self.process.pid

    @property
    def ended(self):
        return self.process.poll() is not None

    def log(self):
        """The end of what it has said."""
        path = self.dir / "log"
        return path.read_text(errors="replace")[-1000:].strip() if path.exists() else ""

    def stop(self):
        if self.process and not self.ended:
            self.process.kill()
            self.process.wait()

"""What the tests of the real program stand on: a network of namespaces, keepers, and a forger's tools.

A test is one file that shows one behaviour, run by `isolate`. It reads

    from kit import *
    with Lab("near", "far") as lab: ...
"""
from .apps import *
from .config import *
from .keeper import *
from .lab import *
from .md5 import *
from .tls import *

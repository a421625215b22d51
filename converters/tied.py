"""Runs a module of Python for as long as somebody holds its standard input: an installation ends with the
program that has asked for it, however that ends. usage: python tied.py MODULE [ARGUMENT…]"""

import os
import runpy
import signal
import sys
import threading


def end_with(source):
    while os.read(source, 4096):
        pass
    # With what it has started, of the group that onlite has made for it.
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    held = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    threading.Thread(target=end_with, args=(held,), daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

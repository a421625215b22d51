"""Installs the messages that tensorflow-serving-api is made of: usage: tensorflow_messages.py VERSION

They are in TensorFlow itself, of which nothing else is needed to call a server: 250 MB are loaded, 5 MB kept.
"""

import pathlib
import re
import subprocess
import sys
import sysconfig
import tempfile
import zipfile

(version,) = sys.argv[1:]
MESSAGES = re.compile(r"tensorflow/(core|tsl|compiler|python)/.*_pb2\.py")

with tempfile.TemporaryDirectory() as folder:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
    subprocess.run([*pip, f"tensorflow-cpu=={version}"], check=True)
    (wheel,) = pathlib.Path(folder).glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if MESSAGES.fullmatch(name)]
        archive.extractall(sysconfig.get_path("purelib"), names)
print(f"{len(names)} modules of messages")

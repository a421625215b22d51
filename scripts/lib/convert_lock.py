"""Prints a pylock.toml (PEP 751) as requirements for `pip install --require-hashes --no-deps`.

Of each package only those wheels are named that pip would take on one of the platforms and Pythons
below; the first comments say how many bytes a platform would download, with the Python for which
that is most.
"""

import sys
import tomllib

from packaging.markers import Marker
from packaging.tags import Tag, cpython_tags, compatible_tags
from packaging.utils import parse_wheel_filename

PYTHONS = [(3, 10), (3, 11), (3, 12), (3, 13)]
GLIBC_MINORS = range(35, 4, -1)
MACOS_MAJORS = range(15, 10, -1)


def manylinux(machine):
    legacy = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
    for minor in GLIBC_MINORS:
        yield f"manylinux_2_{minor}_{machine}"
        if minor in legacy:
            yield f"{legacy[minor]}_{machine}"
    yield f"linux_{machine}"


def macos(machine):
    for major in MACOS_MAJORS:
        yield f"macosx_{major}_0_{machine}"
        yield f"macosx_{major}_0_universal2"
    for minor in range(16, 5, -1):
        yield f"macosx_10_{minor}_universal2"


PLATFORMS = {
    "linux-x64": (list(manylinux("x86_64")), "linux", "Linux", "x86_64", "posix"),
    "linux-arm64": (list(manylinux("aarch64")), "linux", "Linux", "aarch64", "posix"),
    "darwin-arm64": (list(macos("arm64")), "darwin", "Darwin", "arm64", "posix"),
    "win32-x64": (["win_amd64"], "win32", "Windows", "AMD64", "nt"),
}


def tags_of(platform, python):
    names = PLATFORMS[platform][0]
    tags = list(cpython_tags(python, platforms=names))
    tags += compatible_tags(python, interpreter=f"cp{python[0]}{python[1]}", platforms=names)
    return {tag: rank for rank, tag in reversed(list(enumerate(tags)))}


def environment(platform, python):
    _, sys_platform, system, machine, os_name = PLATFORMS[platform]
    version = f"{python[0]}.{python[1]}"
    return {
        "python_version": version,
        "python_full_version": f"{version}.9",
        "sys_platform": sys_platform,
        "platform_system": system,
        "platform_machine": machine,
        "os_name": os_name,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }


def file_name(wheel):
    return wheel.get("name") or wheel["url"].rsplit("/", 1)[1].split("#")[0].replace("%2B", "+")


def best_wheel(package, ranks):
    found = []
    for wheel in package.get("wheels", []):
        tags = parse_wheel_filename(file_name(wheel))[3]
        rank = min((ranks[tag] for tag in tags if tag in ranks), default=None)
        if rank is not None:
            found.append((rank, wheel))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def main(path):
    with open(path, "rb") as file:
        packages = tomllib.load(file)["packages"]
    wheels = {}
    sizes = {}
    lacking = {}
    for platform in PLATFORMS:
        for python in PYTHONS:
            ranks = tags_of(platform, python)
            total = 0
            for index, package in enumerate(packages):
                marker = package.get("marker")
                if marker and not Marker(marker).evaluate(environment(platform, python)):
                    continue
                wheel = best_wheel(package, ranks)
                if wheel is None:
                    lacking.setdefault(platform, {}).setdefault(python, package["name"])
                    continue
                wheels.setdefault(index, set()).add(wheel["hashes"]["sha256"])
                total += wheel["size"]
            if python not in lacking.get(platform, {}):
                sizes.setdefault(platform, {})[python] = total
    print("# Written by scripts/convert-locks.mjs: the packages of a converter, all that they need, and")
    print("# the SHA-256 of the wheels for these platforms, with the bytes that are downloaded there:")
    for platform in PLATFORMS:
        pythons = sizes.get(platform)
        if pythons:
            names = ",".join(f"{major}.{minor}" for major, minor in sorted(pythons))
            print(f"# {platform} {max(pythons.values())} {names}")
        for python, package in lacking.get(platform, {}).items():
            print(f"{platform} {python}: no wheel of {package}", file=sys.stderr)
    for index, package in enumerate(packages):
        if index not in wheels:
            continue
        marker = f" ; {package['marker']}" if "marker" in package else ""
        hashes = "".join(f" \\\n    --hash=sha256:{each}" for each in sorted(wheels[index]))
        print(f"{package['name']}=={package['version']}{marker}{hashes}")


main(sys.argv[1])

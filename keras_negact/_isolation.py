"""A network of its own for this process and all that it starts, and why to want one. Linux only."""

import ctypes
import errno
import os
import pathlib
import socket
import struct
import sys

OPEN_PORTS = (
    "TensorFlow's server in each worker listens on all network interfaces without a password: who "
    "reaches its port can read and write files as you."
)
#: Set in the environment of processes whose user has been told, or need not be.
TOLD = "KERAS_NEGACT_PORTS_TOLD"
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914
_IFF_UP = 0x1
# What distributions and administrators switch off user namespaces with: value -> meaning "off".
_SWITCHES = {
    "/proc/sys/kernel/unprivileged_userns_clone": "0",
    "/proc/sys/user/max_user_namespaces": "0",
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1",
}


def enter_own_network() -> None:
    """Leave the machine's network for one that has the loopback interface alone.

    Nobody outside reaches the ports that are opened in it, and nothing in it reaches the network.
    The user stays the same. Call it before the process has a second thread.

    Raises:
        OSError: if the machine doesn't allow it; the message says why, as far as it can be known.
    """
    if not sys.platform.startswith("linux"):
        raise OSError(errno.ENOSYS, f"network namespaces are Linux's, this is {sys.platform}")
    try:
        _unshare()
        _bring_up_loopback()
    except OSError as error:
        off = [f"{path} is {value}" for path, value in _SWITCHES.items() if _holds(path, value)]
        raise OSError(error.errno, "; ".join([str(error.strerror), *off])) from error


def _unshare() -> None:
    user, group = os.geteuid(), os.getegid()
    unshare = ctypes.CDLL(None, use_errno=True).unshare
    # The first is allowed to administrators, and files of other users stay as they are for them.
    if unshare(_CLONE_NEWNET) == 0:
        return
    if unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    own = pathlib.Path("/proc/self")
    (own / "setgroups").write_text("deny")
    (own / "uid_map").write_text(f"{user} {user} 1")
    (own / "gid_map").write_text(f"{group} {group} 1")


def _holds(path: str, value: str) -> bool:
    try:
        return pathlib.Path(path).read_text().strip() == value
    except OSError:
        return False


def _bring_up_loopback() -> None:
    import fcntl

    # struct ifreq: the interface's name, its flags, and room for the rest of the union.
    layout = "16sh22x"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack(layout, b"lo", 0))
        flags = struct.unpack(layout, request)[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack(layout, b"lo", flags | _IFF_UP))

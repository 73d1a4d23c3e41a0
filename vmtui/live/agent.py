"""
A real process of a scenario, as a program of its own: ``python -I -S agent.py SOCKET TASKS BYTES``.

It connects to the controller's socket and obeys one request after the other until the connection ends.
Told to fork, it forks itself; the child connects anew.  It maps and touches nothing but what it is told to:
its own memory lies elsewhere.  It imports nothing of vmtui, so that there is little of it to fork.

A request is a JSON list, a word and its arguments; the answer is ``[errno, value]``, errno 0 for success.
"""

import ctypes
import json
import os
import signal
import socket
import sys
from collections.abc import Callable

PAGE = 4096
PR_SET_CHILD_SUBREAPER = 36
PR_SET_THP_DISABLE = 41
CAP_SYS_RAWIO = 17
_LINUX_CAPABILITY_VERSION_3 = 0x20080522
PROT_READ = MAP_SHARED = 1
MADV_RANDOM, MADV_PAGEOUT = 1, 21

Answer = tuple[int, int | str | list[int]]

_libc = ctypes.CDLL(None, use_errno=True)
_size, _pointer, _int = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int


def _call(name: str, result: type, *arguments: type) -> Callable[..., tuple[int, int]]:
    """A function of the C library that answers with its errno and its value."""
    function = getattr(_libc, name)
    function.argtypes, function.restype = list(arguments), result

    def call(*values: int) -> tuple[int, int]:
        ctypes.set_errno(0)
        value = function(*values)
        return ctypes.get_errno() if value in (-1, 2**64 - 1) else 0, value or 0

    return call


_mmap = _call("mmap", _pointer, _pointer, _size, _int, _int, _int, ctypes.c_long)
_munmap = _call("munmap", _int, _pointer, _size)
_mprotect = _call("mprotect", _int, _pointer, _size, _int)
_mremap = _call("mremap", _pointer, _pointer, _size, _size, _int, _pointer)
_remap_file_pages = _call("remap_file_pages", _int, _pointer, _size, _int, _size, _int)
_madvise = _call("madvise", _int, _pointer, _size, _int)
_mlock = _call("mlock", _int, _pointer, _size)
_munlock = _call("munlock", _int, _pointer, _size)
_read = _call("read", ctypes.c_ssize_t, _int, _pointer, _size)
_write = _call("write", ctypes.c_ssize_t, _int, _pointer, _size)
_mincore = _call("mincore", _int, _pointer, _size, _pointer)
_vmsplice = _call("vmsplice", ctypes.c_ssize_t, _int, _pointer, ctypes.c_ulong, ctypes.c_uint)
_capget = _call("capget", _int, _pointer, _pointer)
_capset = _call("capset", _int, _pointer, _pointer)
_prctl = _call("prctl", _int, _int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


class _Piece(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Agent:
    """
    The process.

    Args:
        path: The controller's socket.
        tasks: The files through which it enters a memory cgroup, with ``{}`` for the cgroup's name; "" where
            there are none to enter.
        longest: Bytes of the longest request.
    """

    def __init__(self, path: str, tasks: str, longest: int) -> None:
        self.path = path
        self.tasks = tasks
        self.longest = longest
        self.holding = (-1, -1)
        self.files: dict[str, int] = {}
        self.connect()
        self.pipe = os.pipe()

    def connect(self) -> None:
        """Connect to the controller, and say who this is."""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.connect(self.path)
        self.socket.send(json.dumps([0, os.getpid()]).encode())

    def serve(self) -> None:
        """Obey until the connection ends."""
        while request := self.socket.recv(self.longest):
            word, *arguments = json.loads(request)
            answer = getattr(self, f"do_{word}")(*arguments)
            self.socket.send(json.dumps(answer).encode())

    def do_mmap(self, start: int, length: int, prot: int, flags: int, path: str, offset: int) -> Answer:
        """
        Map anonymous memory, or a file, which stays open for this process and its children.

        VMAs of a file that was opened twice are of two files to the kernel, and do not merge.
        """
        if not path:
            return _mmap(start, length, prot, flags, -1, 0)
        if path not in self.files:
            self.files[path] = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        return _mmap(start, length, prot, flags, self.files[path], offset)

    def do_munmap(self, start: int, length: int) -> Answer:
        """Unmap."""
        return _munmap(start, length)

    def do_mprotect(self, start: int, length: int, prot: int) -> Answer:
        """Change permissions."""
        return _mprotect(start, length, prot)

    def do_mremap(self, start: int, length: int, new_length: int, flags: int, to: int) -> Answer:
        """Move, or give another length."""
        return _mremap(start, length, new_length, flags, to)

    def do_remap_file_pages(self, start: int, length: int, index: int, flags: int) -> Answer:
        """Let a part of a shared mapping show other pages of its object, from this one on."""
        return _remap_file_pages(start, length, 0, index, flags)

    def do_madvise(self, start: int, length: int, advice: int) -> Answer:
        """Give advice."""
        return _madvise(start, length, advice)

    def do_mlock(self, start: int, length: int) -> Answer:
        """Lock pages in memory."""
        return _mlock(start, length)

    def do_munlock(self, start: int, length: int) -> Answer:
        """Unlock them."""
        return _munlock(start, length)

    def do_touch(self, start: int, pages: int, write: bool, cgroups: list[str]) -> Answer:
        """
        Read or write a byte of each page, up to the first that cannot be; the value is how many could.

        The system call touches the page, so that a bad address is an errno and no signal.  With `cgroups`,
        each page is touched inside a memory cgroup of its own, the last of the list being home.
        """
        for page in range(pages):
            address = start + page * PAGE
            if cgroups:
                self.enter(cgroups[page])
            errno = self.store(address) if write else self.load(address)
            if cgroups:
                self.enter(cgroups[-1])
            if errno:
                return errno, page
        return 0, pages

    def load(self, address: int) -> int:
        """Read a byte; the errno."""
        errno, _ = _write(self.pipe[1], address, 1)
        if not errno:
            os.read(self.pipe[0], 1)
        return errno

    def store(self, address: int) -> int:
        """Write a byte that is not zero; the errno."""
        os.write(self.pipe[1], b"\xa5")
        errno, _ = _read(self.pipe[0], address, 1)
        if errno:
            os.read(self.pipe[0], 1)
        return errno

    def enter(self, cgroup: str) -> None:
        """Move into a memory cgroup: what is allocated from now on is charged to it."""
        fd = os.open(self.tasks.format(cgroup), os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, b"0")
        finally:
            os.close(fd)

    def do_enter(self, cgroup: str) -> Answer:
        """Move into a memory cgroup."""
        self.enter(cgroup)
        return 0, 0

    def do_mincore(self, start: int, pages: int) -> Answer:
        """Which pages are in memory, those of a swap entry in the swap cache among them: a hex byte each."""
        found = ctypes.create_string_buffer(pages)
        errno, _ = _mincore(start, pages * PAGE, ctypes.addressof(found))
        return errno, found.raw.hex()

    def do_cache(self, pages: list[tuple[str, str, int]]) -> Answer:
        """
        Read pages of files into the page cache, and no others: each a cgroup, a path and an offset.

        The value: which of them were not there.
        """
        new = []
        for at, (cgroup, path, offset) in enumerate(pages):
            if cgroup:
                self.enter(cgroup)
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
                if not is_cached(fd, offset):
                    os.pread(fd, 1, offset)
                    new.append(at)
            finally:
                os.close(fd)
        return 0, new

    def do_bring(self, pages: list[tuple[str, str, int]]) -> Answer:
        """
        Bring pages of shared memory into its object, up to the first that it does not have, and map none.

        Each a cgroup, a link to the object as in /proc/self/map_files, and an offset: the page is touched in
        a mapping somewhere else, which lasts no longer than that.  The value: which were touched.
        """
        for at, (cgroup, path, offset) in enumerate(pages):
            self.enter(cgroup)
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            errno, there = _mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, offset)
            os.close(fd)
            if not errno:
                errno = self.load(there)
                _munmap(there, PAGE)
            if errno:
                return errno, list(range(at))
        return 0, list(range(len(pages)))

    def do_page_out(self, path: str, offset: int) -> Answer:
        """
        Page out a page of a file that nobody maps, through a mapping that lasts no longer than that.

        MADV_RANDOM: the mark of a dirty page that was met before would start readahead.
        """
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        errno, there = _mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, offset)
        os.close(fd)
        if not errno:
            _madvise(there, PAGE, MADV_RANDOM)
            errno = self.load(there) or _madvise(there, PAGE, MADV_PAGEOUT)[0]
            _munmap(there, PAGE)
        return errno, 0

    def do_hold(self, address: int) -> Answer:
        """Take a reference to a page, so that its frame stays when it is unmapped."""
        self.holding = os.pipe()
        errno, _ = _vmsplice(self.holding[1], ctypes.addressof(_Piece(address, 1)), 1, 0)
        if errno:
            self.do_let_go()
        return errno, 0

    def do_let_go(self) -> Answer:
        """Give that reference back."""
        for fd in self.holding:
            os.close(fd)
        return 0, 0

    def do_fork(self) -> Answer:
        """Fork; the value is the child's pid."""
        child = os.fork()
        if not child:
            self.socket.close()
            for fd in self.pipe:
                os.close(fd)
            self.pipe = os.pipe()
            self.connect()
            self.serve()
            os._exit(0)
        return 0, child

    def do_exit(self) -> None:
        """End at once: the connection's end tells the controller, after the memory has gone."""
        os._exit(0)


def is_cached(fd: int, offset: int) -> bool:
    """Whether a page of a file is in the page cache: asked of a mapping that lasts no longer than that."""
    errno, there = _mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, offset)
    if errno:
        return False
    found = ctypes.create_string_buffer(1)
    errno, _ = _mincore(there, PAGE, ctypes.addressof(found))
    _munmap(there, PAGE)
    return not errno and bool(found.raw[0] & 1)


def give_up(capability: int) -> None:
    """Do from here on without a capability, as the programs of most users do."""
    header, sets = (_int * 2)(_LINUX_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    if not _capget(header, sets)[0]:
        sets[0] &= ~(1 << capability)  # the effective set: its lower half comes first
        _capset(header, sets)


def main() -> None:
    """Obey from here on."""
    # Children are reaped by the kernel, those whose parent has gone too.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # One CPU for all: a page just read in is held by the batch of the CPU that read it, and whether the
    # kernel finds the page its own depends on whether that is the CPU it looks on.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    _prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    _prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
    give_up(CAP_SYS_RAWIO)
    Agent(sys.argv[1], sys.argv[2], int(sys.argv[3])).serve()


if __name__ == "__main__":
    main()

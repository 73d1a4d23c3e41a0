"""A kernel to be asked line by line: what it does, whatever the simulator thinks of it."""

from vmtui.live.calls import resolve
from vmtui.live.observe_live import LiveObserver
from vmtui.live.player import LivePlayer
from vmtui.live.premises import Premises
from vmtui.scenario import parse_command
from vmtui.session import Session

PAGE = 4096


class Stage:
    """
    Real processes that obey lines of the language.

    The simulated machine beside them knows the labels, and nothing it says is looked at.
    """

    def __init__(self, abilities):
        self.premises = Premises(abilities)
        self.session = Session(rmap="anon_vma_chain")

    def __enter__(self):
        self.premises.__enter__()
        self.player = LivePlayer(self.premises)
        self.observer = LiveObserver(self.player)
        self.seen = self.observer.observe(None)
        return self

    def __exit__(self, *why):
        self.player.close()
        self.premises.__exit__(*why)

    def do(self, *lines):
        """Do lines, and look after each; the errno of the last."""
        for line in lines:
            call = resolve(self.session.machine, parse_command(line))
            assert call is not None, line
            self.session.attempt(line)
            self.seen = self.observer.observe(self.player.perform(call))
        return self.seen.errno

    def do_call(self, call):
        """Do a call that the language has no line for."""
        self.seen = self.observer.observe(self.player.perform(call))
        return self.seen.errno

    def where(self, place):
        """``a.h[2]`` as a process and an address."""
        task, _, rest = place.partition(".")
        label, _, index = rest.rstrip("]").partition("[")
        found = self.session.machine.task_named(task).mm.labels.called(label)
        return task, found.start + int(index) * PAGE

    def page(self, place):
        """What the kernel says of a page; None where there is no entry."""
        return self.seen.page(self.where(place))

    def states(self, task, label, pages):
        """The states of a label's first pages, a letter each: present, swapped, zero, none."""
        found = [self.page(f"{task}.{label}[{index}]") for index in range(pages)]
        return "".join("-" if page is None else page.state[0] for page in found)

    def same_frame(self, *places):
        """Whether all of them map one frame."""
        return len({self.page(place).frame for place in places}) == 1

    def kept(self, place):
        """Whether it has a frame that somebody had one command before."""
        return bool(self.page(place).was)

    def vmas(self, task):
        """The sizes of its VMAs in pages, with their permissions."""
        return [f"{(vma.end - vma.start) // PAGE} {vma.perms}" for vma in self.seen.processes[task].vmas]

    def counts(self, task, index=0):
        """What smaps says of one of its VMAs."""
        return self.seen.processes[task].vmas[index].counts

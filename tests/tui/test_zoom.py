"""Pane 4 from afar: z and Z."""

from vmtui.testing import lab
from vmtui.view.frames import columns_of

BIG = """
machine ram=64M
spawn sh
mmap sh heap 6000 pages rw private
write sh.heap
show sh.heap[5000]
"""


async def test_z_and_Z_change_what_a_cell_stands_for():
    """1, 64, 4,096 frames a cell and back; at the ends the key says that there is no more."""
    async with lab(BIG) as bench:
        zooms = []
        for key in ("z", "z", "z", "Z", "Z", "Z"):
            await bench.press(key)
            zooms.append(bench.desk.zoom)
            assert bench.desk.zoom == 1 or f"{bench.desk.zoom:,} a cell" in bench.text("frames")

        assert zooms == [64, 4096, 4096, 64, 1, 1]
        assert "one frame" in bench.text("narration")


async def test_from_the_list_of_pages_z_leads_back_to_the_frames():
    """The pages of a VMA have no zoom: z shows the grid, as coarse as it was."""
    async with lab(BIG) as bench:
        await bench.press("v", "z")

        assert (bench.desk.show_pages, bench.desk.zoom) == (False, 1)
        assert "Page frames" in bench.text("frames")


async def test_zooming_keeps_the_place():
    """Farther and nearer, the cursor stays on the frames it was on: on the subject while that is there."""
    async with lab(BIG) as bench:
        pane = bench.main.query_one("#frames")
        await bench.press("4")
        pfn = bench.desk.subject_frame
        found = []
        for key in ("z", "z", "Z", "Z"):
            await bench.press(key)
            found.append(pane.frame)
        assert found == [pfn - pfn % 64, pfn - pfn % 4096, pfn - pfn % 64, pfn]

        await bench.press("z", "home", "Z")
        assert pane.frame < 64 * len(columns_of(pane.row_width, 64))
        assert bench.desk.subject_frame == pfn


async def test_the_lower_edge_counts_the_cell_under_the_cursor():
    """With the focus, the frame of the pane says what the cell holds; without, what memory does."""
    async with lab(BIG) as bench:
        await bench.press("z", "4", "home", "right")
        first = bench.main.query_one("#frames").frame
        assert f"{first:#x}-{first + 63:#x}: 64 anon" in bench.text("frames").splitlines()[-1]
        await bench.press("1")

        assert "free" in bench.text("frames").splitlines()[-1]


async def test_a_coarse_cell_can_be_chosen_by_key_and_by_mouse():
    """Enter and a click make the page that stands for the cell the subject."""
    async with lab(BIG) as bench:
        pane = bench.main.query_one("#frames")
        await bench.press("z", "4", "home", "enter")
        first = pane.frame
        assert first % 64 == 0
        assert bench.desk.subject_frame == first

        column = columns_of(pane.row_width, 64)[2]
        await bench.click("frames", 1 + column + 1, 0)
        assert bench.desk.subject_frame == 128


async def test_the_footer_zooms():
    """The footer of the focused grid has both keys, so the mouse reaches them."""
    async with lab(BIG) as bench:
        await bench.press("4")
        shown = [key.id for key, _ in bench.main.keys.entries]

        assert "view.farther" in shown
        assert "view.nearer" in shown


async def test_ascii_from_afar():
    """With --ascii nothing else is drawn, and a cell still says its kind and how full it is."""
    async with lab(BIG, ascii=True) as bench:
        await bench.press("z")
        text = bench.text("frames")

        assert text.isascii()
        assert "A#A#" in text


async def test_find_lists_processes_that_are_folded():
    """A fragment of a name finds a process that is folded away, and a VMA by process and label."""
    text = "spawn sh; mmap sh heap 4 pages rw private; " + "; ".join(f"fork sh c{n}" for n in range(9))
    async with lab(text) as bench:
        await bench.press("n", "n", "slash", "c", "5")
        listed = bench.text("choices")
        assert "c5" in listed
        assert "c4" not in listed
        assert "heap" in listed

        await bench.press("escape", "slash", "s", "h", "space", "h", "e", "a", "p", "enter")
        assert bench.subject == "sh.heap"

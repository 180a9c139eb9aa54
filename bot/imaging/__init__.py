"""Pictures: what a file is, what is in it, and what is wrong with it. Floor 1: imports nothing else of ours.

What the services use:

- `kinds.recognise(head)`: what a file is, by its first bytes: a `Kind`.
- `lab.Lab`: everything that decodes, in processes of its own. `take_in(data)` makes a posted file into a
  photo of ours (`Taken`: the photo, a preview, its `look.Look`); `fit(photo, …)` makes it smaller for a
  vendor; `contact_sheet(tiles)` draws the overview; `inspect_video(path)` tells what a film is
  (`clip.Clip`); `expect()` says that a picture is on its way; `close()` ends every process. A file that is
  no photo raises `faults.Unusable` with its `Fault`; a lab that does not work, `CannotWork`, which says
  nothing of the file.
- `verdict.judge(looks, …)`: what is doubtful in each photo of a set, and in the set. `verdict.misfits(…)`:
  why one vendor would refuse a photo. Pure, from what was measured when the photo was taken in.
- `tiles.Tile`: what stands on a contact sheet.
- `archive`: what is in a zip of photos.

Inside the lab's processes, and nowhere else, run `worker` and what it calls: `decode` (bytes to pixels),
`cost` and `thrift` (what memory that takes, and how it is given back), `plain` (pixels to upright sRGB, and
the file that is kept), `cicp`, `av1` and `boxes` (colours by number), `measures`, `signature` and `faces`
(what is to be seen), `sheet` and `icons` (what is drawn), `video`. Between the two stand `wire` and `hatch`
(what is said and handed over) and `turns` (who may take much memory). What runs in the processes blocks, and
is at the mercy of the decoders.
"""

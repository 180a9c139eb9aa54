"""Stand-ins for the vendors' APIs, written from the vendors' pages and served on loopback over real HTTP.

A stand-in has one face for its customers, which is the vendor's, and one for people, below `/control`
(`_control.py`): settings, faults, jobs, journal. The page's panel is drawn from what it says there, so a
new vendor needs nothing in the page:

- `GET /control/panel` is a `Panel` (`_panel.py`), given as `Controls(panel=...)`: the vendor's name,
  words for its kinds of jobs and for its statuses (with a `Tone`, so that the page knows what is under
  way), knobs (each turns one setting), troubles (each orders one fault: begin with `usual_troubles`;
  what only this vendor has, such as a review that refuses, stands only there) and the fates of single
  jobs.
- `GET /control/jobs` is a list of objects. The panel reads `kind id status progress name created_at
  ended_at` and, where there is one, `note`: a line of plain words. Never a prompt, a link or a key.
- A fault that names a job under way (`details={"job": id}`, a kind out of `fates`) goes to
  `Controls.doom`.
- Kinds of fault that no other vendor has are added to `FaultKind`, with their details in a line.

What every stand-in needs is there already: `_counter.py` receives calls, spoils them as ordered and writes
them down; `_settings.py` keeps what can be turned, `_register.py` records, `_links.py` signed links;
`_workers.py` does the work beside the calls and `_fetch.py` fetches photos for it; `_forms.py` reads
multipart bodies.

`start(clock=...)` takes the world's clock (`bot.sandbox.clock`), which may run faster. Give it to
`Pulse(clock)` and let jobs wait by `pulse.rest(seconds)` alone, or by `Workers.until`, which count in its
seconds; whatever gives jobs another course calls `pulse.stir()`. What a job takes or
a link lasts is measured on it; signatures, nonces and windows around a single call by `wall_of(clock)`,
since callers sign by the machine's time. `LocalSlack.page.introduce(name, origin)` shows the stand-in in
the panel.
"""

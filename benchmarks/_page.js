// What page.py has a browser do: listen, watch, scroll, and say when it was seen.
(() => {
  const seen = {};
  const frame = () => new Promise((next) => requestAnimationFrame(next));
  const now = () => performance.timeOrigin + performance.now();

  /** Note the instant after the frame in which a turn stands on the page. */
  const note = (turn) => requestAnimationFrame(() => setTimeout(() => (seen[turn] ||= now())));
  const turnIn = (text) => [...text.matchAll(/turn (\d+)\./g)].at(-1)?.[1];

  /** The floor: a page that only listens, and writes what it hears. */
  const listen = (address) =>
    new Promise((ready) => {
      const said = document.createElement("p");
      document.body.replaceChildren(said);
      const stream = new EventSource(address);
      stream.onopen = () => ready();
      stream.onmessage = (event) => {
        const turn = turnIn(event.data);
        if (!turn) return;
        said.textContent = turn;
        note(turn);
      };
    });

  const watch = () => {
    const pane = document.querySelector(".messages");
    const look = () => {
      const turn = turnIn(pane.lastElementChild.textContent);
      if (turn && !seen[turn]) note(turn);
    };
    new MutationObserver(look).observe(pane, { subtree: true, childList: true });
  };

  /** The other floor: as many plain paragraphs. */
  const paragraphs = (many) => {
    const pane = document.createElement("div");
    pane.className = "messages";
    pane.style.cssText = "height:100vh;overflow-y:auto";
    for (let n = 0; n < many; n++) {
      const row = document.createElement("p");
      row.style.cssText = "margin:0;padding:12px 20px";
      row.textContent = `message ${n}`;
      pane.append(row);
    }
    document.body.replaceChildren(pane);
  };

  /** Up to the very top, fetching what is older, and down again, most of a screen in each frame. */
  const scroll = async (many) => {
    const pane = document.querySelector(".messages");
    const frames = [];
    pane.scrollTop = pane.scrollHeight;
    await frame();
    let last = performance.now();
    const step = async (by) => {
      pane.scrollTop += by;
      await frame();
      frames.push(performance.now() - last);
      last = performance.now();
    };
    while (pane.scrollTop > 0 || pane.querySelectorAll("[data-ts]").length < many) await step(-600);
    while (pane.scrollHeight - pane.scrollTop - pane.clientHeight > 1) await step(600);
    return frames;
  };

  window.bench = { seen, listen, watch, paragraphs, scroll };
})();

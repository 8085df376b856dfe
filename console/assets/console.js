// What needs a script: live update, the slider, zoom by pointer and key, copy. Everything else works without.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const live = $("#live");
  const say = (text) => { const at = $("#said"); if (at) at.textContent = text; };

  // ---- Parts of a page are taken from a newer copy of it.
  const opened = (part) => new Set($$("details[open][id]", part).map((details) => details.id));
  const busy = (part) => {
    const at = document.activeElement;
    return part.contains(at) && /^(INPUT|SELECT|TEXTAREA)$/.test(at.tagName);
  };
  // By what an element is found again in a newer copy.
  const name = (element) => element.id || element.dataset.zoom || element.getAttribute("href") || element.tagName;
  const put = (fresh, ids) => {
    for (const part of $$(ids || "[data-live]", fresh)) {
      const old = part.id && document.getElementById(part.id);
      if (!old || busy(old) || old.innerHTML === part.innerHTML) continue;
      const open = opened(old);
      const focus = old.contains(document.activeElement) ? document.activeElement : null;
      const place = focus && name(focus);
      const scrolled = $$(".wide", old).map((wide) => wide.scrollLeft);
      const seen = new Map($$("[data-row]", old).map((row) => [row.dataset.row, row.dataset.mark]));
      const next = document.importNode(part, true);
      old.replaceWith(next);
      for (const details of $$("details[id]", next)) if (open.has(details.id)) details.open = true;
      $$(".wide", next).forEach((wide, nth) => { wide.scrollLeft = scrolled[nth] || 0; });
      for (const row of $$("[data-row]", next)) {
        if (seen.size && seen.get(row.dataset.row) !== row.dataset.mark) row.classList.add("fresh");
      }
      shown(next);
      if (next.dataset.say !== undefined) say(next.textContent.trim());
      if (place) {
        const again = $$("a, button, summary, input, [tabindex]", next)
          .find((one) => name(one) === place) || $("[tabindex], a", next);
        if (again) again.focus({ preventScroll: true });
      }
    }
    tick();
  };
  // What is of use with a script only.
  const shown = (part) => { for (const one of $$("[data-copy], [data-script]", part)) one.hidden = false; };
  const fetched = async (address) => {
    const answer = await fetch(address, { headers: { accept: "text/html" }, credentials: "same-origin" });
    if (!answer.ok) throw Object.assign(new Error(`status ${answer.status}`), { status: answer.status });
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };
  // What of an address is a place in a history, which a rewind or a continuation takes away.
  const PLACES = ["from", "near", "after", "span", "zoom_from", "zoom_to"];
  // The page as it is now: without the place in the history that its address names, once that is gone.
  const current = async () => {
    try {
      return [await fetched(location.href), undefined];
    } catch (error) {
      const whole = new URL(location.href);
      for (const place of PLACES) whole.searchParams.delete(place);
      if (!(error.status >= 400 && error.status < 500) || whole.href === location.href) throw error;
      const fresh = await fetched(whole);
      history.replaceState(null, "", whole);
      say("The history has changed: its place in the address is gone. The page shows it from its beginning.");
      return [fresh, "[data-live], #after, #events"];
    }
  };
  let turn = 0;
  const show = async (address, ids, part) => {
    const mine = ++turn;
    const only = new URL(address, location.href);
    only.searchParams.set("part", part);
    const fresh = await fetched(only);
    if (mine !== turn) return;
    put(fresh, ids);
    history.replaceState(null, "", address);
  };

  // ---- Live: the server says that something has changed; the page fetches itself.
  const state = (now, words) => {
    if (!live) return;
    live.dataset.liveState = now;
    const text = $("[data-live-text]", live);
    if (text) text.textContent = words;
    $("button", live).setAttribute("aria-pressed", String(now !== "off"));
  };
  let source = null, timer = null, pending = false, every = null;
  const refresh = async () => {
    if (pending || document.hidden) return;
    pending = true;
    try {
      put(...await current());
      state("on", "Live");
    } catch (error) {
      if (error.status === 404) state("lost", "It is gone"); else state("lost", "No answer");
    } finally { pending = false; }
  };
  const soon = () => { clearTimeout(timer); timer = setTimeout(refresh, 250); };
  const begin = () => {
    state("on", "Live");
    if (live.dataset.watch) {
      source = new EventSource(live.dataset.watch);
      source.onmessage = soon;
      for (const kind of (live.dataset.kinds || "").split(" ").filter(Boolean)) source.addEventListener(kind, soon);
      source.onerror = () => state("lost", "Reconnecting");
      source.onopen = () => state("on", "Live");
    }
    every = setInterval(refresh, Number(live.dataset.every) || 5000);
  };
  const end = () => {
    if (source) source.close();
    source = null;
    clearInterval(every);
    clearTimeout(timer);
    state("off", "Paused");
  };
  if (live) {
    live.hidden = false;
    $("button", live).addEventListener("click", () => (live.dataset.liveState === "off" ? (begin(), refresh()) : end()));
    document.addEventListener("visibilitychange", () => { if (!document.hidden && live.dataset.liveState !== "off") soon(); });
    window.addEventListener("pagehide", () => source && source.close());
    begin();
  }

  // ---- Times say how long ago they are.
  const span = (ms) => {
    const past = Math.max(0, ms), second = 1000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;
    if (past < second) return `${Math.round(past)} ms`;
    if (past < minute) return `${Math.floor(past / second)} s`;
    if (past < hour) return `${Math.floor(past / minute)} min`;
    if (past < 2 * day) return `${Math.floor(past / hour)} h`;
    return `${Math.floor(past / day)} d`;
  };
  const tick = () => {
    for (const time of $$("time[data-ago]")) {
      const by = Date.now() - Date.parse(time.dateTime);
      time.textContent = Math.abs(by) < second1 ? "now" : by < 0 ? `in ${span(-by)}` : `${span(by)} ago`;
    }
  };
  const second1 = 1000;
  setInterval(tick, 5000);

  // ---- Slider: what was open after event N, while it is dragged.
  document.addEventListener("input", (event) => {
    const range = event.target;
    if (!range.matches("#after-range")) return;
    const number = $("#after-shown");
    if (number) number.textContent = range.value;
    clearTimeout(range.wait);
    range.wait = setTimeout(() => {
      const address = new URL(location.href);
      address.searchParams.set("after", range.value);
      show(address, "#after-state", "after").catch(() => say("The state could not be fetched."));
    }, 120);
  });

  // ---- Zoom of the timeline: by link, by key, and by a selection with the pointer.
  const parts = "#timeline";
  const follow = (link) => link && show(new URL(link.getAttribute("href"), location.href), parts, "timeline")
    .then(() => say($("#timeline-window")?.textContent || ""))
    .catch(() => { location.href = link.href; });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-zoom]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    follow(link);
  });
  const keys = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", "0": "all" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.key === "/" && $("#find")) { event.preventDefault(); $("#find").focus(); return; }
    const way = keys[event.key];
    if (!way || !event.target.closest("#timeline")) return;
    event.preventDefault();
    follow($(`#timeline a[data-zoom="${way}"]`));
  });
  let drag = null;
  const at = (lane, x) => {
    const box = lane.getBoundingClientRect();
    return Math.min(1, Math.max(0, (x - box.left) / box.width));
  };
  document.addEventListener("pointerdown", (event) => {
    const lane = event.target.closest("#timeline .lane svg");
    if (!lane || event.button !== 0) return;
    drag = { lane, from: at(lane, event.clientX), marks: [] };
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const to = at(drag.lane, event.clientX), low = Math.min(drag.from, to), wide = Math.abs(to - drag.from);
    if (wide < 0.01 && !drag.marks.length) return;
    event.preventDefault();
    if (!drag.marks.length) {
      drag.marks = $$("#timeline .lane svg").map((svg) => {
        const mark = document.createElementNS("http://www.w3.org/2000/svg", "rect");
        mark.setAttribute("class", "select");
        mark.setAttribute("y", "-2");
        mark.setAttribute("height", "40");
        svg.append(mark);
        return mark;
      });
    }
    for (const mark of drag.marks) {
      mark.setAttribute("x", `${low * 100}%`);
      mark.setAttribute("width", `${wide * 100}%`);
    }
  });
  document.addEventListener("pointerup", (event) => {
    if (!drag) return;
    const { lane, from, marks } = drag, to = at(lane, event.clientX);
    drag = null;
    marks.forEach((mark) => mark.remove());
    const gantt = $("#timeline [data-from]");
    if (!marks.length || !gantt || Math.abs(to - from) < 0.01) return;
    const begin = Number(gantt.dataset.from), whole = Number(gantt.dataset.to) - begin;
    const address = new URL(location.href);
    address.searchParams.set("zoom_from", String(Math.round(begin + whole * Math.min(from, to))));
    address.searchParams.set("zoom_to", String(Math.round(begin + whole * Math.max(from, to))));
    show(address, parts, "timeline").catch(() => { location.href = address; });
  });

  // ---- Copy, and all boxes at once.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      say("Copied.");
      button.textContent = "Copied";
    } catch { say("Not copied: the browser does not allow it."); }
  });
  shown(document);
})();

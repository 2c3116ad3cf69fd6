// What the browser does by itself: screens, markers and marks, and the buttons of the page's own HTML.
(() => {
  const reduced = matchMedia("(prefers-reduced-motion: reduce)");
  const one = (selector) => document.querySelector(selector);

  // The screen is in the address, so that the browser's back button works: #/ask, #/documents or #/evaluation.
  const SCREENS = ["ask", "documents", "evaluation"];
  const show = () => {
    const named = location.hash.replace("#/", "");
    const screen = SCREENS.includes(named) ? named : "ask";
    document.documentElement.dataset.screen = screen;
    for (const link of document.querySelectorAll("#brand nav a")) {
      if (link.hash === `#/${screen}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  };

  // A marker leads to its sentence in the sources panel, and a card's number leads back to the marker.
  const follow = (link) => {
    const place = document.getElementById(link.getAttribute("href").slice(1));
    if (!place) return;
    for (let fold = place.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    for (const lit of document.querySelectorAll(".lit")) lit.classList.remove("lit");
    place.closest(".card, .sentence")?.classList.add("lit");
    const target = place.closest("mark") ?? place;
    target.scrollIntoView({ block: "center", behavior: reduced.matches ? "instant" : "smooth" });
    target.focus({ preventScroll: true });
  };

  // A new question comes to the top, so that its answer is read from the beginning; whoever has put a hand on the
  // conversation since then is left alone.
  const latest = { key: "", held: false };
  const settle = () => {
    const asked = [...document.querySelectorAll("#bot .user-row")];
    const [row, talk] = [asked.at(-1), one("#bot .bubble-wrap")];
    if (!row || !talk) return;
    const key = `${asked.length} ${row.textContent}`;
    if (key !== latest.key) {
      Object.assign(latest, { key, held: false });
      scrollTo({ top: 0 }); // on a phone the sources follow below, where somebody may be reading
    }
    if (latest.held) return;
    const [inner, view] = [row.getBoundingClientRect(), talk.getBoundingClientRect()];
    const top = Math.max(inner.top - 16, inner.bottom - view.height / 3); // of a long question, its end
    talk.scrollTo({ top: talk.scrollTop + top - view.top, behavior: "instant" });
  };
  const hold = (event) => {
    if (event.target.closest?.("#bot")) latest.held = true;
  };

  // The box: put a question into it, and ask it where nothing else is on its way.
  const put = (question) => {
    const box = one("#ask textarea");
    box.value = question;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.focus();
  };
  const askFor = (question) => {
    put(question);
    requestAnimationFrame(() => one("#ask .submit-button")?.click());
  };

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // without https only this machine's own address may use the clipboard
      const area = document.body.appendChild(document.createElement("textarea"));
      area.value = text;
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };

  const said = (turn) => document.getElementById(`said-${turn}`).dataset;
  const DO = {
    copy: async (turn, link) => {
      await copy(said(turn).markdown);
      link.textContent = "Copied";
      setTimeout(() => (link.textContent = "Copy with sources"), 2000);
    },
    edit: (turn) => put(said(turn).searched),
    again: (turn) => {
      latest.held = false;
      window.coalition.again(Number(turn));
    },
  };
  for (const verdict of ["right", "wrong", "absent", "passage"]) {
    DO[verdict] = (turn) => window.coalition.judge({ do: "judge", turn, verdict });
  }
  const LINK = new RegExp(`^#(${Object.keys(DO).join("|")})-(\\d+)$`);

  // A sentence of a passage that was read becomes the quote of a gold question.
  const take = (sentence) => {
    const { quote, doc } = sentence.closest("form").elements;
    quote.value = sentence.dataset.quote;
    doc.value = sentence.dataset.doc;
    quote.scrollIntoView({ block: "nearest" });
    for (const one of sentence.closest(".pick").querySelectorAll(".sentence")) one.ariaPressed = one === sentence;
  };

  const clicked = (event) => {
    const link = event.target.closest?.('#room a[href^="#"]');
    const [, what, turn] = link?.getAttribute("href").match(LINK) ?? [];
    if (what || link?.matches('[href^="#src-"], [href^="#ref-"]')) {
      event.preventDefault();
      event.stopPropagation();
      if (what) DO[what](turn, link);
      else follow(link);
    } else if (event.target.closest?.("#bot .example") && matchMedia("(pointer: fine)").matches) {
      one("#ask textarea")?.focus(); // the button with the focus is about to go
    } else if (event.target.closest?.(".pick .sentence")) {
      take(event.target.closest(".sentence"));
    } else if (event.target.closest?.(".chip")) {
      askFor(event.target.closest(".chip").dataset.question);
    } else if (event.target.closest?.("#chats")) {
      const open = one("#past").classList.toggle("open");
      event.target.closest("#chats").setAttribute("aria-expanded", open);
    } else if (event.target.closest?.('#past [data-do="open"], #new')) {
      one("#past").classList.remove("open");
      one("#chats")?.setAttribute("aria-expanded", false);
      if (event.target.closest("#new")) location.hash = "#/ask";
    }
  };

  // The buttons of the page's own HTML: what each is for stands in its data attributes.
  const chosen = () => [...document.querySelectorAll("#listing input:checked")].map((box) => box.dataset.name);
  const runs = () => [...document.querySelectorAll("#runs input:checked")].map((box) => box.dataset.run);
  const act = (event, trigger) => {
    const button = event.target.closest("[data-do]");
    if (!button) return;
    const data = { ...button.dataset };
    if (data.sure && !confirm(data.sure)) return;
    if (data.ask) data.value = prompt(data.ask, data.value);
    if (data.value === null) return;
    if (button.form) {
      if (button.type === "submit" && !button.form.reportValidity()) return;
      data.fields = Object.fromEntries(new FormData(button.form));
    }
    if (data.do === "compare") data.ids = runs();
    if (data.do === "close") button.closest("dialog")?.close();
    if (data.do === "within") {
      data.names = chosen();
      location.hash = "#/ask";
    }
    trigger("click", data);
  };
  window.coalition = { act };

  // A report's frame is as high as the report, so that one thing scrolls.
  const fit = (frame) => {
    const sized = () => {
      const inside = frame.contentDocument?.documentElement;
      if (!inside || frame.sized === inside) return;
      frame.sized = inside;
      const grow = () => (frame.style.height = `${inside.querySelector("body").offsetHeight + 24}px`);
      new ResizeObserver(grow).observe(inside.querySelector("body"));
    };
    if (frame.watched) return;
    frame.watched = true;
    frame.addEventListener("load", sized);
    sized();
  };

  // What Gradio gets wrong for screen readers and the keyboard.
  const mend = () => {
    const each = (selector, change) => document.querySelectorAll(selector).forEach(change);
    each("#bot .message [data-testid][aria-label]", (message) => message.removeAttribute("aria-label")); // raw source
    each("#bot .examples[role]", (examples) => examples.removeAttribute("role")); // a list without items
    each("#bot .arrow button:enabled", (arrow) => (arrow.disabled = arrow.ariaHidden = true)); // a button in a button
    each("dialog[data-open]:not([open])", (dialog) => dialog.showModal());
    each("#shown iframe", fit);
    each("#bot .thought-group .title", (step) => (step.ariaExpanded = step.classList.contains("expanded")));
  };

  const changed = (changes) => {
    mend();
    if (changes.some((change) => change.attributeName === "data-turn")) {
      one("#sources").scrollTop = 0; // a new answer's sources begin at the top
    }
    if (changes.some((change) => change.target.closest?.("#bot, #chips"))) settle();
    if (one("#brand nav a") && !one("#brand nav a[aria-current]")) show();
  };

  // A link may carry a question: ?q=. It is asked once the page can.
  const begin = () => {
    show();
    const question = new URLSearchParams(location.search).get("q");
    if (!question) return;
    history.replaceState(null, "", location.pathname + location.hash);
    const ready = () => (one("#ask .submit-button") && one("#bot .placeholder") ? askFor(question) : setTimeout(ready, 50));
    ready();
  };

  document.addEventListener("click", clicked, true);
  for (const hand of ["wheel", "touchmove", "pointerdown", "keydown"]) addEventListener(hand, hold, { passive: true });
  document.addEventListener("change", (event) => {
    const bar = event.target.closest?.("#listing") && one('#listing [data-do="within"]');
    if (bar) bar.disabled = chosen().length === 0;
    const pair = event.target.closest?.("#runs") && one('#runs [data-do="compare"]');
    if (pair) pair.disabled = runs().length !== 2;
  });
  document.addEventListener("submit", (event) => {
    if (event.target.closest("#bench, #judging")) event.preventDefault(); // its button has said what is to be done
  });
  document.addEventListener(
    "input",
    (event) => {
      if (event.target.name === "quote" && event.target.form?.elements.doc) event.target.form.elements.doc.value = "";
    },
    true,
  );
  document.addEventListener(
    "cancel",
    (event) => event.target.querySelector?.('[data-do="close"]')?.click(), // Escape: the page forgets the form, too
    true,
  );
  addEventListener("hashchange", show);
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", begin);
  else begin();
  const watched = { subtree: true, childList: true, attributeFilter: ["aria-label", "data-turn"] };
  new MutationObserver(changed).observe(document.documentElement, watched);
  // A step that is opened again while it slides shut changes its class and nothing else.
  new MutationObserver(mend).observe(document.documentElement, { subtree: true, attributeFilter: ["class"] });
})();

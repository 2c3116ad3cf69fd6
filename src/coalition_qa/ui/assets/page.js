// A marker leads to its sentence in the sources panel, and a card's number leads back to the marker.
(() => {
  const reduced = matchMedia("(prefers-reduced-motion: reduce)");

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

  const clicked = (event) => {
    const link = event.target.closest?.('a[href^="#src-"], a[href^="#ref-"]');
    if (link) {
      event.preventDefault();
      event.stopPropagation();
      follow(link);
    } else if (event.target.closest?.("#bot .example") && matchMedia("(pointer: fine)").matches) {
      document.querySelector("#ask textarea")?.focus(); // the button with the focus is about to go
    }
  };

  // What Gradio gets wrong for screen readers and the keyboard.
  const mend = () => {
    const each = (selector, change) => document.querySelectorAll(selector).forEach(change);
    each("#bot .message [data-testid][aria-label]", (message) => message.removeAttribute("aria-label")); // raw source
    each("#bot .examples[role]", (examples) => examples.removeAttribute("role")); // a list without items
    each("#bot .arrow button:enabled", (arrow) => (arrow.disabled = arrow.ariaHidden = true)); // a button in a button
    each("#bot .thought-group .title", (step) => (step.ariaExpanded = step.classList.contains("expanded")));
  };

  const changed = (changes) => {
    mend();
    if (changes.some((change) => change.attributeName === "data-turn")) {
      document.querySelector("#sources").scrollTop = 0; // a new answer's sources begin at the top
    }
  };

  document.addEventListener("click", clicked, true);
  const watched = { subtree: true, childList: true, attributeFilter: ["aria-label", "data-turn"] };
  new MutationObserver(changed).observe(document.documentElement, watched);
})();

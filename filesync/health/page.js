"use strict";
// The page is made anew by the server; this only puts the new one in the old one's place.
(() => {
  const seconds = 5;
  const lost = document.getElementById("lost");
  const refresh = async () => {
    if (document.hidden || !document.getSelection().isCollapsed) return; // nobody looks, or somebody is copying
    try {
      const answer = await fetch(location.pathname, { cache: "no-store", signal: AbortSignal.timeout(4000) });
      if (!answer.ok) throw new Error(answer.statusText);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.getElementById("facts").replaceWith(fresh.getElementById("facts"));
      document.getElementById("icon").href = fresh.getElementById("icon").href;
      document.title = fresh.title;
      lost.hidden = true;
    } catch {
      lost.hidden = false;
    }
  };
  setInterval(refresh, seconds * 1000);
  document.addEventListener("visibilitychange", refresh);
})();

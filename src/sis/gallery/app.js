// SPDX-License-Identifier: GPL-3.0-or-later
//
// The page begins: the link's token, the people, the pictures, and what happens from now on.

import { enter, listen } from "./api.js";
import { onOpen } from "./grid.js";
import { audience, load, loadPeople, model, put, refresh, remove, sender, setFilter, watch } from "./model.js";
import { onProgress } from "./uploads.js";
import { view } from "./viewer.js";
import { el, people, plain } from "./words.js";

const bySender = document.getElementById("by-sender"), byAudience = document.getElementById("by-audience");

function say(text) {
	const notice = document.getElementById("notice");
	notice.textContent = plain(text);
	notice.hidden = false;
}

/* ---------------------------------------------- the filters ---------------------------------------------- */

function options(select, first, entries) {
	const chosen = select.value;
	select.replaceChildren(el("option", { value: "" }, first), ...entries.map(([value, words]) => el("option", { value }, plain(words))));
	select.value = chosen;
	if (select.selectedIndex < 0)
		select.value = "";
}

let due = false;
function showFilters() {
	due = false;
	const senders = [...new Set(model.items.map(sender))].sort();
	const audiences = [...new Set(model.items.map(audience))].filter((one) => one).sort();
	options(bySender, "Everyone", senders.map((one) => [one, one === model.self ? "You" : one]));
	options(byAudience, "All conversations", audiences.map((one) => [one, people(one.split(","), model.self)]));
}

watch(() => {
	if (!due) {
		due = true;
		requestAnimationFrame(showFilters);
	}
});
bySender.addEventListener("change", () => setFilter({ sender: bySender.value }));
byAudience.addEventListener("change", () => setFilter({ audience: byAudience.value }));

/* ---------------------------------------------- what happens ---------------------------------------------- */

const status = document.getElementById("status");
function showOnline(online, words) {
	status.textContent = plain(words);
	status.className = online ? "status on" : "status off";
}

const happenings = {
	hello: (news) => happenings.online(news),
	online: ({ online }) => showOnline(online, online ? "Live" : "The server cannot be reached"),
	item: ({ item }) => put(item),
	removed: ({ item }) => remove(item),
	changed: ({ item }) => refresh(item),
	people: () => loadPeople(),
	reset: () => load().catch((error) => say(error.message)),
	upload: onProgress,
};

let connectedBefore = false;
function onConnection(connected, error) {
	if (connected && connectedBefore)
		load().catch((problem) => say(problem.message));        // what happened in between was not told
	connectedBefore = connectedBefore || connected;
	if (!connected)
		showOnline(false, error ? error.message : "The gallery has ended");
}

async function begin() {
	try {
		await enter();
		await loadPeople();
	} catch (error) {
		say(error.message);
		return;
	}
	document.querySelector(".filters").hidden = false;
	document.getElementById("add").hidden = false;
	onOpen(view);
	listen((news) => happenings[news.what]?.(news), onConnection);
	try {
		await load();
		await loadPeople();     // whom the list has brought us to know
	} catch (error) {
		say(`The list cannot be had: ${error.message}`);
	}
}

begin();

// SPDX-License-Identifier: GPL-3.0-or-later
//
// The grid: tiles by day, newest first. Thousands of them: a day that is out of sight costs no layout (content-visibility), a tile no thumbnail.

import { blob, get } from "./api.js";
import { find, isShown, model, sender, shown, watch } from "./model.js";
import { day, dayKey, describe, el, icon, name, plain, time } from "./words.js";

const THUMBNAILS_KEPT = 600;
const days = document.getElementById("days");
const tiles = new Map();                // id -> <li>
const thumbnails = new Map();           // id -> URL of a blob, in the order of their last use
let open = () => {};

export const onOpen = (fn) => { open = fn; };

/* ---------------------------------------------- thumbnails ---------------------------------------------- */

function keep(id, url) {
	thumbnails.set(id, url);
	for (const [other, old] of thumbnails) {
		if (thumbnails.size <= THUMBNAILS_KEPT)
			break;
		if (tiles.get(other)?.dataset.near)
			continue;
		thumbnails.delete(other);
		URL.revokeObjectURL(old);
		tiles.get(other)?.querySelector("img")?.removeAttribute("src");
	}
}

async function showThumbnail(tile) {
	const id = tile.dataset.id, image = tile.querySelector("img");
	if (!image || image.src || tile.loading)
		return;
	if (thumbnails.has(id)) {
		image.src = thumbnails.get(id);
		return;
	}
	tile.loading = new AbortController();
	try {
		keep(id, URL.createObjectURL(await blob(`/api/items/${id}/thumbnail`, tile.loading.signal)));
		image.src = thumbnails.get(id);
	} catch (error) {
		if (error.name !== "AbortError") {
			image.replaceWith(el("span", { class: "glyph" }, icon("warn"), el("span", {}, plain(error.message))));
			tile.classList.add("bad");
		}
	}
	tile.loading = null;
}

async function showWords(tile) {
	const item = find(tile.dataset.id), box = tile.querySelector(".words");
	if (!item || !box || item.text !== undefined || tile.loading)
		return;
	tile.loading = true;
	try {
		item.text = (await get(`/api/items/${item.item}/text`)).text;
		box.textContent = plain(item.text);
	} catch (error) {
		box.textContent = plain(error.message);
	}
	tile.loading = null;
}

const near = new IntersectionObserver((entries) => {
	for (const { target, isIntersecting } of entries) {
		if (isIntersecting) {
			target.dataset.near = "1";
			showThumbnail(target);
			showWords(target);
		} else {
			delete target.dataset.near;
			target.loading?.abort?.();
		}
	}
}, { rootMargin: "800px 0px" });

/* ---------------------------------------------- tiles ---------------------------------------------- */

function face(item) {
	if (!item.holds)
		return el("span", { class: "glyph" }, icon("warn"), el("strong", {}, "Does not hold"), el("span", {}, plain(item.why)));
	if (item.kind === "message")
		return el("span", { class: "words", dir: "auto" }, plain(item.text ?? "…"));
	if (item.thumbnail)
		return el("img", { alt: plain(item.caption || item.name || "Picture"), decoding: "async", draggable: "false" });
	return el("span", { class: "glyph" }, icon(item.kind === "image" ? "picture" : "file"), el("bdi", {}, plain(item.name || "No name")));
}

function makeTile(item) {
	const button = el("button", { type: "button", class: "tile", tabindex: "-1", "aria-label": describe(item, model.self) }, face(item),
		el("span", { class: "by" }, name(item.holds && item.signer.own ? "You" : sender(item)), el("span", {}, item.received ? time(item.received) : "")));
	const tile = el("li", { class: item.holds ? `is-${item.kind}` : "bad", "data-id": item.item, "data-sequence": item.sequence }, button);
	tiles.set(item.item, tile);
	near.observe(tile);
	return tile;
}

function section(key, date) {
	let before = null;
	for (const other of days.children) {
		if (other.dataset.day === key)
			return other;
		if (other.dataset.day < key) {
			before = other;
			break;
		}
	}
	const heading = `day-${key}`;
	const made = el("section", { class: "day", "data-day": key, "aria-labelledby": heading }, el("h2", { id: heading }, date ? day(date) : "Unknown day"),
		el("ul", { class: "tiles" }));
	days.insertBefore(made, before);
	return made;
}

/** Newest first within its day; nearly always at one of its ends. */
function insert(item) {
	const date = item.received ? new Date(item.received) : null, list = section(date ? dayKey(date) : "0000", date).querySelector("ul");
	const tile = makeTile(item);
	let after = list.lastElementChild;
	if (list.firstElementChild && Number(list.firstElementChild.dataset.sequence) < item.sequence)
		after = null;
	while (after && Number(after.dataset.sequence) < item.sequence)
		after = after.previousElementSibling;
	list.insertBefore(tile, after ? after.nextSibling : list.firstChild);
	return tile;
}

function drop(id) {
	const tile = tiles.get(id);
	if (!tile)
		return;
	const list = tile.parentElement, hadFocus = tile.contains(document.activeElement);
	const next = tile.nextElementSibling ?? tile.previousElementSibling;
	near.unobserve(tile);
	tile.loading?.abort?.();
	tile.remove();
	tiles.delete(id);
	if (list && list.childElementCount === 0)
		list.closest("section").remove();
	if (hadFocus)
		(next?.firstElementChild ?? days.querySelector("button.tile"))?.focus();
}

function forget(id) {
	if (thumbnails.has(id))
		URL.revokeObjectURL(thumbnails.get(id));
	thumbnails.delete(id);
}

function rebuild() {
	near.disconnect();
	tiles.clear();
	days.replaceChildren();
	shown().forEach(insert);
	settle();
}

/** One tile can be reached with Tab; arrows walk from there. */
function settle() {
	if (!days.querySelector('button.tile[tabindex="0"]'))
		days.querySelector("button.tile")?.setAttribute("tabindex", "0");
	document.getElementById("notice").hidden = tiles.size > 0 || !model.complete;
	document.getElementById("notice").textContent = model.items.length > 0 ? "Nothing here fits what you chose to see."
		: "Nothing here yet. Add pictures, or wait until somebody shares one with you.";
}

watch((what, item) => {
	if (what === "put" && isShown(item))
		insert(item);
	if (what === "remove") {
		drop(item.item);
		forget(item.item);
	}
	if (what === "filter")
		rebuild();
	if (what !== "people")
		settle();
});

/* ---------------------------------------------- keyboard and pointer ---------------------------------------------- */

export function focusTile(id) {
	const button = tiles.get(id)?.firstElementChild;
	if (!button)
		return;
	days.querySelector('button.tile[tabindex="0"]')?.setAttribute("tabindex", "-1");
	button.setAttribute("tabindex", "0");
	button.focus();
	button.scrollIntoView({ block: "nearest" });
}

/** The tile above or below: the nearest one in the next row. */
function vertical(all, at, down) {
	const here = all[at].getBoundingClientRect(), middle = here.left + here.width / 2;
	let best = -1, row = null, distance = Infinity;
	for (let i = at + (down ? 1 : -1); i >= 0 && i < all.length; i += down ? 1 : -1) {
		const box = all[i].getBoundingClientRect();
		if (Math.abs(box.top - here.top) < 4)
			continue;
		if (row !== null && Math.abs(box.top - row) > 4)
			break;
		row = box.top;
		const off = Math.abs(box.left + box.width / 2 - middle);
		if (off < distance) {
			best = i;
			distance = off;
		}
	}
	return best < 0 ? at : best;
}

days.addEventListener("keydown", (event) => {
	const button = event.target.closest("button.tile");
	if (!button || event.altKey || event.ctrlKey || event.metaKey)
		return;
	const all = [...days.querySelectorAll("button.tile")], at = all.indexOf(button);
	const to = { ArrowLeft: () => at - 1, ArrowRight: () => at + 1, ArrowUp: () => vertical(all, at, false), ArrowDown: () => vertical(all, at, true),
		Home: () => 0, End: () => all.length - 1 }[event.key];
	if (!to)
		return;
	event.preventDefault();
	const target = all[Math.max(0, Math.min(all.length - 1, to()))];
	focusTile(target.parentElement.dataset.id);
});

days.addEventListener("click", (event) => {
	const tile = event.target.closest("li[data-id]");
	if (tile)
		open(tile.dataset.id);
});

// SPDX-License-Identifier: GPL-3.0-or-later
//
// One item, as large as it goes: arrows or a swipe for the next, and everything that is known of who signed it.

import { blob, call, get } from "./api.js";
import { focusTile } from "./grid.js";
import { find, isShown, model, shown, watch } from "./model.js";
import { confirm, shareItem } from "./sharing.js";
import { el, icon, moment, name, people, plain, size, toast } from "./words.js";

const dialog = document.getElementById("viewer");
const KEPT = 5;
const pictures = new Map();             // id -> URL of a blob
let current = null, turn = 0;

/* ---------------------------------------------- pictures ---------------------------------------------- */

async function picture(id) {
	if (!pictures.has(id)) {
		pictures.set(id, blob(`/api/items/${id}/object`).then((data) => URL.createObjectURL(data)));
		pictures.get(id).catch(() => pictures.delete(id));
	}
	for (const [other, url] of pictures) {
		if (pictures.size <= KEPT)
			break;
		if (other !== id) {
			pictures.delete(other);
			url.then(URL.revokeObjectURL, () => {});
		}
	}
	return pictures.get(id);
}

function preload(id) {
	const item = id && find(id);
	if (item?.holds && item.viewable && item.size < 16 * 1024 * 1024)
		picture(id).catch(() => {});
}

/* ---------------------------------------------- parts ---------------------------------------------- */

const button = (label, glyph, onclick, key) => el("button", { type: "button", class: "tool", "aria-label": label, title: key ? `${label} (${key})` : label,
	"aria-keyshortcuts": key, onclick }, icon(glyph));

function trustLine(item) {
	const { signer } = item;
	if (signer.revoked)
		return el("p", { class: "warn" }, icon("warn"), `The device that signed it was revoked ${moment(signer.revoked)}, after it was made.`);
	if (signer.own)
		return el("p", { class: "good" }, icon("check"), "Signed by one of your own devices.");
	if (signer.new_device)
		return el("p", { class: "warn" }, icon("warn"), "This device was not known before. Ask whether it is theirs.");
	return signer.verified ? el("p", { class: "good" }, icon("check"), "You have verified who this is.")
		: el("p", { class: "note" }, icon("info"), el("span", {}, "You have not compared keys with ", name(signer.user), ` yet: “sis contacts verify ${plain(signer.user)}” shows how.`));
}

const row = (term, ...value) => [el("dt", {}, term), el("dd", {}, ...value)];

function facts(item) {
	const rows = [...row("From", name(item.signer.user), ", device ", name(item.signer.device)), ...row("Made", moment(item.time)),
		...row("Shared with", el("bdi", {}, people(item.to, model.self)))];
	if (item.shared_by)
		rows.push(...row("Passed on by", name(item.shared_by)));
	if (item.name)
		rows.push(...row("Name", name(item.name)));
	if (item.kind !== "message")
		rows.push(...row("Size", item.width ? `${item.width} × ${item.height}, ${size(item.size)}` : size(item.size)));
	if (item.expires)
		rows.push(...row("Ends", moment(item.expires)));
	rows.push(...row("Key", el("code", {}, item.signer.key)));
	return el("dl", {}, ...rows);
}

function aside(item) {
	if (!item.holds)
		return el("aside", { "aria-label": "About it" }, el("p", { class: "warn" }, icon("warn"), plain(item.why)),
			el("p", {}, "Nothing that its sender wrote is shown, because it cannot be known who wrote it."));
	return el("aside", { "aria-label": "About it" }, item.caption ? el("p", { class: "caption", dir: "auto" }, plain(item.caption)) : null,
		trustLine(item), facts(item));
}

function tools(item) {
	const bar = el("div", { class: "tools", role: "toolbar", "aria-label": "What to do with it" });
	if (item.holds && item.kind !== "message")
		bar.append(button("Download", "download", download, "d"));
	if (item.holds && item.may_share)
		bar.append(button("Share", "share", share, "s"));
	if (item.holds)
		bar.append(button(item.signer.own ? "Delete" : "Remove from my list", "trash", askDelete, "Delete"));
	const close = button("Close", "close", () => dialog.close(), "Escape");
	close.setAttribute("autofocus", "");
	bar.append(close);
	return bar;
}

function stand(item, id) {
	const box = el("div", { class: "stand" });
	if (!item.holds)
		box.append(el("div", { class: "glyph" }, icon("warn"), el("strong", {}, "This does not hold"), el("span", {}, "It is not shown.")));
	else if (item.kind === "message")
		showWords(item, box);
	else if (item.viewable)
		showPicture(item, id, box);
	else
		box.append(el("div", { class: "glyph" }, icon("file"), el("strong", {}, name(item.name || "File")), el("span", {}, "Not a picture that is shown here. It can be downloaded.")));
	return box;
}

async function showPicture(item, id, box) {
	const mine = turn;
	box.append(el("p", { class: "wait", role: "status" }, "Opening …"));
	try {
		const url = await picture(id);
		if (mine === turn)
			box.replaceChildren(el("img", { src: url, alt: plain(item.caption || item.name || `Picture from ${item.signer.user}`), draggable: "false" }));
	} catch (error) {
		if (mine === turn)
			box.replaceChildren(el("div", { class: "glyph", role: "alert" }, icon("warn"), el("strong", {}, "Not shown"), el("span", {}, plain(error.message))));
	}
}

async function showWords(item, box) {
	const words = el("p", { class: "letter", dir: "auto" }, plain(item.text ?? "…"));
	box.append(words);
	if (item.text === undefined) {
		try {
			item.text = (await get(`/api/items/${item.item}/text`)).text;
			words.textContent = plain(item.text);
		} catch (error) {
			words.textContent = plain(error.message);
		}
	}
}

/* ---------------------------------------------- showing ---------------------------------------------- */

function show(id) {
	const item = find(id), all = shown(), at = all.indexOf(item);
	if (!item)
		return dialog.close();
	current = id;
	turn++;
	const focused = dialog.querySelector(":focus")?.getAttribute("aria-label");
	dialog.replaceChildren(el("div", { class: "frame" },
		el("div", { class: "top" }, el("p", { class: "place" }, `${at + 1} of ${all.length}`), tools(item)),
		at > 0 ? el("div", { class: "turn before" }, button("Newer", "left", () => step(-1), "ArrowLeft")) : null,
		stand(item, id),
		at + 1 < all.length ? el("div", { class: "turn after" }, button("Older", "right", () => step(1), "ArrowRight")) : null,
		aside(item)));
	if (!dialog.open)
		dialog.showModal();
	[...dialog.querySelectorAll("button")].find((one) => one.getAttribute("aria-label") === focused)?.focus();
	if (!dialog.contains(document.activeElement))
		dialog.querySelector('[aria-label="Close"]').focus();
	preload(all[at + 1]?.item);
	preload(all[at - 1]?.item);
}

export const view = (id) => show(id);

function step(by) {
	const all = shown(), at = all.indexOf(find(current));
	goTo(at + by);
}

function goTo(at) {
	const all = shown();
	if (at >= 0 && at < all.length && all[at].item !== current)
		show(all[at].item);
}

/* The browser tells of it a moment after it has closed: what was opened meanwhile stays. */
dialog.addEventListener("close", () => {
	if (dialog.open)
		return;
	const id = current;
	current = null;
	turn++;
	dialog.replaceChildren();
	focusTile(id);
});

watch((what, item) => {
	if (!current)
		return;
	if (what === "remove" && item.item === current) {
		const all = shown();
		const next = all.find((one) => one.sequence < item.sequence) ?? all[all.length - 1];
		if (next)
			show(next.item);
		else
			dialog.close();
		toast("It was removed.");
	} else if (what === "put" && isShown(item)) {
		const all = shown();
		dialog.querySelector(".place").textContent = `${all.indexOf(find(current)) + 1} of ${all.length}`;
	}
});

/* ---------------------------------------------- deeds ---------------------------------------------- */

async function download() {
	const id = current;
	try {
		const { path } = await (await call("POST", `/api/items/${id}/ticket`)).json();
		const link = el("a", { href: path, download: "" });
		dialog.append(link);
		link.click();
		link.remove();
	} catch (error) {
		toast(`It cannot be downloaded: ${error.message}`);
	}
}

const share = () => shareItem(find(current));

async function askDelete() {
	const item = find(current);
	const own = item.signer.own;
	const sure = own ? await confirm("Delete it for everybody?", "The server removes it at once. What others have fetched already stays with them.", "Delete")
		: await confirm("Remove it from your list?", "It goes from all of your devices. Its owner and the others keep it.", "Remove");
	if (!sure)
		return;
	try {
		await call("DELETE", own ? `/api/items/${item.item}` : `/api/items/${item.item}/readers/${encodeURIComponent(model.self)}`);
	} catch (error) {
		toast(`It cannot be removed: ${error.message}`);
	}
}

const KEYS = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), ArrowUp: () => step(-1), ArrowDown: () => step(1), Home: () => goTo(0),
	End: () => goTo(shown().length - 1), d: download, s: share, Delete: askDelete };

dialog.addEventListener("keydown", (event) => {
	const item = find(current);
	if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select") || !KEYS[event.key] || !item)
		return;
	const allowed = { d: item.holds && item.kind !== "message", s: item.holds && item.may_share, Delete: item.holds };
	if (allowed[event.key] === false)
		return;
	event.preventDefault();
	KEYS[event.key]();
});

let from = null;
dialog.addEventListener("pointerdown", (event) => {
	from = event.pointerType !== "mouse" && event.target.closest(".stand") ? { x: event.clientX, y: event.clientY } : null;
});
dialog.addEventListener("pointerup", (event) => {
	if (!from)
		return;
	const x = event.clientX - from.x, y = event.clientY - from.y;
	from = null;
	if (Math.abs(x) > 48 && Math.abs(x) > 2 * Math.abs(y))
		step(x < 0 ? 1 : -1);
});

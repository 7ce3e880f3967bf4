// SPDX-License-Identifier: GPL-3.0-or-later
//
// Elements and words. Whatever a stranger wrote becomes a text node, never markup; names stand in <bdi>, so that their direction stays their own.

const PATHS = {
	close: "M5 5l14 14M19 5L5 19", left: "M15 4l-8 8 8 8", right: "M9 4l8 8-8 8", download: "M12 4v11m-5-5l5 5 5-5M5 20h14",
	share: "M8.500 11l7-4m-7 6l7 4M6 9.500a2.500 2.500 0 100 5 2.500 2.500 0 000-5zM18 3.500a2.500 2.500 0 100 5 2.500 2.500 0 000-5zM18 15.500a2.500 2.500 0 100 5 2.500 2.500 0 000-5z",
	trash: "M4 7h16M9 7V4h6v3m-8 0l1 13h8l1-13", check: "M4 12.500l5 5L20 6.500", warn: "M12 4l9 16H3zM12 10v4m0 3v.01",
	file: "M6 3h8l5 5v13H6zM14 3v5h5", picture: "M3 5h18v14H3zM4 17l5-6 4 5 3-3 4 4M16 9.500v.01", info: "M12 11v6m0-10v.01M12 3a9 9 0 100 18 9 9 0 000-18z",
};

export function icon(name) {
	const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), path = document.createElementNS(svg.namespaceURI, "path");
	svg.setAttribute("viewBox", "0 0 24 24");
	svg.setAttribute("aria-hidden", "true");
	svg.setAttribute("class", "icon");
	path.setAttribute("d", PATHS[name]);
	svg.append(path);
	return svg;
}

/** An element: el("p", {class: "x", onclick: fn}, "text", child). Strings become text. */
export function el(name, attributes = {}, ...children) {
	const element = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) {
		if (key.startsWith("on"))
			element.addEventListener(key.slice(2), value);
		else if (value === true)
			element.setAttribute(key, "");
		else if (value !== false && value !== null && value !== undefined)
			element.setAttribute(key, value);
	}
	element.append(...children.filter((child) => child !== null && child !== undefined));
	return element;
}

export const name = (text) => el("bdi", {}, plain(text));

/** Without characters that turn or hide what stands around them: for labels, where no <bdi> can be. Line breaks stay. */
export function plain(text) {
	return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, "");
}

export function size(bytes) {
	const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
	let unit = 0;
	while (bytes >= 1024 && unit < units.length - 1) {
		bytes /= 1024;
		unit++;
	}
	return `${unit === 0 ? bytes : bytes.toFixed(bytes < 10 ? 1 : 0)} ${units[unit]}`;
}

const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const yearFormat = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const timeFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const fullFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit" });

export const dayKey = (date) => `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`;
export const time = (text) => timeFormat.format(new Date(text));
export const moment = (text) => fullFormat.format(new Date(text));

export function day(date) {
	const today = new Date(), yesterday = new Date();
	yesterday.setDate(today.getDate() - 1);
	if (dayKey(date) === dayKey(today))
		return "Today";
	if (dayKey(date) === dayKey(yesterday))
		return "Yesterday";
	return (date.getFullYear() === today.getFullYear() ? dayFormat : yearFormat).format(date);
}

/** "bob, carol and you" */
export function people(names, self) {
	const others = names.filter((one) => one !== self);
	if (others.length === 0)
		return "only you";
	const words = names.includes(self) ? [...others, "you"] : others;
	return words.length === 1 ? words[0] : `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}

export function describe(item, self) {
	if (!item.holds)
		return `Something from ${plain(item.owner)} does not hold: ${plain(item.why)}`;
	const kind = { image: "Picture", message: "Message", file: "File" }[item.kind] ?? "Item";
	const who = item.signer.own ? "you" : item.signer.user;
	const words = item.kind === "message" ? (item.text ?? "") : item.caption || item.name;
	return `${kind} from ${who}, ${time(item.received)}${words ? `: ${plain(words).slice(0, 200)}` : ""}`;
}

const box = document.getElementById("toast");
let toastTimer = 0;
export function toast(text) {
	box.textContent = plain(text);
	box.hidden = false;
	// A modal dialog is above everything else: the words must be in it to be seen and heard. It throws its children away when it is filled anew.
	(document.querySelector("dialog[open]") ?? document.body).append(box);
	clearTimeout(toastTimer);
	toastTimer = setTimeout(() => { box.hidden = true; }, 6000);
}

// SPDX-License-Identifier: GPL-3.0-or-later
//
// With whom: the choice of people, sharing and taking back, and the question whether one is sure.

import { call, get } from "./api.js";
import { model } from "./model.js";
import { el, icon, name, people, plain, toast } from "./words.js";

const sheet = document.getElementById("sheet");
let serial = 0;

/** Enter in a field takes the first button of type "submit": never the one that gives up. */
const choice = ({ words, value, kind }) => el("button", value === "" ? { type: "button", onclick: () => sheet.close("") } : { value, class: kind ?? "" }, words);

/** Shows a sheet with these parts; resolves with the value of the button that closed it ("" for Escape). */
export function ask(title, parts, buttons) {
	const heading = `sheet-${++serial}`;
	const form = el("form", { method: "dialog" }, el("h2", { id: heading }, title), ...parts,
		el("div", { class: "choices" }, ...buttons.map(choice)));
	sheet.setAttribute("aria-labelledby", heading);
	sheet.replaceChildren(form);
	sheet.returnValue = "";
	sheet.showModal();
	return new Promise((resolve) => {
		sheet.addEventListener("close", function told() {
			const mine = form.isConnected;
			if (mine && sheet.open)
				return;                 // the browser tells late of the sheet before this one
			sheet.removeEventListener("close", told);
			resolve(mine ? sheet.returnValue : "");
		});
	});
}

export async function confirm(title, words, deed) {
	return await ask(title, [el("p", {}, words)], [{ words: "Cancel", value: "" }, { words: deed, value: "yes", kind: "danger" }]) === "yes";
}

/** Checkboxes for groups and for everybody who is known, and a field for somebody who is not yet. {parts, chosen()} */
export function peoplePicker(without = []) {
	const known = model.people.filter((one) => !without.includes(one.name));
	const groups = model.groups.map((one) => el("input", { type: "checkbox", name: "group", value: `@${one.name}` }));
	const boxes = known.map((one) => el("input", { type: "checkbox", name: "person", value: one.name }));
	const other = el("input", { type: "text", id: `other-${++serial}`, autocomplete: "off", autocapitalize: "none", spellcheck: "false", placeholder: "bob, carol" });
	const list = el("fieldset", {}, el("legend", {}, "People"), ...model.groups.map((one, i) => el("label", { class: "person" }, groups[i], name(`@${one.name}`),
		el("span", { class: "quiet" }, people(one.members, model.self)))), ...known.map((one, i) => el("label", { class: "person" }, boxes[i], name(one.name),
		one.verified ? el("span", { class: "good" }, icon("check"), "verified") : el("span", { class: "quiet" }, "not verified"))),
	known.length + groups.length === 0 ? el("p", { class: "quiet" }, "Nobody that you have met yet.") : null);
	return {
		parts: [list, el("label", { class: "field", for: other.id }, "Somebody else, by name", other)],
		chosen: () => [...[...groups, ...boxes].filter((box) => box.checked).map((box) => box.value), ...other.value.split(/[\s,]+/).filter((one) => one)],
	};
}

async function change(method, item, user) {
	await call(method, `/api/items/${item.item}/readers/${encodeURIComponent(user)}`);
}

function reader(item, user, list) {
	const line = el("li", {}, name(user));
	if (item.signer.own && user !== model.self)
		line.append(el("button", { type: "button", "aria-label": `Take back from ${plain(user)}`, onclick: async () => {
			try {
				await change("DELETE", item, user);
				line.remove();
				toast(`Taken back from ${user}. What they have fetched already stays with them.`);
			} catch (error) {
				toast(`It cannot be taken back: ${error.message}`);
			}
		} }, "Take back"));
	list.append(line);
}

async function shareAll(item, users) {
	for (const user of users) {
		try {
			await change("PUT", item, user);
			toast(`Shared with ${user}.`);
		} catch (error) {
			toast(`Not shared with ${user}: ${error.message}`);
			return;
		}
	}
}

export async function shareItem(item) {
	let readers = item.to;
	try {
		readers = (await get(`/api/items/${item.item}/readers`)).readers;
	} catch (error) {
		toast(error.message);
	}
	const list = el("ul", { class: "readers", "aria-label": "Who can see it" });
	readers.forEach((user) => reader(item, user, list));
	const picker = peoplePicker(readers);
	const answer = await ask("Share this", [el("p", { class: "quiet" }, "Now seen by"), list, ...picker.parts], [{ words: "Close", value: "" },
		{ words: "Share", value: "share", kind: "primary" }]);
	if (answer === "share")
		await shareAll(item, picker.chosen());
}

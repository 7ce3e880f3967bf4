// SPDX-License-Identifier: GPL-3.0-or-later
//
// What there is to see: every item that the process described, newest first, and the filter. Whoever shows it is told of each change.

import { get } from "./api.js";

export const model = { self: "", device: "", people: [], groups: [], items: [], filter: { sender: "", audience: "" }, complete: false };
const byId = new Map(), watchers = new Set();

export const watch = (fn) => watchers.add(fn);
const tell = (what, item) => watchers.forEach((fn) => fn(what, item));

export const sender = (item) => (item.holds ? item.signer.user : item.owner);
export const audience = (item) => (item.holds ? item.to.join(",") : "");
export const find = (id) => byId.get(id);
export const isShown = (item) => (!model.filter.sender || sender(item) === model.filter.sender) &&
	(!model.filter.audience || audience(item) === model.filter.audience);
export const shown = () => model.items.filter(isShown);

/** Newest first; mostly it belongs at one of the ends. */
function place(item) {
	const items = model.items;
	let at = items.length;
	if (items.length > 0 && item.sequence > items[0].sequence)
		at = 0;
	while (at > 0 && at <= items.length && items[at - 1].sequence < item.sequence)
		at--;
	items.splice(at, 0, item);
}

export function put(item) {
	if (!item.item)
		item.item = `?${item.sequence}`;
	if (byId.has(item.item))
		remove(item.item);
	byId.set(item.item, item);
	if (item.holds && !item.signer.own && !model.people.some((one) => one.name === item.signer.user))
		model.people.push({ name: item.signer.user, verified: item.signer.verified });
	place(item);
	tell("put", item);
}

export function remove(id) {
	const item = byId.get(id);
	if (!item)
		return;
	byId.delete(id);
	model.items.splice(model.items.indexOf(item), 1);
	tell("remove", item);
}

export function setFilter(filter) {
	Object.assign(model.filter, filter);
	tell("filter");
}

export async function refresh(id) {
	try {
		put(await get(`/api/items/${id}`));
	} catch (error) {
		if (error.status === 404)
			remove(id);
	}
}

export async function loadPeople() {
	const answer = await get("/api/people");
	Object.assign(model, { self: answer.user, device: answer.device, people: answer.people, groups: answer.groups });
	tell("people");
}

/** All of it, newest first. What the server shows no more goes. */
export async function load() {
	const seen = new Set(), earlier = new Set(byId.keys());      // what comes live meanwhile is not in the list, and stays
	let before = "";
	for (;;) {
		const page = await get(`/api/items${before ? `?before=${before}` : ""}`);
		for (const item of page.items) {
			seen.add(item.item || `?${item.sequence}`);
			const known = byId.get(item.item);
			if (!known || JSON.stringify(known) !== JSON.stringify(item))
				put(item);
		}
		tell("page");
		if (page.next === null)
			break;
		before = page.next;
	}
	for (const item of [...model.items])
		if (earlier.has(item.item) && !seen.has(item.item))
			remove(item.item);
	model.complete = true;
	tell("complete");
}

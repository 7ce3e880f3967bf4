// SPDX-License-Identifier: GPL-3.0-or-later
//
// Asking the gallery's process. The page's key lives in sessionStorage, which is this port's alone; the cookie beside it no script can read.

const KEY = "sis-page-key", KEY_HEADER = "Sis-Page-Key";
let key = sessionStorage.getItem(KEY);

/** What went wrong, in the process's own words. */
export class Problem extends Error {
	constructor(status, words) {
		super(words);
		this.status = status;
	}
}

async function problem(answer) {
	let words = `The gallery answered with status ${answer.status}.`;
	try {
		const document = await answer.json();
		words = document.detail ?? document.title ?? words;
	} catch { /* no problem document: the status must do */ }
	return new Problem(answer.status, words);
}

/** Exchanges the link's token, once, and takes it out of the address and the history before anything else happens. */
export async function enter() {
	const token = location.hash.slice(1);
	if (/^[0-9a-f]{32}$/.test(token)) {
		history.replaceState(null, "", location.pathname);
		const answer = await fetch("/api/session", { method: "POST", body: token });
		if (!answer.ok)
			throw await problem(answer);
		key = (await answer.json()).key;
		sessionStorage.setItem(KEY, key);
	}
	if (!key)
		throw new Problem(401, "Open the gallery with the link that “sis gallery” printed: this address alone opens nothing.");
}

export async function call(method, path, options = {}) {
	let answer;
	try {
		answer = await fetch(path, { method, ...options, headers: { ...options.headers, [KEY_HEADER]: key } });
	} catch (error) {
		if (error.name === "AbortError")
			throw error;
		throw new Problem(0, "The gallery has ended. Start “sis gallery” again.");
	}
	if (!answer.ok)
		throw await problem(answer);
	return answer;
}

export const get = async (path, options) => (await call("GET", path, options)).json();
export const blob = async (path, signal) => (await call("GET", path, { signal })).blob();

/** Sends a file; XMLHttpRequest because fetch tells no progress of what is sent. Returns {promise, cancel}. */
export function upload(file, about, onProgress) {
	const request = new XMLHttpRequest();
	const words = new TextEncoder().encode(JSON.stringify(about));
	const promise = new Promise((resolve, reject) => {
		request.upload.addEventListener("progress", (event) => onProgress(event.loaded, event.total));
		request.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
		request.addEventListener("error", () => reject(new Problem(0, "The gallery has ended, or refused the file.")));
		request.addEventListener("load", () => {
			let answer = {};
			try {
				answer = JSON.parse(request.responseText);
			} catch { /* told by the status below */ }
			if (request.status === 200)
				resolve(answer);
			else
				reject(new Problem(request.status, answer.detail ?? answer.title ?? `The gallery answered with status ${request.status}.`));
		});
		request.open("POST", "/api/uploads");
		request.setRequestHeader(KEY_HEADER, key);
		request.setRequestHeader("Sis-Upload", btoa(String.fromCharCode(...words)));
		request.setRequestHeader("Content-Type", "application/octet-stream");
		request.send(file);
	});
	return { promise, cancel: () => request.abort() };
}

/** Calls tell() for each thing that happens, for ever; EventSource could not send the key. onState(true) after each (re)connection. */
export async function listen(tell, onState) {
	for (let pause = 500; ; pause = Math.min(pause * 2, 10000)) {
		try {
			const answer = await call("GET", "/api/events");
			const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
			let text = "";
			onState(true);
			pause = 500;
			for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
				text += piece.value;
				const events = text.split("\n\n");
				text = events.pop();
				for (const event of events.filter((one) => one.startsWith("data: ")))
					tell(JSON.parse(event.slice(6)));
			}
		} catch (error) {
			if (error.status === 401)
				return onState(false, error);
		}
		onState(false);
		await new Promise((resolve) => { setTimeout(resolve, pause); });
	}
}
